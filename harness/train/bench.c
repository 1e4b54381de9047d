#include "harness/train/bench_parts.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/base/sorted.h"
#include "harness/base/stopwatch.h"
#include "net/cost.h"
#include "net/init.h"
#include "net/philox.h"

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

Status bench_dataset(const Bench *bench, Backend *backend, Dataset **data) {
    DatasetSpec spec = {.count = bench->spec.batch,
                        .shape = bench->net->nodes[0].out,
                        .bytes = bench->bytes,
                        .labels = bench->labels,
                        .scale = bench->scale};
    return dataset_create(backend, &spec, data);
}

/* ---- set-up ---- */

/* He initial values; what only training needs is not there yet. */
static Status renew_state(Bench *bench) {
    Optimizer optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-4};
    state_destroy(bench->state);
    bench->state = NULL;
    TRY(state_create(bench->backend, bench->net, &optimizer, &bench->state));
    return init_state(bench->state, INIT_HE_FAN_IN, bench->spec.seed);
}

static Status set_up(Bench *bench) {
    TRY(generate(bench));
    TRY(renew_state(bench));
    return bench_dataset(bench, bench->backend, &bench->data);
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

ProgramSpec bench_program(const Bench *bench, const State *state, Mode mode, int batch) {
    bool oracle = state != bench->state;
    return (ProgramSpec){.mode = mode,
                         .max_batch = batch,
                         .conv = oracle ? CONV_ALGORITHM_DIRECT : bench->spec.conv,
                         .precision = oracle ? PRECISION_FP64 : bench->spec.precision,
                         .seed = bench->spec.seed};
}

Status bench_compile(Bench *bench, BenchPhase phase) {
    Program **program = phase == BENCH_TRAIN ? &bench->train : &bench->infer;
    Mode mode = phase == BENCH_TRAIN ? MODE_TRAIN : MODE_EVAL;
    ProgramSpec spec = bench_program(bench, bench->state, mode, bench->spec.batch);
    return *program ? STATUS_OK : program_compile(bench->state, &spec, program);
}

Status bench_pass(const Bench *bench, State *state, const Dataset *data, Mode mode, int count,
                  double *loss) {
    ProgramSpec spec = bench_program(bench, state, mode, count);
    Batch batch = {.data = data, .samples = bench->samples, .count = count};
    Program *program = NULL;
    Metrics metrics;
    Status status = STATUS_OK;
    CHECK(program_compile(state, &spec, &program));
    CHECK(program_forward(program, &batch));
    CHECK(program_metrics(program, &metrics));
    *loss = metrics.loss_sum / (double)metrics.images;
out:
    program_destroy(program);
    return status;
}

Status bench_account(Bench *bench, int steps, Account *account) {
    Batch batch = {.data = bench->data, .samples = bench->samples, .count = bench->spec.batch};
    TRY(bench_compile(bench, BENCH_TRAIN));
    for (int i = 0; i < steps; i++) {
        batch.step = bench->steps++;
        TRY(program_train_step(bench->train, &batch, 0.01));
    }
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

/* Forgets what was resident before, so that the peak is that of what follows. A system that does
 * not offer this leaves the peak of the whole process. */
static void forget_peak(void) {
    malloc_trim(0);
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

static double peak_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void fill_row(const Bench *bench, BenchPhase phase, double *ms, BenchRow *row) {
    int n = bench->spec.steps;
    double flops = phase == BENCH_TRAIN ? net_train_flops(bench->net) : net_infer_flops(bench->net);
    row->ms_median = sorted_median(ms, n);
    row->ms_min = ms[0];
    row->ms_max = ms[n - 1];
    row->images_per_s = 1e3 * bench->spec.batch / row->ms_median;
    row->gflop_per_s = 1e-9 * flops * row->images_per_s;
    row->peak_mib = peak_mib();
}

/* Leaves only what this phase needs: its program, and for inference a state without gradients, with
 * statistics that fit the weights. */
static Status prepare(Bench *bench, BenchPhase phase) {
    double loss;
    program_destroy(bench->train);
    program_destroy(bench->infer);
    bench->train = bench->infer = NULL;
    if (phase == BENCH_INFER) {
        TRY(renew_state(bench));
        TRY(bench_pass(bench, bench->state, bench->data, MODE_RECALIBRATE, bench->spec.batch,
                       &loss));
    }
    forget_peak();
    return bench_compile(bench, phase);
}

Status bench_memory(Bench *bench, BenchPhase phase, Memory *memory) {
    TRY(prepare(bench, phase));
    return program_memory(phase == BENCH_TRAIN ? bench->train : bench->infer, bench->data, memory);
}

Status bench_time(Bench *bench, BenchPhase phase, BenchRow *row) {
    double *ms = malloc((size_t)bench->spec.steps * sizeof *ms);
    Stopwatch watch = {0};
    Status status = STATUS_OK;
    if (!ms)
        CHECK(status_fail(STATUS_NO_MEMORY, "no memory for %d timings", bench->spec.steps));
    CHECK(prepare(bench, phase));
    CHECK(stopwatch_open(&watch, bench->backend, bench->spec.steps + 1));
    CHECK(time_steps(bench, phase, phase == BENCH_TRAIN ? bench->train : bench->infer, &watch, ms));
    fill_row(bench, phase, ms, row);
out:
    stopwatch_close(&watch);
    free(ms);
    return status;
}
