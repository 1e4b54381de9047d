#include "tests/check/broken.h"

#include <math.h>
#include <string.h>

extern const BackendOps ref_backend;

static BackendOps broken;
static Defect planted;

static Status wrong_tap(Program *program, int tap, float *values) {
    const Tap *what = &program->spec.taps[tap];
    TRY(ref_backend.tap_read(program, tap, values));
    if (planted == DEFECT_GUARD)
        values[(size_t)program->last_count *
               shape_count(program->state->net->nodes[what->node].out)] = 1;
    if (planted == DEFECT_OUTPUT && what->kind == TAP_VALUE)
        values[0] += 1e-3f;
    if (planted == DEFECT_NAN && what->kind == TAP_VALUE)
        values[0] = NAN;
    if (planted == DEFECT_INPUT_GRADIENT && what->kind == TAP_GRADIENT)
        values[0] += 1e-2f;
    return STATUS_OK;
}

static Status wrong_read(State *state, Section section, int param, float *values) {
    static int reads;
    const Param *p = &state->net->params[param];
    TRY(ref_backend.state_read(state, section, param, values));
    if (planted == DEFECT_GRADIENT && section == SECTION_GRADIENT)
        values[p->count - 1] += 0.1f + fabsf(values[p->count - 1]);
    for (size_t i = 0; planted == DEFECT_PIECE && section == SECTION_GRADIENT && i < p->count; i++)
        values[i] *= 0.5f;
    if (planted == DEFECT_STATISTIC && p->role == PARAM_BN_VAR)
        values[0] *= 1.01f;
    if (planted == DEFECT_BITS && section == SECTION_GRADIENT && reads++ % 2)
        values[0] = nextafterf(values[0], INFINITY);
    return STATUS_OK;
}

static Status wrong_metrics(Program *program, Metrics *metrics) {
    TRY(ref_backend.metrics(program, metrics));
    if (planted == DEFECT_LOSS && net_has_loss(program->state->net))
        metrics->loss_sum *= 1.01;
    return STATUS_OK;
}

static Status wrong_step(Program *program, const Batch *batch, double lr) {
    return ref_backend.train_step(program, batch, planted == DEFECT_STEP ? 1.1 * lr : lr);
}

static Status wrong_backward(Program *program, const float *dy) {
    if (planted == DEFECT_REFUSAL)
        return status_fail(STATUS_BACKEND, "the library refused");
    return ref_backend.backward(program, dy);
}

static Status any_precision(State *state, const ProgramSpec *spec, Program **program) {
    ProgramSpec own = *spec;
    own.precision = ref_backend.native;
    return ref_backend.compile(state, &own, program);
}

Status broken_open(Defect defect, Backend **backend) {
    BackendOptions options = {.threads = 1};
    TRY(ref_backend.open(&options, backend));
    planted = defect;
    broken = ref_backend;
    broken.tap_read = wrong_tap;
    broken.state_read = wrong_read;
    broken.metrics = wrong_metrics;
    broken.train_step = wrong_step;
    broken.backward = wrong_backward;
    broken.compile = any_precision;
    (*backend)->ops = &broken;
    return STATUS_OK;
}
