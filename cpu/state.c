/* A net's numbers on the CPU: flat arrays in canonical order, read and written as they are. */
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"

void cpu_state_destroy(State *base) {
    CpuState *state = cpu_state_of(base);
    free(state->value);
    free(state->gradient);
    free(state->momentum);
    free(state->square);
    free(state->statistic);
    free(state);
}

static Status no_memory(const Net *net) {
    return status_fail(STATUS_NO_MEMORY, "no memory for the %zu parameters of %s",
                       net->learned_count, net->title);
}

Status cpu_state_create(Backend *backend, const Net *net, const Optimizer *optimizer,
                        State **result) {
    CpuState *state = calloc(1, sizeof *state);
    if (!state)
        return status_fail(STATUS_NO_MEMORY, "no memory for the state of %s", net->title);
    state->base = (State){.backend = backend, .net = net, .optimizer = *optimizer};
    state->version = 1;
    state->value = cpu_floats(net->learned_count);
    state->statistic = cpu_floats(net->statistic_count);
    if (!state->value || !state->statistic) {
        cpu_state_destroy(&state->base);
        return no_memory(net);
    }
    *result = &state->base;
    return STATUS_OK;
}

Status cpu_state_train(State *base) {
    CpuState *state = cpu_state_of(base);
    const Net *net = base->net;
    bool adam = base->optimizer.kind == OPTIMIZER_ADAM;
    if (!state->gradient)
        state->gradient = cpu_floats(net->learned_count);
    if (!state->momentum)
        state->momentum = cpu_floats(net->learned_count);
    if (!state->square && adam)
        state->square = cpu_floats(net->learned_count);
    return state->gradient && state->momentum && (state->square || !adam) ? STATUS_OK
                                                                          : no_memory(net);
}

float *cpu_param(CpuState *state, Section section, int id) {
    if (id < 0)
        return NULL;
    const Param *param = &state->base.net->params[id];
    float *base = section == SECTION_GRADIENT   ? state->gradient
                  : section == SECTION_MOMENTUM ? state->momentum
                  : section == SECTION_SQUARE   ? state->square
                  : param_is_statistic(param)   ? state->statistic
                                                : state->value;
    return base + param->offset;
}

static Status check_section(State *state, Section section) {
    if (section == SECTION_SQUARE && state->optimizer.kind != OPTIMIZER_ADAM)
        return status_fail(STATUS_BAD_INPUT, "%s: only Adam keeps second moments",
                           state->net->title);
    return section == SECTION_VALUE ? STATUS_OK : cpu_state_train(state);
}

Status cpu_state_read(State *state, Section section, int param, float *values) {
    TRY(check_section(state, section));
    memcpy(values, cpu_param(cpu_state_of(state), section, param),
           state->net->params[param].count * sizeof *values);
    return STATUS_OK;
}

Status cpu_state_write(State *state, Section section, int param, const float *values) {
    TRY(check_section(state, section));
    memcpy(cpu_param(cpu_state_of(state), section, param), values,
           state->net->params[param].count * sizeof *values);
    cpu_state_of(state)->version++;
    return STATUS_OK;
}
