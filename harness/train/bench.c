#include "harness/train/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/base/stopwatch.h"
#include "net/cost.h"
#include "net/init.h"
#include "net/philox.h"

/* How far a gradient may be from the oracle's, in norm, and the loss. In fp32 one ReLU in a million
 * falls on the other side of zero and shifts a layer's gradient by some thousandths; in tf32 and
 * bf16 one in some thousands or hundreds does, in every layer. A wrong kernel is off by the whole
 * norm and more. */
typedef struct Tolerance {
    double gradient, loss;
} Tolerance;

static Tolerance tolerance_of(Precision precision) {
    if (precision == PRECISION_BF16)
        return (Tolerance){.gradient = 0.6, .loss = 2e-2};
    if (precision == PRECISION_TF32)
        return (Tolerance){.gradient = 0.3, .loss = 2e-3};
    return (Tolerance){.gradient = 0.03, .loss = 1e-4};
}

struct Bench {
    BenchSpec spec;
    const Net *net;
    Backend *backend;
    State *state;
    Dataset *data;
    Program *train, *infer;
    uint8_t *bytes;
    int32_t *labels;
    float *scale;
    Sample *samples;
    int64_t steps; /* done: each draws its own dropout */
};

/* ---- input ---- */

static Status generate(Bench *bench) {
    Shape shape = bench->net->nodes[0].out;
    int count = bench->spec.batch;
    int classes = node_in(bench->net, bench->net->node_count - 1).c;
    size_t size = shape_count(shape);
    bench->bytes = malloc((size_t)count * size);
    bench->labels = malloc((size_t)count * sizeof *bench->labels);
    bench->scale = malloc((size_t)shape.c * sizeof *bench->scale);
    bench->samples = calloc((size_t)count, sizeof *bench->samples);
    if (!bench->bytes || !bench->labels || !bench->scale || !bench->samples)
        return status_fail(STATUS_NO_MEMORY, "no memory for %d images", count);
    for (int c = 0; c < shape.c; c++)
        bench->scale[c] = 1.0f / 64;
    for (int n = 0; n < count; n++) {
        Philox draw = philox(bench->spec.seed, STREAM_TEST, 1, (uint32_t)n, 0);
        bench->labels[n] = (int32_t)philox_below(draw.v[0], (uint32_t)classes);
        bench->samples[n] = (Sample){.index = n,
                                     .dy = (int16_t)((int)philox_below(draw.v[1], 9) - 4),
                                     .dx = (int16_t)((int)philox_below(draw.v[2], 9) - 4),
                                     .flip = (int32_t)(draw.v[3] & 1)};
        for (size_t i = 0; i < size; i += 4) {
            Philox pixels = philox(bench->spec.seed, STREAM_TEST, 2, (uint32_t)n, (uint32_t)i);
            for (size_t k = 0; k < 4 && i + k < size; k++)
                bench->bytes[n * size + i + k] = (uint8_t)pixels.v[k];
        }
    }
    return STATUS_OK;
}

static Status make_dataset(const Bench *bench, Backend *backend, Dataset **data) {
    DatasetSpec spec = {.count = bench->spec.batch,
                        .shape = bench->net->nodes[0].out,
                        .bytes = bench->bytes,
                        .labels = bench->labels,
                        .scale = bench->scale};
    return dataset_create(backend, &spec, data);
}

/* ---- set-up ---- */

static Status set_up(Bench *bench) {
    Optimizer optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-4};
    TRY(generate(bench));
    TRY(state_create(bench->backend, bench->net, &optimizer, &bench->state));
    TRY(init_state(bench->state, INIT_HE_FAN_IN, bench->spec.seed));
    return make_dataset(bench, bench->backend, &bench->data);
}

Status bench_create(const BenchSpec *spec, const Net *net, Backend *backend, Bench **out) {
    Bench *bench = calloc(1, sizeof *bench);
    if (!bench)
        return status_fail(STATUS_NO_MEMORY, "no memory for a benchmark");
    bench->spec = *spec;
    bench->net = net;
    bench->backend = backend;
    Status status = set_up(bench);
    if (status == STATUS_OK)
        *out = bench;
    else
        bench_destroy(bench);
    return status;
}

void bench_destroy(Bench *bench) {
    if (!bench)
        return;
    program_destroy(bench->train);
    program_destroy(bench->infer);
    dataset_destroy(bench->data);
    state_destroy(bench->state);
    free(bench->bytes);
    free(bench->labels);
    free(bench->scale);
    free(bench->samples);
    free(bench);
}

static Status compiled(const BenchSpec *bench, State *state, BenchPhase phase, Precision precision,
                       int batch, Program **program) {
    ProgramSpec spec = {
        .mode = phase == BENCH_TRAIN ? MODE_TRAIN : MODE_EVAL,
        .max_batch = batch,
        .conv = precision == PRECISION_FP64 ? CONV_ALGORITHM_DIRECT /* the oracle */ : bench->conv,
        .precision = precision,
        .seed = bench->seed};
    return program_compile(state, &spec, program);
}

/* ---- verification ---- */

/* Forward and backward on the first verify_count images; the mean loss. */
static Status one_step(const Bench *bench, Program *program, const Dataset *data, double *loss) {
    Batch batch = {.data = data, .samples = bench->samples, .count = bench->spec.verify_count};
    Metrics metrics;
    TRY(program_forward(program, &batch));
    TRY(program_backward(program, NULL));
    TRY(program_metrics(program, &metrics));
    *loss = metrics.loss_sum / (double)metrics.images;
    return STATUS_OK;
}

/* |got - want| / |want| of one parameter's gradient. */
static Status gradient_error(State *got_state, State *want_state, int param, double *error) {
    size_t count = got_state->net->params[param].count;
    float *got = malloc(count * sizeof *got), *want = malloc(count * sizeof *want);
    Status status = STATUS_OK;
    double away = 0, size = 0;
    if (!got || !want) {
        status = status_fail(STATUS_NO_MEMORY, "no memory to compare gradients");
        goto out;
    }
    CHECK(state_read(got_state, SECTION_GRADIENT, param, got));
    CHECK(state_read(want_state, SECTION_GRADIENT, param, want));
    for (size_t i = 0; i < count; i++) {
        away += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    *error = sqrt(away) / sqrt(size);
out:
    free(got);
    free(want);
    return status;
}

static Status compare_steps(Bench *bench, State *oracle, Program *slow, const Dataset *data,
                            double *worst) {
    double got, want;
    Tolerance tolerance = tolerance_of(bench->spec.precision);
    *worst = 0;
    TRY(one_step(bench, bench->train, bench->data, &got));
    TRY(one_step(bench, slow, data, &want));
    if (!(fabs(got - want) <= tolerance.loss * fabs(want)))
        return status_fail(STATUS_BACKEND, "verification failed: loss %.9g, the oracle has %.9g",
                           got, want);
    for (int i = 0; i < bench->net->param_count; i++) {
        if (param_is_statistic(&bench->net->params[i]))
            continue;
        double error = NAN;
        TRY(gradient_error(bench->state, oracle, i, &error));
        if (!(error <= tolerance.gradient))
            return status_fail(STATUS_BACKEND,
                               "verification failed: the gradient of '%s' is %.3g of its norm away "
                               "from the oracle's (tolerance %.3g)",
                               bench->net->params[i].name, error, tolerance.gradient);
        *worst = fmax(*worst, error);
    }
    return STATUS_OK;
}

Status bench_verify(Bench *bench, double *worst) {
    BackendOptions options = {0};
    Optimizer optimizer = {0};
    Backend *ref = NULL;
    State *oracle = NULL;
    Dataset *data = NULL;
    Program *slow = NULL;
    Status status = STATUS_OK;
    if (!bench->train)
        TRY(compiled(&bench->spec, bench->state, BENCH_TRAIN, bench->spec.precision,
                     bench->spec.batch, &bench->train));
    CHECK(backend_open("ref", &options, &ref));
    CHECK(state_create(ref, bench->net, &optimizer, &oracle));
    CHECK(init_state(oracle, INIT_HE_FAN_IN, bench->spec.seed));
    CHECK(make_dataset(bench, ref, &data));
    CHECK(compiled(&bench->spec, oracle, BENCH_TRAIN, PRECISION_FP64, bench->spec.verify_count,
                   &slow));
    CHECK(compare_steps(bench, oracle, slow, data, worst));
    CHECK(init_state(bench->state, INIT_HE_FAN_IN, bench->spec.seed));
out:
    program_destroy(slow);
    dataset_destroy(data);
    state_destroy(oracle);
    backend_close(ref);
    return status;
}

Status bench_account(Bench *bench, int steps, Account *account) {
    Batch batch = {.data = bench->data, .samples = bench->samples, .count = bench->spec.batch};
    if (!bench->train)
        TRY(compiled(&bench->spec, bench->state, BENCH_TRAIN, bench->spec.precision,
                     bench->spec.batch, &bench->train));
    for (int i = 0; i < steps; i++)
        batch.step = bench->steps++;
    TRY(program_train_step(bench->train, &batch, 0.01));
    return program_account(bench->train, account);
}

/* ---- timing ---- */

static Status run_step(Bench *bench, BenchPhase phase) {
    Batch batch = {.data = bench->data,
                   .samples = bench->samples,
                   .count = bench->spec.batch,
                   .step = bench->steps++};
    return phase == BENCH_TRAIN ? program_train_step(bench->train, &batch, 0.01)
                                : program_forward(bench->infer, &batch);
}

/* Waits for a device; a loss that is not finite is nothing to time. */
static Status check_loss(Program *program) {
    Metrics metrics;
    TRY(program_metrics(program, &metrics));
    return isfinite(metrics.loss_sum)
               ? STATUS_OK
               : status_fail(STATUS_DIVERGED, "the loss became %g: nothing to time",
                             metrics.loss_sum);
}

/* Milliseconds from step to step, as a training runs them: without waiting in between. */
static Status time_steps(Bench *bench, BenchPhase phase, Program *program, Stopwatch *watch,
                         double *ms) {
    for (int i = 0; i < bench->spec.warmup; i++)
        TRY(run_step(bench, phase));
    TRY(check_loss(program));
    TRY(stopwatch_mark(watch));
    for (int i = 0; i < bench->spec.steps; i++) {
        TRY(run_step(bench, phase));
        TRY(stopwatch_mark(watch));
    }
    TRY(check_loss(program));
    for (int i = 0; i < bench->spec.steps; i++) {
        double seconds;
        TRY(stopwatch_lap(watch, i, &seconds));
        ms[i] = 1e3 * seconds;
    }
    return STATUS_OK;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double peak_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void fill_row(const Bench *bench, BenchPhase phase, double *ms, BenchRow *row) {
    int n = bench->spec.steps;
    qsort(ms, (size_t)n, sizeof *ms, ascending);
    double flops = phase == BENCH_TRAIN ? net_train_flops(bench->net) : net_infer_flops(bench->net);
    row->ms_median = n % 2 ? ms[n / 2] : 0.5 * (ms[n / 2 - 1] + ms[n / 2]);
    row->ms_min = ms[0];
    row->ms_max = ms[n - 1];
    row->images_per_s = 1e3 * bench->spec.batch / row->ms_median;
    row->gflop_per_s = 1e-9 * flops * row->images_per_s;
    row->peak_mib = peak_mib();
}

Status bench_time(Bench *bench, BenchPhase phase, BenchRow *row) {
    Program **program = phase == BENCH_TRAIN ? &bench->train : &bench->infer;
    double *ms = malloc((size_t)bench->spec.steps * sizeof *ms);
    Stopwatch watch = {0};
    Status status = STATUS_OK;
    if (!ms)
        CHECK(status_fail(STATUS_NO_MEMORY, "no memory for %d timings", bench->spec.steps));
    if (!*program)
        CHECK(compiled(&bench->spec, bench->state, phase, bench->spec.precision, bench->spec.batch,
                       program));
    CHECK(stopwatch_open(&watch, bench->backend, bench->spec.steps + 1));
    CHECK(time_steps(bench, phase, *program, &watch, ms));
    fill_row(bench, phase, ms, row);
out:
    stopwatch_close(&watch);
    free(ms);
    return status;
}
