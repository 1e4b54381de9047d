/* Is what will be timed right? Compared with the oracle; see bench_verify(). */
#include <math.h>
#include <stdlib.h>

#include "harness/train/bench_parts.h"
#include "net/init.h"

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

/* The norm of every parameter's gradient, and of what it is away from the oracle's. */
typedef struct GradientError {
    double away, size;
} GradientError;

static Status gradient_error(State *got_state, State *want_state, int param, GradientError *error) {
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
    *error = (GradientError){sqrt(away), sqrt(size)};
out:
    free(got);
    free(want);
    return status;
}

/* A bias in front of a batch norm has no gradient: the oracle's is the rounding of doubles, and
 * what the backend has is measured by the gradient of the whole net. */
static double relative_error(GradientError error, double whole) {
    return error.away / (error.size > 1e-10 * whole ? error.size : whole);
}

static Status compare_gradients(const Bench *bench, State *oracle, double *worst) {
    double tolerance = tolerance_of(bench->spec.precision).gradient, whole = 0;
    const Net *net = bench->net;
    GradientError *errors = calloc((size_t)net->param_count, sizeof *errors);
    Status status = STATUS_OK;
    if (!errors)
        CHECK(status_fail(STATUS_NO_MEMORY, "no memory to compare gradients"));
    for (int i = 0; i < net->param_count; i++) {
        if (param_is_statistic(&net->params[i]))
            continue;
        CHECK(gradient_error(bench->state, oracle, i, &errors[i]));
        whole = hypot(whole, errors[i].size);
    }
    *worst = 0;
    for (int i = 0; i < net->param_count; i++) {
        if (param_is_statistic(&net->params[i]))
            continue;
        double error = relative_error(errors[i], whole);
        if (!(error <= tolerance))
            CHECK(status_fail(STATUS_BACKEND,
                              "verification failed: the gradient of '%s' is %.3g of its norm away "
                              "from the oracle's (tolerance %.3g)",
                              net->params[i].name, error, tolerance));
        *worst = fmax(*worst, error);
    }
out:
    free(errors);
    return status;
}

static Status check_losses(const Bench *bench, const char *what, double got, double want) {
    if (!(fabs(got - want) <= tolerance_of(bench->spec.precision).loss * fabs(want)))
        return status_fail(STATUS_BACKEND, "verification failed: %s loss %.9g, the oracle has %.9g",
                           what, got, want);
    return STATUS_OK;
}

/* Inference, after both have taken their statistics from the same images: with those that a new
 * State has, activations would double from block to block. */
static Status compare_inference(const Bench *bench, State *oracle, const Dataset *data) {
    double got, want;
    int count = bench->spec.verify_count;
    TRY(bench_pass(bench, bench->state, bench->data, MODE_RECALIBRATE, count, &got));
    TRY(bench_pass(bench, oracle, data, MODE_RECALIBRATE, count, &want));
    TRY(bench_pass(bench, bench->state, bench->data, MODE_EVAL, count, &got));
    TRY(bench_pass(bench, oracle, data, MODE_EVAL, count, &want));
    return check_losses(bench, "inference", got, want);
}

static Status compare_steps(Bench *bench, State *oracle, const Dataset *data, double *worst) {
    double got, want;
    ProgramSpec spec = bench_program(bench, oracle, MODE_TRAIN, bench->spec.verify_count);
    Program *slow = NULL;
    Status status = STATUS_OK;
    CHECK(program_compile(oracle, &spec, &slow));
    CHECK(one_step(bench, bench->train, bench->data, &got));
    CHECK(one_step(bench, slow, data, &want));
    CHECK(check_losses(bench, "training", got, want));
    CHECK(compare_gradients(bench, oracle, worst));
out:
    program_destroy(slow);
    return status;
}

Status bench_verify(Bench *bench, double *worst) {
    BackendOptions options = {0};
    Optimizer optimizer = {0};
    Backend *ref = NULL;
    State *oracle = NULL;
    Dataset *data = NULL;
    Status status = STATUS_OK;
    TRY(bench_compile(bench, BENCH_TRAIN));
    CHECK(backend_open("ref", &options, &ref));
    CHECK(state_create(ref, bench->net, &optimizer, &oracle));
    CHECK(init_state(oracle, INIT_HE_FAN_IN, bench->spec.seed));
    CHECK(bench_dataset(bench, ref, &data));
    CHECK(compare_steps(bench, oracle, data, worst));
    CHECK(compare_inference(bench, oracle, data));
    CHECK(init_state(bench->state, INIT_HE_FAN_IN, bench->spec.seed));
out:
    dataset_destroy(data);
    state_destroy(oracle);
    backend_close(ref);
    return status;
}
