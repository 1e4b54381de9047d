#include "net/dropout.h"

#include "gpu/plan.h"

/* buf: 0 y or dx, 1 x or dy. */
static Status run_dropout(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const Node *node = node_of(program, step->node);
    const DropoutArgs args = {.y = step_buffer(program, step, 0),
                              .x = step_buffer(program, step, 1),
                              .max_batch = program->base.spec.max_batch,
                              .node = step->node,
                              .shape = node->out,
                              .seed = program->base.spec.seed,
                              .threshold = dropout_threshold(node->probability),
                              .scale = (float)(1 / (1 - node->probability)),
                              .control = program->control};
    CUDA_CHECK(dropout_apply(stream_of(program, step), program->half, &args),
               name_of(program, step));
out:
    return status;
}

/* Outside of training the value is the input's. */
static Status plan_forward(GpuProgram *program, int node) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    if (!program->trains) {
        program->plan[node].value = x;
        return STATUS_OK;
    }
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run_dropout,
                                  .name = "dropout forward",
                                  .node = node,
                                  .buf = {y, x, NONE, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

static Status plan_backward(GpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dy = gpu_plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    gpu_plan_step(program, (Step){.run = run_dropout,
                                  .name = "dropout backward",
                                  .node = node,
                                  .buf = {dx, dy, NONE, NONE, NONE, NONE, NONE}});
    gpu_plan_contribute(program, input, dx);
    return STATUS_OK;
}

const GpuOp gpu_dropout = {plan_forward, plan_backward};
