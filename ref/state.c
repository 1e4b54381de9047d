/* The oracle's State: one double array a parameter and section. */
#include <stdlib.h>
#include <string.h>

#include "ref/internal.h"
#include "ref/ops.h"
#include "ref/ref.h"

static bool has(const Param *param, int section) {
    return section == SECTION_VALUE || !param_is_statistic(param);
}

Status ref_state_create(Backend *backend, const Net *net, const Optimizer *optimizer, State **out) {
    RefState *state = calloc(1, sizeof *state);
    if (!state)
        return status_fail(STATUS_NO_MEMORY, "no memory for the state of %s", net->title);
    state->base = (State){.backend = backend, .net = net, .optimizer = *optimizer};
    for (int s = 0; s < REF_SECTIONS; s++) {
        state->values[s] = calloc((size_t)net->param_count + 1, sizeof(double *));
        for (int i = 0; state->values[s] && i < net->param_count; i++) {
            if (!has(&net->params[i], s))
                continue;
            state->values[s][i] = calloc(net->params[i].count, sizeof(double));
            if (!state->values[s][i]) {
                ref_state_destroy(&state->base);
                return status_fail(STATUS_NO_MEMORY, "no memory for '%s'", net->params[i].name);
            }
        }
        if (!state->values[s]) {
            ref_state_destroy(&state->base);
            return status_fail(STATUS_NO_MEMORY, "no memory for the state of %s", net->title);
        }
    }
    *out = &state->base;
    return STATUS_OK;
}

void ref_state_destroy(State *base) {
    RefState *state = (RefState *)base;
    for (int s = 0; s < REF_SECTIONS; s++) {
        for (int i = 0; state->values[s] && i < base->net->param_count; i++)
            free(state->values[s][i]);
        free(state->values[s]);
    }
    free(state);
}

double *ref_state_values(State *state, Section section, int param) {
    return ((RefState *)state)->values[section][param];
}

double *ref_value_of(const State *state, int param) {
    return param < 0 ? NULL : ((const RefState *)state)->values[SECTION_VALUE][param];
}

double *ref_gradient_of(const State *state, int param) {
    return param < 0 ? NULL : ((const RefState *)state)->values[SECTION_GRADIENT][param];
}

Status ref_state_read(State *state, Section section, int param, float *values) {
    const double *from = ref_state_values(state, section, param);
    for (size_t i = 0; i < state->net->params[param].count; i++)
        values[i] = (float)from[i];
    return STATUS_OK;
}

Status ref_state_write(State *state, Section section, int param, const float *values) {
    double *to = ref_state_values(state, section, param);
    for (size_t i = 0; i < state->net->params[param].count; i++)
        to[i] = values[i];
    return STATUS_OK;
}

Status ref_state_read_wide(State *state, Section section, int param, double *values) {
    memcpy(values, ref_state_values(state, section, param),
           state->net->params[param].count * sizeof *values);
    return STATUS_OK;
}

Status ref_state_write_wide(State *state, Section section, int param, const double *values) {
    memcpy(ref_state_values(state, section, param), values,
           state->net->params[param].count * sizeof *values);
    return STATUS_OK;
}

Status ref_update(State *state, double lr) {
    double **v = ((RefState *)state)->values[SECTION_MOMENTUM];
    double **s = ((RefState *)state)->values[SECTION_SQUARE];
    const Optimizer *o = &state->optimizer;
    state->updates++;
    for (int i = 0; i < state->net->param_count; i++) {
        const Param *p = &state->net->params[i];
        if (param_is_statistic(p))
            continue;
        bool weight = p->role == PARAM_CONV_WEIGHT || p->role == PARAM_LINEAR_WEIGHT;
        double decay = weight || o->decay_scope == DECAY_ALL ? o->weight_decay : 0;
        double *w = ref_value_of(state, i);
        const double *g = ref_gradient_of(state, i);
        if (o->kind == OPTIMIZER_ADAM)
            ref_adam_update(w, v[i], s[i], g, p->count, o, decay, lr, state->updates);
        else
            ref_sgd_update(w, v[i], g, p->count, o, decay, lr);
    }
    return STATUS_OK;
}
