/* Is what will be timed right? Compared with the oracle; see bench_verify(). */
#include <math.h>
#include <stdlib.h>

#include "harness/train/bench_parts.h"
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

/* A net may magnify rounding beyond that: plain-56 by five orders. How much it does the oracle can
 * tell. A convolution in floats is, nearly, an exact one with other weights (backward analysis:
 * Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 1.5), so the oracle's
 * own gradients are taken at weights that are moved by what a single convolution's result is off,
 * in rms. Parameter by parameter plain-56's gradients are then 0.7 to 1.8 times as far away as the
 * oracle's moved; but which layer's ReLU falls on the other side is chance, so all are given three
 * times what the one moved that moved most. */
static double rounding_of(const BenchSpec *spec) {
    if (spec->precision != PRECISION_FP32)
        return 0;
    return spec->conv == CONV_ALGORITHM_WINOGRAD ? 5e-7 : 1e-7;
}

static const double times_moved = 3, most_gradient = 0.9; /* a gradient of zeros is 1 away */

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

/* The same on the oracle, whose State keeps the gradients. */
static Status oracle_step(const Bench *bench, State *oracle, const Dataset *data, double *loss) {
    ProgramSpec spec = bench_program(bench, oracle, MODE_TRAIN, bench->spec.verify_count);
    Program *program = NULL;
    Status status = program_compile(oracle, &spec, &program);
    if (status == STATUS_OK)
        status = one_step(bench, program, data, loss);
    program_destroy(program);
    return status;
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

/* relative[i] receives how far learned parameter i's gradient is away; 0 for statistics. */
static Status relative_errors(State *got, State *oracle, double *relative) {
    const Net *net = oracle->net;
    GradientError *errors = calloc((size_t)net->param_count, sizeof *errors);
    double whole = 0;
    Status status = STATUS_OK;
    if (!errors)
        return status_fail(STATUS_NO_MEMORY, "no memory to compare gradients");
    for (int i = 0; i < net->param_count; i++)
        if (!param_is_statistic(&net->params[i])) {
            CHECK(gradient_error(got, oracle, i, &errors[i]));
            whole = hypot(whole, errors[i].size);
        }
    for (int i = 0; i < net->param_count; i++)
        relative[i] = param_is_statistic(&net->params[i]) ? 0 : relative_error(errors[i], whole);
out:
    free(errors);
    return status;
}

/* NaN when there is one: fmax() would pass over it. */
static double largest(const double *values, int count) {
    double result = 0;
    for (int i = 0; i < count && !isnan(result); i++)
        if (!(values[i] <= result))
            result = values[i];
    return result;
}

/* ---- what rounding alone does ---- */

/* Every weight of a convolution or linear layer times 1 + u, u uniform of rms `size`. */
static Status move_weights(State *state, double size, uint64_t seed) {
    const Net *net = state->net;
    for (int i = 0; i < net->param_count; i++) {
        const Param *param = &net->params[i];
        if (param->role != PARAM_CONV_WEIGHT && param->role != PARAM_LINEAR_WEIGHT)
            continue;
        double *values = malloc(param->count * sizeof *values);
        if (!values)
            return status_fail(STATUS_NO_MEMORY, "no memory to move weights");
        Status status = state_read_wide(state, SECTION_VALUE, i, values);
        for (size_t k = 0; k < param->count && status == STATUS_OK; k++) {
            Philox draw = philox(seed, STREAM_TEST, 3, (uint32_t)i, (uint32_t)k);
            values[k] *= 1 + sqrt(3) * size * (2 * philox_uniform(draw.v[0]) - 1);
        }
        if (status == STATUS_OK)
            status = state_write_wide(state, SECTION_VALUE, i, values);
        free(values);
        TRY(status);
    }
    return STATUS_OK;
}

/* How far rounding moves the oracle's gradients: the one that moves most. */
static Status rounding_effect(const Bench *bench, State *oracle, const Dataset *data,
                              double *most) {
    int count = bench->net->param_count;
    double loss, *moved = calloc((size_t)count, sizeof *moved);
    Optimizer optimizer = {0};
    State *other = NULL;
    Status status = STATUS_OK;
    if (!moved)
        return status_fail(STATUS_NO_MEMORY, "no memory to compare gradients");
    CHECK(state_create(oracle->backend, bench->net, &optimizer, &other));
    CHECK(init_state(other, INIT_HE_FAN_IN, bench->spec.seed));
    CHECK(move_weights(other, rounding_of(&bench->spec), bench->spec.seed));
    CHECK(oracle_step(bench, other, data, &loss));
    CHECK(relative_errors(other, oracle, moved));
    *most = largest(moved, count);
out:
    state_destroy(other);
    free(moved);
    return status;
}

static void widen(Tolerance *tolerance, double rounding) {
    double gradient = times_moved * rounding;
    if (!(gradient > tolerance->gradient)) /* a NaN allows nothing */
        return;
    gradient = fmin(most_gradient, gradient);
    tolerance->loss *= gradient / tolerance->gradient;
    tolerance->gradient = gradient;
}

/* ---- the comparison ---- */

static Status check_losses(Tolerance tolerance, const char *what, double got, double want) {
    if (!(fabs(got - want) <= tolerance.loss * fabs(want)))
        return status_fail(STATUS_BACKEND, "verification failed: %s loss %.9g, the oracle has %.9g",
                           what, got, want);
    return STATUS_OK;
}

static Status check_gradients(Tolerance tolerance, const Net *net, const double *errors) {
    for (int i = 0; i < net->param_count; i++)
        if (!(errors[i] <= tolerance.gradient))
            return status_fail(STATUS_BACKEND,
                               "verification failed: the gradient of '%s' is %.3g of its norm away "
                               "from the oracle's (tolerance %.3g)",
                               net->params[i].name, errors[i], tolerance.gradient);
    return STATUS_OK;
}

/* Inference, after both have taken their statistics from the same images: with those that a new
 * State has, activations would double from block to block. */
static Status compare_inference(Tolerance tolerance, const Bench *bench, State *oracle,
                                const Dataset *data) {
    double got, want;
    int count = bench->spec.verify_count;
    TRY(bench_pass(bench, bench->state, bench->data, MODE_RECALIBRATE, count, &got));
    TRY(bench_pass(bench, oracle, data, MODE_RECALIBRATE, count, &want));
    TRY(bench_pass(bench, bench->state, bench->data, MODE_EVAL, count, &got));
    TRY(bench_pass(bench, oracle, data, MODE_EVAL, count, &want));
    return check_losses(tolerance, "inference", got, want);
}

/* One step of both. Rounding's effect costs the oracle a second step, so it is asked for only where
 * the usual tolerance does not hold; it is widened then. */
static Status compare_steps(const Bench *bench, State *oracle, const Dataset *data,
                            Tolerance *tolerance, Verification *found) {
    int count = bench->net->param_count;
    double got, want, *errors = calloc((size_t)count, sizeof *errors);
    Status status = STATUS_OK;
    if (!errors)
        return status_fail(STATUS_NO_MEMORY, "no memory to compare gradients");
    CHECK(one_step(bench, bench->train, bench->data, &got));
    CHECK(oracle_step(bench, oracle, data, &want));
    CHECK(relative_errors(bench->state, oracle, errors));
    *found = (Verification){.worst = largest(errors, count)};
    if (!(found->worst <= tolerance->gradient && fabs(got - want) <= tolerance->loss * want)) {
        CHECK(rounding_effect(bench, oracle, data, &found->rounding));
        widen(tolerance, found->rounding);
    }
    CHECK(check_losses(*tolerance, "training", got, want));
    CHECK(check_gradients(*tolerance, bench->net, errors));
out:
    free(errors);
    return status;
}

Status bench_verify(Bench *bench, Verification *found) {
    BackendOptions options = {0};
    Optimizer optimizer = {0};
    Tolerance tolerance = tolerance_of(bench->spec.precision);
    Backend *ref = NULL;
    State *oracle = NULL;
    Dataset *data = NULL;
    Status status = STATUS_OK;
    TRY(bench_compile(bench, BENCH_TRAIN));
    CHECK(backend_open("ref", &options, &ref));
    CHECK(state_create(ref, bench->net, &optimizer, &oracle));
    CHECK(init_state(oracle, INIT_HE_FAN_IN, bench->spec.seed));
    CHECK(bench_dataset(bench, ref, &data));
    CHECK(compare_steps(bench, oracle, data, &tolerance, found));
    CHECK(compare_inference(tolerance, bench, oracle, data));
    CHECK(init_state(bench->state, INIT_HE_FAN_IN, bench->spec.seed));
out:
    dataset_destroy(data);
    state_destroy(oracle);
    backend_close(ref);
    return status;
}
