/* A net's numbers on the device: one arena a section, parameters in device layouts. */
#include <stdlib.h>
#include <string.h>

#include "gpu/gpu.h"

/* Arena order: what has its gradient in bf16 first, then what else is decayed, then the rest. */
static int rank_of(const Param *param) {
    return param->role == PARAM_CONV_WEIGHT ? 0 : param->role == PARAM_LINEAR_WEIGHT ? 1 : 2;
}

static void assign_offsets(GpuState *state) {
    const Net *net = state->base.net;
    size_t *const ends[] = {&state->conv_weights, &state->weights, &state->learned};
    size_t at = 0;
    for (int rank = 0; rank < 3; rank++) {
        for (int i = 0; i < net->param_count; i++) {
            const Param *param = &net->params[i];
            if (param_is_statistic(param) || rank_of(param) != rank)
                continue;
            state->offset[i] = at;
            at += gpu_layout_count(net, param);
        }
        *ends[rank] = at;
    }
    for (int i = 0; i < net->param_count; i++) /* the variance stands behind its mean */
        if (net->params[i].role == PARAM_BN_MEAN) {
            state->offset[i] = state->offset[net->nodes[net->params[i].node].running_var] =
                state->channels;
            state->channels += gpu_layout_count(net, &net->params[i]);
        }
}

static Status allocate(GpuState *state) {
    const Net *net = state->base.net;
    size_t bytes = state->learned * sizeof(float);
    bool adam = state->base.optimizer.kind == OPTIMIZER_ADAM;
    struct {
        void **to;
        size_t bytes;
    } parts[] = {{(void **)&state->value, bytes},
                 {(void **)&state->gradient, bytes},
                 {(void **)&state->momentum, bytes},
                 {(void **)&state->square, adam ? bytes : 0},
                 {(void **)&state->running_mean, state->channels * sizeof(float)},
                 {(void **)&state->running_var, state->channels * sizeof(float)},
                 {(void **)&state->control, sizeof *state->control}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        TRY(gpu_allocate(state->gpu, parts[i].bytes, true, net->title, 0, parts[i].to));
    return STATUS_OK;
}

void gpu_state_destroy(State *base) {
    GpuState *state = gpu_state_of(base);
    gpu_free(state->value);
    gpu_free(state->gradient);
    gpu_free(state->momentum);
    gpu_free(state->square);
    gpu_free(state->half_value);
    gpu_free(state->half_gradient);
    gpu_free(state->running_mean);
    gpu_free(state->running_var);
    gpu_free(state->control);
    free(state->offset);
    free(state);
}

Status gpu_state_create(Backend *backend, const Net *net, const Optimizer *optimizer,
                        State **result) {
    GpuState *state = calloc(1, sizeof *state);
    if (!state)
        return status_fail(STATUS_NO_MEMORY, "no memory for the state of %s", net->title);
    state->base = (State){.backend = backend, .net = net, .optimizer = *optimizer};
    state->gpu = gpu_backend_of(backend);
    state->version = 1;
    state->offset = calloc((size_t)net->param_count + 1, sizeof *state->offset);
    Status status = STATUS_OK;
    if (!state->offset)
        CHECK(status_fail(STATUS_NO_MEMORY, "no memory for the state of %s", net->title));
    assign_offsets(state);
    CHECK(allocate(state));
    *result = &state->base;
out:
    if (status != STATUS_OK)
        gpu_state_destroy(&state->base);
    return status;
}

/* ---- reading and writing ---- */

static Status check_section(const State *state, Section section) {
    if (section == SECTION_SQUARE && state->optimizer.kind != OPTIMIZER_ADAM)
        return status_fail(STATUS_BAD_INPUT, "%s: only Adam keeps second moments",
                           state->net->title);
    return STATUS_OK;
}

static float *section_of(const GpuState *state, Section section, const Param *param) {
    switch (section) {
    case SECTION_GRADIENT:
        return state->gradient;
    case SECTION_MOMENTUM:
        return state->momentum;
    case SECTION_SQUARE:
        return state->square;
    default:
        return param->role == PARAM_BN_MEAN  ? state->running_mean
               : param->role == PARAM_BN_VAR ? state->running_var
                                             : state->value;
    }
}

Status gpu_state_gradients_to_float(GpuState *state) {
    Status status = STATUS_OK;
    if (!state->gradient_is_half)
        return STATUS_OK;
    if (state->conv_weights > 0)
        CUDA_CHECK(float_from_half(state->gpu->lane[LANE_MAIN].stream, state->gradient,
                                   state->half_gradient, state->conv_weights),
                   "reading gradients");
    state->gradient_is_half = false;
out:
    return status;
}

Status gpu_state_read(State *base, Section section, int id, float *values) {
    GpuState *state = gpu_state_of(base);
    const Param *param = &base->net->params[id];
    size_t count = gpu_layout_count(base->net, param);
    TRY(check_section(base, section));
    if (section == SECTION_GRADIENT)
        TRY(gpu_state_gradients_to_float(state));
    TRY(gpu_stage(state->gpu, count * sizeof(float)));
    TRY(gpu_download(state->gpu, section_of(state, section, param) + state->offset[id],
                     count * sizeof(float), param->name));
    const float *from = state->gpu->staging;
    for (size_t i = 0; i < param->count; i++)
        values[i] = from[gpu_layout_index(base->net, param, i)];
    return STATUS_OK;
}

Status gpu_state_write(State *base, Section section, int id, const float *values) {
    GpuState *state = gpu_state_of(base);
    const Param *param = &base->net->params[id];
    size_t count = gpu_layout_count(base->net, param);
    TRY(check_section(base, section));
    if (section == SECTION_GRADIENT)
        TRY(gpu_state_gradients_to_float(state));
    TRY(gpu_stage(state->gpu, count * sizeof(float)));
    float *to = state->gpu->staging;
    memset(to, 0, count * sizeof *to);
    for (size_t i = 0; i < param->count; i++)
        to[gpu_layout_index(base->net, param, i)] = values[i];
    state->version++;
    return gpu_upload(state->gpu, section_of(state, section, param) + state->offset[id],
                      count * sizeof(float), param->name);
}

/* ---- copies in bf16 ---- */

Status gpu_state_want_half(GpuState *state) {
    const char *what = state->base.net->title;
    if (!state->half_value)
        TRY(gpu_allocate(state->gpu, state->learned * sizeof(uint16_t), true, what, 0,
                         (void **)&state->half_value));
    if (!state->half_gradient)
        TRY(gpu_allocate(state->gpu, state->conv_weights * sizeof(uint16_t), true, what, 0,
                         (void **)&state->half_gradient));
    return STATUS_OK;
}

Status gpu_state_refresh_half(GpuState *state) {
    Status status = STATUS_OK;
    if (state->half_version == state->version || state->learned == 0)
        return STATUS_OK;
    CUDA_CHECK(half_from_float(state->gpu->lane[LANE_MAIN].stream, state->half_value, state->value,
                               state->learned),
               "copying weights to bf16");
    state->half_version = state->version;
out:
    return status;
}
