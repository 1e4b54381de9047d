#include "harness/check/speed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/sorted.h"
#include "harness/base/stopwatch.h"
#include "harness/check/speed_nets.h"
#include "net/cost.h"
#include "net/models.h"

enum { ROUNDS = 9, BATCH = 128, QUICK_BATCH = 4, UPDATE_BATCH = 2, REPEATS_MAX = 1000 };

/* A round lasts at least this long, so that starting, waiting and the clock do not count. */
static const double round_seconds = 0.02;

static bool to_be_timed(const CheckSpec *spec, const SpeedRow *row) {
    return row->verdict.failed == 0 && !spec->quick;
}

/* ---- rounds of one program ---- */

typedef struct Timed {
    Rig *rig;
    Program *program;
    int repeats; /* passes in a round */
} Timed;

typedef struct Seconds {
    double forward, backward;
} Seconds;

/* Of one pass. */
static Status time_passes(const Timed *timed, bool backward, double *seconds) {
    Batch batch = rig_batch(timed->rig);
    Metrics metrics;
    Stopwatch watch;
    Status status = STATUS_OK;
    CHECK(stopwatch_open(&watch, timed->rig->backend, 2));
    CHECK(stopwatch_mark(&watch));
    for (int i = 0; i < timed->repeats; i++) {
        CHECK(program_forward(timed->program, &batch));
        if (backward)
            CHECK(program_backward(timed->program, NULL));
    }
    CHECK(stopwatch_mark(&watch));
    CHECK(stopwatch_lap(&watch, 0, seconds));
    CHECK(program_metrics(timed->program, &metrics));
    *seconds /= timed->repeats;
    if (!isfinite(metrics.loss_sum))
        CHECK(status_fail(STATUS_DIVERGED, "the loss is %g: nothing to time", metrics.loss_sum));
out:
    stopwatch_close(&watch);
    return status;
}

static Status time_round(const Timed *timed, Seconds *seconds) {
    double both;
    TRY(time_passes(timed, false, &seconds->forward));
    TRY(time_passes(timed, true, &both));
    seconds->backward = both - seconds->forward;
    return STATUS_OK;
}

static int repeats_for(double seconds) {
    if (seconds >= round_seconds)
        return 1;
    double repeats = 1 + round_seconds / seconds;
    return repeats < REPEATS_MAX ? (int)repeats : REPEATS_MAX;
}

/* The first pass, which may prepare things, is not asked how long a round must be. */
static Status warm_up(Timed *timed) {
    double seconds;
    timed->repeats = 1;
    TRY(time_passes(timed, true, &seconds));
    TRY(time_passes(timed, true, &seconds));
    timed->repeats = repeats_for(seconds);
    return STATUS_OK;
}

/* ---- from rounds to a number ---- */

/* The median; it counts as measured when it is more than the width of the middle half. */
static PassSpeed speed_of(double *seconds, PassCost cost) {
    double median = sorted_median(seconds, ROUNDS);
    double spread = seconds[ROUNDS - 1 - ROUNDS / 4] - seconds[ROUNDS / 4];
    if (!(median > spread && median > 0))
        return (PassSpeed){.measured = false};
    return (PassSpeed){.measured = true,
                       .ms = 1e3 * median,
                       .gflop_per_s = 1e-9 * cost.flops / median,
                       .gb_per_s = 1e-9 * cost.bytes / median};
}

/* ---- an operation in its net ---- */

/* A net that is only timed. */
typedef struct Frame {
    Net *net;
    Rig rig;
    Timed timed;
} Frame;

static Status frame_open(Frame *frame, const CheckSpec *spec, Shape shape, int batch) {
    ProgramSpec program = {.mode = MODE_TRAIN, .max_batch = batch, .precision = spec->precision};
    TRY(speed_frame(shape, &frame->net));
    TRY(rig_begin(&frame->rig, spec->backend, frame->net, batch, NULL));
    frame->timed.rig = &frame->rig;
    TRY(program_compile(frame->rig.state, &program, &frame->timed.program));
    return warm_up(&frame->timed);
}

static void frame_close(Frame *frame) {
    program_destroy(frame->timed.program);
    rig_end(&frame->rig);
    net_destroy(frame->net);
}

/* Where input and output differ in size, one frame would not do: the mean of a frame around the
 * input and of one around the output. What is left is half of what the 1x1 convolution takes more
 * for the larger value than the pool behind the operation, so such an operation looks rather too
 * slow. */
static Status time_operation(const Timed *timed, const Frame frames[2], int copies,
                             Seconds seconds[ROUNDS]) {
    for (int i = 0; i < ROUNDS; i++) {
        Seconds with, in, out;
        TRY(time_round(timed, &with));
        TRY(time_round(&frames[0].timed, &in));
        TRY(time_round(&frames[1].timed, &out));
        seconds[i].forward = (with.forward - 0.5 * (in.forward + out.forward)) / copies;
        seconds[i].backward = (with.backward - 0.5 * (in.backward + out.backward)) / copies;
    }
    return STATUS_OK;
}

/* Output, input gradient and all the rest of the operation alone, for a random upstream gradient.
 */
static Status compare_alone(const CheckSpec *spec, const SpeedOp *op, SpeedRow *row) {
    Net *net;
    Pair pair = {0};
    TRY(speed_alone(op, &net));
    const Tap taps[] = {{net->node_count - 1, TAP_VALUE}, {0, TAP_GRADIENT}};
    ProgramSpec program = {
        .mode = MODE_TRAIN, .max_batch = row->batch, .taps = taps, .tap_count = 2};
    Closeness values = closeness_of_values(net, spec->precision, row->batch);
    Closeness gradients = closeness_of_gradients(net, spec->precision, row->batch);
    Status status = STATUS_OK;
    CHECK(pair_open(&pair, spec, net, &program, NULL));
    pair.batch = row->batch;
    CHECK(pair_forward(&pair));
    CHECK(pair_backward(&pair));
    CHECK(pair_compare_tap(&pair, 0, "output", values, &row->verdict));
    CHECK(pair_compare_tap(&pair, 1, "d input", gradients, &row->verdict));
    CHECK(pair_compare_learned(&pair, SECTION_GRADIENT, &row->verdict));
    CHECK(pair_compare_values(&pair, true, values, 1, 0, &row->verdict));
out:
    pair_close(&pair);
    net_destroy(net);
    return status;
}

/* One step of the very program that is timed. */
static Status compare_step(Pair *pair, Verdict *verdict) {
    Closeness close = closeness_of_values(pair->fast.net, pair->precision, pair->batch);
    TRY(pair_forward(pair));
    TRY(pair_backward(pair));
    TRY(pair_compare_metrics(pair, close, verdict));
    TRY(pair_compare_learned(pair, SECTION_GRADIENT, verdict));
    return pair_compare_values(pair, true, close, 1, 0, verdict);
}

static Status speed_of_operation(const CheckSpec *spec, const SpeedOp *op, Net *net, int first,
                                 int last, Pair *pair, SpeedRow *row) {
    Frame frames[2] = {0};
    Seconds seconds[ROUNDS];
    double forward[ROUNDS], backward[ROUNDS];
    int bytes = spec->precision == PRECISION_BF16 ? 2 : 4;
    int each = (last - first + 1) / op->copies;
    Timed timed = {.rig = &pair->fast, .program = pair->fast_program};
    Status status = STATUS_OK;
    CHECK(frame_open(&frames[0], spec, op->in, row->batch));
    CHECK(frame_open(&frames[1], spec, net->nodes[last].out, row->batch));
    CHECK(warm_up(&timed));
    CHECK(time_operation(&timed, frames, op->copies, seconds));
    for (int i = 0; i < ROUNDS; i++) {
        forward[i] = seconds[i].forward;
        backward[i] = seconds[i].backward;
    }
    last = first + each - 1;
    row->forward = speed_of(forward, cost_forward(net, first, last, row->batch, bytes));
    row->backward = speed_of(backward, cost_backward(net, first, last, row->batch, bytes));
out:
    frame_close(&frames[0]);
    frame_close(&frames[1]);
    return status;
}

static Status measure_operation(const CheckSpec *spec, const SpeedOp *op, SpeedRow *row) {
    ProgramSpec program = {.mode = MODE_TRAIN, .max_batch = row->batch};
    Pair pair = {0};
    Net *net;
    int first, last;
    Status status = STATUS_OK;
    row->name = op->name;
    row->input = op->in;
    TRY(compare_alone(spec, op, row));
    if (row->verdict.failed)
        return STATUS_OK;
    TRY(speed_net(op, &net, &first, &last));
    CHECK(pair_open(&pair, spec, net, &program, NULL));
    pair.batch = row->batch;
    CHECK(compare_step(&pair, &row->verdict));
    if (to_be_timed(spec, row))
        CHECK(speed_of_operation(spec, op, net, first, last, &pair, row));
out:
    pair_close(&pair);
    net_destroy(net);
    return status;
}

/* ---- the optimiser's step ---- */

static const char update_name[] = "SGD step, ResNet-20";

/* So small that the parameters stay where they are over thousands of steps. */
static const double step_rate = 1e-9;

static Status time_updates(const Rig *rig, int repeats, double *seconds) {
    Stopwatch watch;
    Status status = STATUS_OK;
    CHECK(stopwatch_open(&watch, rig->backend, 2));
    CHECK(stopwatch_mark(&watch));
    for (int i = 0; i < repeats; i++)
        CHECK(state_update(rig->state, step_rate));
    CHECK(stopwatch_mark(&watch));
    CHECK(stopwatch_lap(&watch, 0, seconds));
    *seconds /= repeats;
out:
    stopwatch_close(&watch);
    return status;
}

static Status speed_of_update(const Pair *pair, SpeedRow *row) {
    double seconds[ROUNDS], once;
    TRY(time_updates(&pair->fast, 1, &once));
    TRY(time_updates(&pair->fast, 1, &once));
    int repeats = repeats_for(once);
    for (int i = 0; i < ROUNDS; i++)
        TRY(time_updates(&pair->fast, repeats, &seconds[i]));
    row->forward = speed_of(seconds, cost_update(pair->fast.net));
    return STATUS_OK;
}

/* ResNet-20's parameters; their gradients are those of a small batch. */
static Status measure_update(const CheckSpec *spec, SpeedRow *row) {
    const Optimizer sgd = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-4};
    ModelSpec model = model_default();
    ProgramSpec program = {.mode = MODE_TRAIN, .max_batch = row->batch};
    Pair pair = {0};
    Net *net;
    Status status = STATUS_OK;
    row->name = update_name;
    TRY(model_build(&model, &net));
    CHECK(pair_open(&pair, spec, net, &program, &sgd));
    pair.batch = row->batch;
    CHECK(pair_train_step(&pair, 0.1));
    CHECK(pair_compare_learned(&pair, SECTION_MOMENTUM, &row->verdict));
    CHECK(pair_compare_values(&pair, false,
                              closeness_of_gradients(net, spec->precision, row->batch), 1, 0,
                              &row->verdict));
    if (to_be_timed(spec, row))
        CHECK(speed_of_update(&pair, row));
out:
    pair_close(&pair);
    net_destroy(net);
    return status;
}

/* ---- the table ---- */

int speed_count(void) {
    int count;
    speed_ops(&count);
    return count + 1;
}

int speed_find(const char *name, int channels) {
    int count;
    const SpeedOp *ops = speed_ops(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(ops[i].name, name) == 0 && ops[i].in.c == channels)
            return i;
    return channels == 0 && strcmp(name, update_name) == 0 ? count : -1;
}

Status speed_measure(const CheckSpec *spec, int index, SpeedRow *row) {
    int count;
    const SpeedOp *ops = speed_ops(&count);
    memset(row, 0, sizeof *row);
    row->batch = spec->quick ? QUICK_BATCH : BATCH;
    if (index < count)
        return measure_operation(spec, &ops[index], row);
    row->batch = UPDATE_BATCH;
    return measure_update(spec, row);
}
