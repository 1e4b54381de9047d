/* The optimiser's arguments; the arithmetic is in kernels/optimizer.cu. */
#include <math.h>

#include "gpu/gpu.h"

void gpu_update_control(const GpuState *state, double lr, UpdateControl *control) {
    const Optimizer *o = &state->base.optimizer;
    double t = (double)state->base.updates;
    *control = (UpdateControl){.lr = (float)lr};
    if (o->kind != OPTIMIZER_ADAM)
        return;
    control->adam_step = (float)(lr / (1 - pow(o->beta1, t)));
    control->adam_root = (float)(1 / sqrt(1 - pow(o->beta2, t)));
}

Status gpu_update_enqueue(GpuState *state, const UpdateControl *control, bool half_gradient,
                          bool half_copy) {
    Status status = STATUS_OK;
    const Optimizer *o = &state->base.optimizer;
    const UpdateArgs args = {
        .value = state->value,
        .momentum = state->momentum,
        .square = state->square,
        .gradient = state->gradient,
        .half_gradient = half_gradient ? state->half_gradient : NULL,
        .half_value = half_copy ? state->half_value : NULL,
        .half_gradients = state->conv_weights,
        .decayed = o->decay_scope == DECAY_ALL ? state->learned : state->weights,
        .learned = state->learned,
        .kind = o->kind,
        .nesterov = o->nesterov,
        .momentum_factor = (float)o->momentum,
        .decay = (float)o->weight_decay,
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .rest1 = (float)(1 - o->beta1),
        .rest2 = (float)(1 - o->beta2),
        .eps = (float)o->eps,
        .control = control,
    };
    if (state->learned > 0)
        CUDA_CHECK(optimizer_step(state->gpu->lane[LANE_MAIN].stream, &args), "optimizer");
out:
    return status;
}

Status gpu_update(State *base, double lr) {
    GpuState *state = gpu_state_of(base);
    bool half = state->half_value != NULL;
    base->updates++;
    TRY(gpu_stage(state->gpu, sizeof(UpdateControl)));
    gpu_update_control(state, lr, state->gpu->staging);
    TRY(gpu_upload(state->gpu, state->control, sizeof(UpdateControl), "optimizer"));
    TRY(gpu_update_enqueue(state, state->control, state->gradient_is_half, half));
    state->version++;
    if (half)
        state->half_version = state->version;
    return STATUS_OK;
}
