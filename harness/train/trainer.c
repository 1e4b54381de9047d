#include "harness/train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/train/compile.h"
#include "harness/train/evaluate.h"
#include "harness/train/image_data.h"
#include "harness/train/sampler.h"

/* Iterations between two progress reports, and the most that are done before the metrics are read:
 * a loss that is not finite is seen after so many, though it is counted where it was. */
enum { PROGRESS_WINDOW = 20 };

/* Everything a run holds. */
typedef struct Run {
    const TrainSpec *spec;
    const TrainHooks *hooks;
    const Net *net;
    State *state;
    ImageData train_data, test_data;
    Program *train, *eval, *recalibrate;
    Shares *shares;     /* NULL: the batch is one */
    LayerProbe *layers; /* NULL: nobody asks */
    Sampler *sampler;
    Sample *samples;
    int32_t *clean; /* image numbers */
    int clean_count;
    WarmupState warmup;
    Metrics since_eval, since_report, since_log;
    int64_t done, read;       /* iterations; those whose metrics have been read */
    double started, training; /* seconds: when it began; spent in training steps */
    int64_t saved;            /* iterations done at the last checkpoint */
    double saved_at, saving;  /* when that was; the seconds it took */
    TrainResult *result;
} Run;

static void add(Metrics *sum, const Metrics *more) {
    sum->loss_sum += more->loss_sum;
    sum->errors += more->errors;
    sum->images += more->images;
}

static double percent(const Metrics *m) {
    return m->images ? 100.0 * (double)m->errors / (double)m->images : NAN;
}

static double mean_loss(const Metrics *m) {
    return m->images ? m->loss_sum / (double)m->images : NAN;
}

/* ---- set-up ---- */

static Status compile_all(Run *run) {
    static const Mode modes[] = {MODE_EVAL, MODE_EVAL_BATCH, MODE_EVAL_BATCH_UPDATE, MODE_EVAL};
    const TrainSpec *spec = run->spec;
    TRY(train_compile_steps(spec, run->state, &run->train, &run->shares));
    return train_compile(spec, run->state, modes[spec->bn_eval], spec->batch, 0, &run->eval);
}

/* As the evaluations, but never updating the statistics. */
static Status watch_layers(Run *run) {
    const TrainSpec *spec = run->spec;
    bool own = spec->bn_eval == BN_EVAL_BATCH || spec->bn_eval == BN_EVAL_BATCH_UPDATE;
    return layer_probe_create(run->state, own ? MODE_EVAL_BATCH : MODE_EVAL, spec->batch,
                              spec->precision, &run->layers);
}

/* ---- checkpoints ---- */

static Status resume(Run *run) {
    TrainPoint point = {.warmup_over = run->warmup.over, .best_test_error_pct = INFINITY};
    TRY(run->hooks->resume(run->hooks->context, run->state, &point));
    run->done = run->read = run->saved = run->result->iterations = point.iteration;
    run->warmup = (WarmupState){.over = point.warmup_over != 0,
                                .errors = point.warmup_errors,
                                .images = point.warmup_images,
                                .iterations = (int)point.warmup_iterations};
    run->since_eval = point.since_eval;
    run->since_report = point.since_report;
    run->since_log = point.since_log;
    run->result->last = point.last;
    run->result->best_test_error_pct = point.best_test_error_pct;
    run->started -= point.seconds;
    run->training = point.training;
    return STATUS_OK;
}

static Status save(Run *run) {
    double start = clock_seconds();
    TrainPoint point = {.iteration = run->done,
                        .warmup_over = run->warmup.over,
                        .warmup_errors = run->warmup.errors,
                        .warmup_images = run->warmup.images,
                        .warmup_iterations = run->warmup.iterations,
                        .since_eval = run->since_eval,
                        .since_report = run->since_report,
                        .since_log = run->since_log,
                        .last = run->result->last,
                        .best_test_error_pct = run->result->best_test_error_pct,
                        .seconds = start - run->started,
                        .training = run->training};
    TRY(run->hooks->checkpoint(run->hooks->context, run->state, &point));
    run->saved = run->done;
    run->saved_at = clock_seconds();
    run->saving = run->saved_at - start;
    return STATUS_OK;
}

/* Metrics that have not been read are in no sum yet, and reading them now would form other sums. */
static bool can_save(const Run *run) {
    return run->hooks->checkpoint && run->read == run->done && run->done > run->saved;
}

static bool due_to_save(const Run *run) {
    if (run->spec->checkpoint_every)
        return run->done - run->saved >= run->spec->checkpoint_every;
    return clock_seconds() - run->saved_at >= fmax(CHECKPOINT_SECONDS, 100 * run->saving);
}

static Status set_up(Run *run, Backend *backend) {
    const TrainSpec *spec = run->spec;
    int size = spec->resize ? spec->resize : spec->train_set->shape.h;
    SamplerSpec sampler = {.indices = spec->train,
                           .count = spec->train_count,
                           .batch = spec->batch,
                           .seed = spec->seed,
                           .last = spec->last_batch,
                           .shuffle = spec->shuffle,
                           .crop_centre = crop_centre(size, run->net->nodes[0].out.h),
                           .crop_pad = spec->crop_pad,
                           .flip = spec->flip};
    run->samples = calloc((size_t)spec->batch, sizeof *run->samples);
    if (!run->samples)
        return status_fail(STATUS_NO_MEMORY, "no memory for a batch of %d", spec->batch);
    TRY(sampler_create(&sampler, &run->sampler));
    int wanted = spec->clean_count ? spec->clean_count : TRAIN_CLEAN_DEFAULT;
    TRY(clean_images(spec->train_set, spec->train, spec->train_count, wanted, &run->clean,
                     &run->clean_count));
    TRY(state_create(backend, run->net, &spec->optimizer, &run->state));
    TRY(init_state(run->state, spec->init, spec->seed));
    if (run->hooks->start)
        TRY(run->hooks->start(run->hooks->context, run->state));
    TRY(image_data_open(backend, spec->train_set, spec->normalization, spec->resize,
                        &run->train_data));
    TRY(image_data_open(backend, spec->test_set, spec->normalization, spec->test_resize,
                        &run->test_data));
    TRY(compile_all(run));
    if (run->hooks->layers)
        TRY(watch_layers(run));
    if (run->hooks->compiled)
        TRY(run->hooks->compiled(run->hooks->context, run->train));
    if (run->hooks->resume)
        TRY(resume(run));
    return run->shares ? shares_hand_out(run->shares) : STATUS_OK;
}

static void tear_down(Run *run) {
    layer_probe_destroy(run->layers);
    shares_destroy(run->shares);
    program_destroy(run->train);
    program_destroy(run->eval);
    image_data_close(&run->train_data);
    image_data_close(&run->test_data);
    state_destroy(run->state);
    sampler_destroy(run->sampler);
    free(run->samples);
    free(run->clean);
}

/* ---- recalibration ---- */

/* The running statistics become the mean over whole batches of the clean images. Training does not
 * read them, so it goes on as if nothing had happened. */
static Status recalibrate(Run *run) {
    Evaluation ignored;
    int whole = run->clean_count / run->spec->batch * run->spec->batch;
    TRY(train_compile(run->spec, run->state, MODE_RECALIBRATE, run->spec->batch, 0,
                      &run->recalibrate));
    Status status = evaluate(run->recalibrate, run->train_data.data, run->clean,
                             whole ? whole : run->clean_count, &ignored);
    program_destroy(run->recalibrate);
    run->recalibrate = NULL;
    return status;
}

/* ---- evaluation ---- */

static Status evaluate_all(Run *run, Evaluation *clean, Evaluation *test, Evaluation *held) {
    const TrainSpec *spec = run->spec;
    *held = (Evaluation){.error_pct = NAN};
    if (spec->bn_eval == BN_EVAL_RECALIBRATED)
        TRY(recalibrate(run));
    TRY(evaluate(run->eval, run->train_data.data, run->clean, run->clean_count, clean));
    if (spec->validation_count)
        TRY(evaluate(run->eval, run->train_data.data, spec->validation, spec->validation_count,
                     held));
    return evaluate(run->eval, run->test_data.data, spec->test, spec->test_count, test);
}

static double epoch_of(const Run *run, int64_t iteration) {
    const TrainSpec *spec = run->spec;
    return (double)iteration / last_batch_steps(spec->last_batch, spec->train_count, spec->batch);
}

static Status measure_layers(Run *run, int64_t done) {
    const LayerRow *rows;
    int count, images = run->clean_count;
    images = images < TRAIN_LAYER_IMAGES ? images : TRAIN_LAYER_IMAGES;
    TRY(layer_probe_measure(run->layers, run->train_data.data, run->clean, images, &rows, &count));
    return run->hooks->layers(run->hooks->context, done, rows, count);
}

/* A curve row after `done` iterations; *diverged when the numbers are no longer finite. */
static Status evaluate_now(Run *run, int64_t done, double lr, bool *diverged) {
    Evaluation clean, test, held;
    bool finite;
    int bad;
    TRY(parameters_finite(run->state, &finite, &bad));
    TRY(evaluate_all(run, &clean, &test, &held));
    *diverged = !finite || !isfinite(clean.loss) || !isfinite(test.loss);
    if (*diverged)
        return STATUS_OK;
    CurveRow *row = &run->result->last;
    *row = (CurveRow){.iteration = done,
                      .epoch = epoch_of(run, done),
                      .lr = lr,
                      .train_loss = mean_loss(&run->since_eval),
                      .train_error_pct = percent(&run->since_eval),
                      .train_eval_loss = clean.loss,
                      .train_eval_error_pct = clean.error_pct,
                      .test_loss = test.loss,
                      .test_error_pct = test.error_pct,
                      .validation_error_pct = held.error_pct,
                      .seconds = clock_seconds() - run->started};
    run->since_eval = (Metrics){0};
    run->result->best_test_error_pct = fmin(run->result->best_test_error_pct, row->test_error_pct);
    TRY(run->hooks->curve(run->hooks->context, row));
    return run->layers ? measure_layers(run, done) : STATUS_OK;
}

/* ---- training ---- */

static void report(Run *run, int64_t done, double lr) {
    const TrainSpec *spec = run->spec;
    if (!run->hooks->progress || (done % PROGRESS_WINDOW && done != spec->iterations))
        return;
    double elapsed = clock_seconds() - run->started;
    TrainProgress progress = {.iteration = done,
                              .iterations = spec->iterations,
                              .epoch = epoch_of(run, done),
                              .lr = lr,
                              .loss = mean_loss(&run->since_report),
                              .error_pct = percent(&run->since_report),
                              .images_per_s = (double)done * spec->batch / run->training,
                              .seconds_left =
                                  elapsed * (double)(spec->iterations - done) / (double)done};
    run->hooks->progress(run->hooks->context, &progress);
    run->since_report = (Metrics){0};
}

static bool due(const TrainSpec *spec, int64_t done) {
    return done == spec->iterations || (spec->eval_every && done % spec->eval_every == 0);
}

static bool due_to_log(const TrainSpec *spec, int64_t done) {
    return spec->log_every && (done % spec->log_every == 0 || done == spec->iterations);
}

/* Reading waits for a device, so there it is done only where the sums are wanted. Whoever looks on
 * makes no difference, so that the same sums are formed. */
static bool must_read(const Run *run) {
    return !run->state->backend->ops->metrics_wait || !run->warmup.over ||
           run->done % PROGRESS_WINDOW == 0 || due(run->spec, run->done) ||
           due_to_log(run->spec, run->done);
}

static Status read_metrics(Run *run) {
    Metrics metrics;
    if (run->shares)
        shares_metrics(run->shares, &metrics);
    else
        TRY(program_metrics(run->train, &metrics));
    add(&run->since_eval, &metrics);
    add(&run->since_report, &metrics);
    add(&run->since_log, &metrics);
    warmup_feed(&run->spec->warmup, &run->warmup, metrics.errors, metrics.images);
    run->result->diverged = metrics.bad_batch > 0;
    run->result->iterations = run->result->diverged ? run->read + metrics.bad_batch : run->done;
    run->read = run->done;
    return STATUS_OK;
}

static Status log_step(Run *run, double lr) {
    StepRow row = {.iteration = run->done,
                   .lr = lr,
                   .loss = mean_loss(&run->since_log),
                   .error_pct = percent(&run->since_log)};
    run->since_log = (Metrics){0};
    return run->hooks->step(run->hooks->context, &row);
}

/* One iteration; *lr receives its rate. */
static Status step(Run *run, double *lr) {
    const TrainSpec *spec = run->spec;
    int64_t iteration = run->done;
    *lr =
        run->warmup.over ? schedule_rate(&spec->schedule, spec->lr, iteration) : spec->warmup.rate;
    if (run->layers && due(spec, iteration + 1))
        TRY(layer_probe_remember(run->layers));
    double start = clock_seconds();
    TRY(sampler_batch(run->sampler, iteration, run->samples));
    Batch batch = {.data = run->train_data.data,
                   .samples = run->samples,
                   .count = sampler_count(run->sampler, iteration),
                   .step = iteration};
    TRY(run->shares ? shares_train_step(run->shares, &batch, *lr)
                    : program_train_step(run->train, &batch, *lr));
    run->done++;
    if (must_read(run))
        TRY(read_metrics(run));
    run->training += clock_seconds() - start;
    return STATUS_OK;
}

static Status stopped(Run *run) {
    if (can_save(run))
        TRY(save(run));
    return status_fail(STATUS_INTERRUPTED, "stopped at iteration %lld of %lld",
                       (long long)run->done, (long long)run->spec->iterations);
}

static Status train(Run *run) {
    const TrainSpec *spec = run->spec;
    TrainResult *result = run->result;
    run->saved_at = clock_seconds();
    for (int64_t i = run->done; i < spec->iterations && !result->diverged; i++) {
        double lr;
        if (run->hooks->stop && *run->hooks->stop)
            return stopped(run);
        TRY(step(run, &lr));
        if (result->diverged)
            break;
        if (run->hooks->step && due_to_log(spec, i + 1))
            TRY(log_step(run, lr));
        report(run, i + 1, lr);
        if (due(spec, i + 1))
            TRY(evaluate_now(run, i + 1, lr, &result->diverged));
        bool worth_it = !result->diverged && run->done < spec->iterations && can_save(run);
        if (worth_it && (due(spec, i + 1) || due_to_save(run)))
            TRY(save(run));
    }
    return STATUS_OK;
}

Status train_run(const TrainSpec *spec, const Net *net, Backend *backend, const TrainHooks *hooks,
                 TrainResult *result) {
    Run run = {.spec = spec, .net = net, .hooks = hooks, .result = result};
    memset(result, 0, sizeof *result);
    result->best_test_error_pct = INFINITY;
    run.started = clock_seconds();
    run.warmup.over = spec->warmup.rate == 0;
    Status status = set_up(&run, backend);
    if (status == STATUS_OK)
        status = train(&run);
    if (status == STATUS_OK && !result->diverged && hooks->end)
        status = hooks->end(hooks->context, run.state, run.done);
    result->seconds = clock_seconds() - run.started;
    result->images_per_s = (double)run.done * spec->batch / run.training;
    if (result->diverged)
        result->last = (CurveRow){.iteration = result->iterations,
                                  .train_loss = NAN,
                                  .train_error_pct = NAN,
                                  .train_eval_loss = NAN,
                                  .train_eval_error_pct = NAN,
                                  .test_loss = NAN,
                                  .test_error_pct = NAN,
                                  .validation_error_pct = NAN};
    tear_down(&run);
    return status;
}
