/* The loss: one kernel gives the losses, the error count and, in training, the logits' gradient. */
#include "gpu/plan.h"

/* buf: 0 logits, 1 dlogits or NONE, 2 losses by image, 3 errors by image */
static Status run_loss(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    int input = node_of(program, step->node)->inputs[0];
    const int *counter = step->op;
    const LossArgs args = {.logits = step_buffer(program, step, 0),
                           .logits_half = program->plan[input].half,
                           .dlogits = step_buffer(program, step, 1),
                           .dlogits_half = program->half,
                           .labels = program->labels,
                           .classes = shape_of(program, input).c,
                           .padded = padded(shape_of(program, input).c),
                           .max_batch = program->base.spec.max_batch,
                           .image_loss = step_buffer(program, step, 2),
                           .wrong = step_buffer(program, step, 3),
                           .counter = program->counters + *counter,
                           .metrics = program->metrics,
                           .control = program->control};
    CUDA_CHECK(loss_step(stream_of(program, step), &args), name_of(program, step));
out:
    return status;
}

static Status plan_forward(GpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dlogits = NONE;
    size_t images = (size_t)program->base.spec.max_batch;
    int *counter = gpu_plan_own(program, sizeof *counter);
    TRY(program->status);
    *counter = gpu_plan_counter(program);
    if (program->trains && program->use[input].needs_gradient)
        dlogits = gpu_plan_activation(program, shape_of(program, input), program->half);
    int losses = gpu_plan_partial(program, images), wrong = gpu_plan_partial(program, images);
    gpu_plan_step(program, (Step){.run = run_loss,
                                  .name = "softmax_cross_entropy",
                                  .node = node,
                                  .buf = {program->plan[input].value, dlogits, losses, wrong, NONE,
                                          NONE, NONE},
                                  .op = counter});
    gpu_plan_contribute(program, input, dlogits);
    return STATUS_OK;
}

static Status plan_backward(GpuProgram *program, int node) {
    (void)program, (void)node; /* forward has done it */
    return STATUS_OK;
}

const GpuOp gpu_softmax_cross_entropy = {plan_forward, plan_backward};
