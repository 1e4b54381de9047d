#include "harness/train/state_values.h"

#include <stdlib.h>

Status state_values_open(StateValues *values, State *state) {
    const Net *net = state->net;
    size_t largest = 1;
    for (int i = 0; i < net->param_count; i++)
        largest = net->params[i].count > largest ? net->params[i].count : largest;
    *values = (StateValues){.state = state, .floats = calloc(largest, sizeof(float))};
    if (!values->floats)
        return status_fail(STATUS_NO_MEMORY, "no memory for %zu parameters", largest);
    return STATUS_OK;
}

void state_values_close(StateValues *values) {
    free(values->floats);
    *values = (StateValues){0};
}

static Status read_param(StateValues *v, Section section, int param, double *values) {
    if (state_is_wide(v->state))
        return state_read_wide(v->state, section, param, values);
    TRY(state_read(v->state, section, param, v->floats));
    for (size_t i = 0; i < v->state->net->params[param].count; i++)
        values[i] = v->floats[i];
    return STATUS_OK;
}

static Status write_param(StateValues *v, Section section, int param, const double *values) {
    if (state_is_wide(v->state))
        return state_write_wide(v->state, section, param, values);
    for (size_t i = 0; i < v->state->net->params[param].count; i++)
        v->floats[i] = (float)values[i];
    return state_write(v->state, section, param, v->floats);
}

static Status read_all(StateValues *v, Section section, bool statistics, double *values) {
    const Net *net = v->state->net;
    for (int i = 0; i < net->param_count; i++)
        if (param_is_statistic(&net->params[i]) == statistics)
            TRY(read_param(v, section, i, values + net->params[i].offset));
    return STATUS_OK;
}

static Status write_all(StateValues *v, Section section, bool statistics, const double *values) {
    const Net *net = v->state->net;
    for (int i = 0; i < net->param_count; i++)
        if (param_is_statistic(&net->params[i]) == statistics)
            TRY(write_param(v, section, i, values + net->params[i].offset));
    return STATUS_OK;
}

Status state_values_read(StateValues *values, Section section, double *learned) {
    return read_all(values, section, false, learned);
}

Status state_values_write(StateValues *values, Section section, const double *learned) {
    return write_all(values, section, false, learned);
}

Status state_values_read_statistics(StateValues *values, double *statistics) {
    return read_all(values, SECTION_VALUE, true, statistics);
}

Status state_values_write_statistics(StateValues *values, const double *statistics) {
    return write_all(values, SECTION_VALUE, true, statistics);
}
