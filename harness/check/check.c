#include "harness/check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check/steps.h"

typedef struct Work {
    const CheckSpec *spec;
    const Case *test;
    Net *net;
    CaseResult *result;
} Work;

enum { TAP_OUTPUT, TAP_INPUT_GRADIENT, TAPS };

/* The last node that can be looked at: in front of the loss. */
static int output_node(const Net *net) {
    return net->node_count - (net_has_loss(net) ? 2 : 1);
}

static ProgramSpec program_of(const Work *work, Mode mode, const Tap *taps, int tap_count) {
    return (ProgramSpec){.mode = mode,
                         .max_batch = work->test->batch,
                         .bn_group = work->test->bn_group,
                         .seed = RIG_SEED,
                         .taps = taps,
                         .tap_count = tap_count};
}

/* ---- one pass ---- */

static Status compare_pass(const Work *work, Pair *pair, Mode mode) {
    Closeness values = closeness_of_values(work->net, pair->precision, 0);
    Closeness gradients = closeness_of_gradients(work->net, pair->precision, 0);
    Verdict *parts = work->result->parts;
    TRY(pair_forward(pair));
    TRY(pair_compare_tap(pair, TAP_OUTPUT, "output", values, &parts[PART_FORWARD]));
    if (mode == MODE_TRAIN) {
        TRY(pair_backward(pair));
        TRY(pair_compare_tap(pair, TAP_INPUT_GRADIENT, "d input", gradients,
                             &parts[PART_GRADIENTS]));
        TRY(pair_compare_learned(pair, SECTION_GRADIENT, &parts[PART_GRADIENTS]));
    }
    TRY(pair_compare_values(pair, true, values, 1, 0, &parts[PART_STATISTICS]));
    return pair_compare_metrics(pair, values, &parts[PART_FORWARD]);
}

static Status check_mode(const Work *work, Mode mode) {
    const Tap taps[TAPS] = {{output_node(work->net), TAP_VALUE}, {0, TAP_GRADIENT}};
    ProgramSpec program = program_of(work, mode, taps, mode == MODE_TRAIN ? 2 : 1);
    Pair pair;
    Status status = pair_open(&pair, work->spec, work->net, &program, NULL);
    if (status == STATUS_OK)
        status = compare_pass(work, &pair, mode);
    pair_close(&pair);
    return status;
}

/* ---- training ---- */

/* In fp32 the differences of ten steps add up. Where gradients have room for kinks, ten steps at
 * these rates change a parameter by a part of itself, so their tolerance holds for it too. */
static Status compare_steps(const Work *work, Pair *pair, const Optimizer *optimizer) {
    Closeness close = closeness_of_gradients(work->net, pair->precision, 0);
    Verdict *verdict = &work->result->parts[PART_STEPS];
    double wander = 0;
    for (int step = 0; step < CHECK_STEPS; step++) {
        TRY(pair_train_step(pair, check_rate(optimizer, step)));
        if (optimizer->kind == OPTIMIZER_ADAM)
            wander += 2 * check_rate(optimizer, step); /* each of the two the other way */
        TRY(pair_compare_metrics(pair, close, verdict));
    }
    return pair_compare_values(pair, false, close, close.as_norm ? 1 : CHECK_STEPS, wander,
                               verdict);
}

static Status check_steps(const Work *work, const Optimizer *optimizer) {
    ProgramSpec program = program_of(work, MODE_TRAIN, NULL, 0);
    Pair pair;
    Status status = pair_open(&pair, work->spec, work->net, &program, optimizer);
    if (status == STATUS_OK)
        status = compare_steps(work, &pair, optimizer);
    pair_close(&pair);
    return status;
}

/* ---- bits ---- */

enum { BIT_STEPS = 3 };

/* A pass, and training steps where there is a loss. */
static Status run_program(Rig *rig, Program *program) {
    Batch batch = rig_batch(rig);
    TRY(program_forward(program, &batch));
    TRY(program_backward(program, rig_dy(rig)));
    for (; net_has_loss(rig->net) && batch.step < BIT_STEPS; batch.step++)
        TRY(program_train_step(program, &batch, 0.01));
    return STATUS_OK;
}

static Status collect(Rig *rig, Program *program, float *to) {
    const Net *net = rig->net;
    TRY(program_tap(program, 0, to));
    to += (size_t)rig->batch * shape_count(net->nodes[output_node(net)].out);
    for (int i = 0; i < net->param_count; i++) {
        TRY(state_read(rig->state, SECTION_VALUE, i, to));
        to += net->params[i].count;
        if (param_is_statistic(&net->params[i]))
            continue;
        TRY(state_read(rig->state, SECTION_GRADIENT, i, to));
        to += net->params[i].count;
    }
    return STATUS_OK;
}

/* Output, parameters and gradients, laid end to end; the caller frees. */
static Status everything(const Work *work, float **values, size_t *count) {
    const Net *net = work->net;
    const Tap tap = {output_node(net), TAP_VALUE};
    ProgramSpec spec = program_of(work, MODE_TRAIN, &tap, 1);
    spec.precision = work->spec->precision;
    Optimizer optimizer = check_optimizers[0];
    Program *program = NULL;
    Rig rig;
    Status status = STATUS_OK;
    *count = (size_t)work->test->batch * shape_count(net->nodes[tap.node].out) +
             2 * net->learned_count + net->statistic_count;
    *values = calloc(*count, sizeof **values);
    if (!*values)
        return status_fail(STATUS_NO_MEMORY, "no memory for %zu values", *count);
    CHECK(rig_begin(&rig, work->spec->backend, work->net, work->test->batch, &optimizer));
    CHECK(program_compile(rig.state, &spec, &program));
    CHECK(run_program(&rig, program));
    CHECK(collect(&rig, program, *values));
out:
    program_destroy(program);
    rig_end(&rig);
    return status;
}

static Comparison same_bits(const float *once, const float *twice, size_t count) {
    Comparison result = {.same = true};
    for (size_t i = 0; i < count; i++)
        if (memcmp(&once[i], &twice[i], sizeof once[i]) != 0) {
            result.same = false;
            snprintf(result.message, sizeof result.message,
                     "run again: value %zu of %zu was %.9g, now it is %.9g", i, count, once[i],
                     twice[i]);
            break;
        }
    return result;
}

static Status check_bits(const Work *work) {
    float *once = NULL, *twice = NULL;
    size_t count;
    Status status = STATUS_OK;
    CHECK(everything(work, &once, &count));
    CHECK(everything(work, &twice, &count));
    Comparison comparison = same_bits(once, twice, count);
    verdict_add(&work->result->parts[PART_BITS], &comparison);
out:
    free(once);
    free(twice);
    return status;
}

/* ---- the case ---- */

static Status check_net(const Work *work) {
    const Mode modes[] = {MODE_TRAIN, MODE_EVAL, MODE_EVAL_BATCH, MODE_EVAL_BATCH_UPDATE,
                          MODE_RECALIBRATE};
    int optimizer_count = work->spec->quick ? 1 : CHECK_OPTIMIZERS;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        TRY(check_mode(work, modes[i]));
    for (int i = 0; net_has_loss(work->net) && i < optimizer_count; i++)
        TRY(check_steps(work, &check_optimizers[i]));
    return check_bits(work);
}

Status check_case(const CheckSpec *spec, const Case *test, CaseResult *result) {
    memset(result, 0, sizeof *result);
    Work work = {.spec = spec, .test = test, .result = result};
    TRY(case_build(test, &work.net));
    Status status = check_net(&work);
    net_destroy(work.net);
    return status == STATUS_OK ? status : status_context(status, "case '%s'", test->name);
}

bool case_is_good(const CaseResult *result) {
    for (int part = 0; part < CHECK_PARTS; part++)
        if (result->parts[part].failed)
            return false;
    return true;
}
