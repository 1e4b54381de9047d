/* Option A's shortcut: in a fused group it is read at its source (batch_norm.c), else stored. */
#include "gpu/ops.h"

SkipView subsample_view(const GpuProgram *program, int node) {
    Shape in = node_in(program->net, node);
    return (SkipView){.subsampled = true,
                      .channels = in.c,
                      .padded = padded(in.c),
                      .h = in.h,
                      .w = in.w,
                      .stride = node_of(program, node)->window.stride,
                      .before = node_of(program, node)->channels_before,
                      .out_w = shape_of(program, node).w};
}

/* buf: 0 y, 1 x. */
static Status run_forward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    SkipView view = subsample_view(program, step->node);
    view.x = step_buffer(program, step, 1);
    CUDA_CHECK(subsample_forward(stream_of(program, step), program->half,
                                 step_buffer(program, step, 0), &view, program->base.spec.max_batch,
                                 shape_of(program, step->node)),
               name_of(program, step));
out:
    return status;
}

static Status run_backward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const SkipView view = subsample_view(program, step->node);
    CUDA_CHECK(subsample_backward(stream_of(program, step), program->half,
                                  step_buffer(program, step, 0), step_buffer(program, step, 1),
                                  &view, program->base.spec.max_batch,
                                  shape_of(program, step->node)),
               name_of(program, step));
out:
    return status;
}

/* A folded node is stored all the same when a tap looks at it; nothing else reads that. */
static Status plan_forward(GpuProgram *program, int node) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    bool tapped = false;
    for (int i = 0; i < program->base.spec.tap_count; i++)
        if (program->base.spec.taps[i].node == node && program->base.spec.taps[i].kind == TAP_VALUE)
            tapped = true;
    if (program->plan[node].folded && !tapped)
        return STATUS_OK;
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run_forward,
                                  .name = "zero_pad_subsample forward",
                                  .node = node,
                                  .buf = {y, x, NONE, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

void gpu_plan_subsample_backward(GpuProgram *program, int node, int dy) {
    int input = node_of(program, node)->inputs[0];
    if (!program->use[input].needs_gradient)
        return;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    gpu_plan_step(program, (Step){.run = run_backward,
                                  .name = "zero_pad_subsample backward",
                                  .node = node,
                                  .buf = {dx, dy, NONE, NONE, NONE, NONE, NONE}});
    gpu_plan_contribute(program, input, dx);
}

static Status plan_backward(GpuProgram *program, int node) {
    gpu_plan_subsample_backward(program, node, gpu_plan_gradient(program, node));
    return STATUS_OK;
}

const GpuOp gpu_zero_pad_subsample = {plan_forward, plan_backward};
