/* One run of a sweep: configuration -> data, net, training -> rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/digest.h"
#include "harness/ranks/ranks.h"
#include "harness/sweep/events.h"
#include "harness/sweep/images.h"
#include "harness/sweep/record.h"
#include "harness/sweep/run_weights.h"
#include "harness/sweep/sweep.h"
#include "harness/sweep/training.h"
#include "harness/sweep/worker.h"
#include "net/cost.h"

enum { CROP_PAD = 4 }; /* He et al. 2015, section 4.2 */

/* A column's text where the trainer wants "" for none. */
static const char *unless_none(const char *text) {
    return strcmp(text, "none") == 0 ? "" : text;
}

static Status choose_images(Training *t, const DataSource *source) {
    const RunImages *images = &t->images;
    TrainSpec *spec = &t->spec;
    TRY(run_images_choose(t->config, source, &t->images));
    spec->train_set = &source->train;
    spec->test_set = &source->test;
    spec->train = images->train;
    spec->train_count = images->train_count;
    spec->validation = images->validation;
    spec->validation_count = images->validation_count;
    spec->test = images->test;
    spec->test_count = images->test_count;
    spec->normalization = &images->normalization;
    return STATUS_OK;
}

static Status choose_training(Training *t) {
    const RunConfig *c = t->config;
    TrainSpec *spec = &t->spec;
    bool crops = c->augment == AUGMENT_CROP || c->augment == AUGMENT_CROP_FLIP;
    int input = c->input_size ? (int)c->input_size : spec->train_set->shape.h;
    if (c->resize && c->resize < input)
        return status_fail(STATUS_BAD_INPUT, "resize: %lld is smaller than the net's input of %d",
                           (long long)c->resize, input);
    spec->resize = (int)c->resize;
    spec->test_resize = (int)c->test_resize;
    spec->crop_pad = !crops ? 0 : spec->resize ? (spec->resize - input) / 2 : CROP_PAD;
    spec->flip = c->augment == AUGMENT_FLIP || c->augment == AUGMENT_CROP_FLIP;
    spec->shuffle = c->shuffle != 0;
    spec->batch = (int)c->batch;
    spec->bn_group = (int)c->bn_group;
    spec->shares = (int)c->shares;
    spec->iterations = run_iterations(c, spec->train_count);
    spec->eval_every = c->eval_every;
    spec->lr = c->lr;
    spec->optimizer = config_optimizer(c);
    spec->init = (InitKind)c->init;
    spec->seed = (uint64_t)c->seed;
    spec->bn_eval = (BnEval)c->bn_eval;
    spec->last_batch = (LastBatch)c->last_batch;
    double steps = last_batch_steps(spec->last_batch, spec->train_count, spec->batch);
    TRY(schedule_parse(unless_none(c->schedule), llround(steps * spec->batch), spec->batch,
                       &spec->schedule));
    TRY(warmup_parse(unless_none(c->warmup), &spec->warmup));
    spec->conv = (ConvAlgorithm)c->conv;
    return precision_parse(c->precision, &spec->precision);
}

Status training_prepare(Training *t, const DataSource *source, const Backend *backend,
                        const char *key) {
    ModelSpec model = config_model(t->config, source->train.shape, source->train.classes);
    RunFacts *facts = &t->facts;
    memcpy(facts->key, key, KEY_SIZE);
    memcpy(facts->dataset_sha256, source->sha256, sizeof facts->dataset_sha256);
    facts->backend = backend->info;
    record_begin(facts);
    TRY(model_build(&model, &t->net));
    Cost cost = net_cost(t->net);
    facts->parameters = cost.parameters;
    facts->macs = cost.macs;
    TRY(choose_images(t, source));
    facts->train_images = t->spec.train_count;
    facts->test_images = t->spec.test_count;
    return choose_training(t);
}

/* What the backend chose, and its hash for the row. */
typedef struct Description {
    char *text;
    size_t size;
} Description;

static Status write_description(FILE *file, void *context) {
    const Description *description = context;
    fputs(description->text, file);
    return STATUS_OK;
}

static Status record_algorithms(Training *t, const Description *description) {
    struct sha256_ctx hash;
    char digest[DIGEST_TEXT];
    if (description->size == 0)
        return STATUS_OK;
    sha256_init(&hash);
    sha256_update(&hash, description->size, (const uint8_t *)description->text);
    digest_text(&hash, digest);
    snprintf(t->facts.algorithms, sizeof t->facts.algorithms, "%.16s", digest);
    return output_file(t->output, t->facts.key, "algorithms.txt", write_description,
                       (void *)description);
}

static Status on_start(void *context, State *state) {
    const Training *t = context;
    return run_weights_load(t->config, t->facts.weights_sha256, state);
}

static Status on_compiled(void *context, const Program *train) {
    Training *t = context;
    Description description = {0};
    FILE *memory = open_memstream(&description.text, &description.size);
    if (!memory)
        return status_fail(STATUS_NO_MEMORY, "no memory to describe a program");
    Status status = program_describe(train, memory);
    if (fclose(memory) != 0 && status == STATUS_OK)
        status = status_fail(STATUS_NO_MEMORY, "no memory to describe a program");
    if (status == STATUS_OK)
        status = record_algorithms(t, &description);
    free(description.text);
    return status;
}

/* A progress report has no way to fail; what failed there is told here. */
static Status log_curve(Training *t, const CurveRow *row) {
    TRY(t->events_status);
    return t->events ? events_curve(t->events, row) : STATUS_OK;
}

static Status on_curve(void *context, const CurveRow *row) {
    Training *t = context;
    t->point.joules += energy_take(&t->meter);
    record_curve(t->rows[ROWS_CURVES], t->config, t->facts.key, row);
    TRY(output_flush("a run's curves.csv", t->rows[ROWS_CURVES]));
    TRY(log_curve(t, row));
    if (!t->point.evaluated || row->test_error_pct < t->point.best.test_error_pct)
        t->point.best = *row;
    if (!t->point.evaluated ||
        row->validation_error_pct < t->point.best_validation.validation_error_pct)
        t->point.best_validation = *row;
    t->point.evaluated = true;
    if (t->hooks->curve)
        t->hooks->curve(t->hooks->context, row);
    return STATUS_OK;
}

static Status on_step(void *context, const StepRow *row) {
    const Training *t = context;
    record_step(t->rows[ROWS_STEPS], row);
    return output_flush("a run's steps.csv", t->rows[ROWS_STEPS]);
}

static Status on_layers(void *context, int64_t iteration, const LayerRow *rows, int count) {
    const Training *t = context;
    for (int i = 0; i < count; i++)
        record_layer(t->rows[ROWS_LAYERS], t->config, t->facts.key, iteration, &rows[i]);
    return output_flush("a run's layers.csv", t->rows[ROWS_LAYERS]);
}

static Status on_end(void *context, State *state, int64_t iterations) {
    const Training *t = context;
    return run_weights_save(t->output, t->facts.key, t->config, iterations, state);
}

static void on_progress(void *context, const TrainProgress *progress) {
    Training *t = context;
    t->point.joules += energy_take(&t->meter); /* often enough for the counters */
    if (t->hooks->progress)
        t->hooks->progress(t->hooks->context, progress);
    if (t->events && t->events_status == STATUS_OK)
        t->events_status = events_progress(t->events, progress);
}

static void ask_for_logs(Training *t, TrainHooks *hooks) {
    const SweepLogs *logs = &t->hooks->logs;
    t->wanted[ROWS_CURVES] = true;
    t->wanted[ROWS_STEPS] = logs->log_every > 0;
    t->wanted[ROWS_LAYERS] = logs->layers;
    t->spec.log_every = logs->log_every;
    t->spec.checkpoint_every = logs->checkpoint_every;
    hooks->progress =
        t->hooks->progress || logs->tensorboard || t->meter.count ? on_progress : NULL;
    hooks->layers = logs->layers ? on_layers : NULL;
    hooks->step = logs->log_every ? on_step : NULL;
    hooks->end = logs->save_weights ? on_end : NULL;
}

/* Also what has failed must be closed; the first failure is told. */
static Status end_logs(Training *t) {
    Status status = t->events_status;
    for (int i = 0; i < ROWS_FILES; i++) {
        Status end = output_end_rows(t->rows[i]);
        status = status == STATUS_OK ? end : status;
        t->rows[i] = NULL;
    }
    Status end = event_file_close(t->events);
    t->events = NULL;
    return status == STATUS_OK ? end : status;
}

static Status write_run(FILE *file, void *context) {
    const Training *t = context;
    const CurveRow *choices[] = {&t->result->last, &t->point.best_validation, &t->point.best};
    const CurveRow *best = t->point.evaluated ? &t->point.best : NULL;
    bool none = t->result->diverged || t->facts.outcome;
    const CurveRow *chosen = none ? NULL : choices[t->config->select];
    record_runs_header(file);
    bool held = t->point.evaluated && !isnan(t->point.best_validation.validation_error_pct);
    record_run(file, t->config, &t->facts, t->result, chosen, best,
               held && !none ? &t->point.best_validation : NULL);
    return STATUS_OK;
}

static Status write_reason(FILE *file, void *context) {
    fprintf(file, "%s\n", (const char *)context);
    return STATUS_OK;
}

Status sweep_record_failure(Sweep *sweep, int number, const char *outcome, const char *why) {
    const SweepRun *run = &sweep->runs[number];
    char reason[2200];
    SweepHooks nobody = {0};
    TrainResult result = {0};
    Training t = {
        .config = &run->config, .hooks = &nobody, .output = &sweep->output, .result = &result};
    Backend *backend;
    snprintf(reason, sizeof reason, "%s", why); /* it may be the status message */
    Status status = sweep_backend(sweep, &run->config, &backend);
    if (status == STATUS_OK) /* when this fails the row says less */
        (void)training_prepare(&t, sweep_source(sweep, run->config.dataset), backend, run->key);
    memcpy(t.facts.key, run->key, KEY_SIZE);
    memcpy(t.facts.weights_sha256, run->weights_sha256, sizeof t.facts.weights_sha256);
    t.facts.outcome = outcome;
    status = output_file(&sweep->output, run->key, OUTPUT_FAILURE, write_reason, reason);
    if (status == STATUS_OK)
        status = output_run(&sweep->output, run->key, write_run, &t);
    run_images_free(&t.images);
    net_destroy(t.net);
    return status == STATUS_OK ? sweep_rebuild(sweep) : status;
}

Status sweep_train(Sweep *sweep, int number, const SweepHooks *hooks, TrainResult *result) {
    const SweepRun *run = &sweep->runs[number];
    const DataSource *source = sweep_source(sweep, run->config.dataset);
    Training t = {.config = &run->config,
                  .hooks = hooks,
                  .output = &sweep->output,
                  .program = sweep->program,
                  .result = result};
    TrainHooks train_hooks = {.context = &t,
                              .start = on_start,
                              .compiled = on_compiled,
                              .resume = training_resume,
                              .checkpoint = training_checkpoint,
                              .curve = on_curve,
                              .stop = hooks->stop};
    Backend *backend;
    Status status = STATUS_OK;
    CHECK(sweep_shared_backend(sweep, &run->config, &backend));
    worker_tell_run(sweep, run, backend);
    CHECK(training_prepare(&t, source, backend, run->key));
    memcpy(t.facts.weights_sha256, run->weights_sha256, sizeof t.facts.weights_sha256);
    energy_open(&t.meter, NULL, strcmp(backend->ops->name, "gpu") == 0);
    ask_for_logs(&t, &train_hooks);
    CHECK(train_run(&t.spec, t.net, backend, &train_hooks, result));
    t.facts.joules = t.point.joules + energy_take(&t.meter);
    CHECK(end_logs(&t));
    CHECK(output_run(&sweep->output, run->key, write_run, &t));
    output_remove(&sweep->output, run->key, OUTPUT_CHECKPOINT);
    CHECK(sweep_rebuild(sweep));
out:
    ranks_tell(ORDER_OVER, NULL, 0);
    end_logs(&t);
    run_images_free(&t.images);
    net_destroy(t.net);
    return status;
}
