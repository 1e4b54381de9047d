/* ReLU and add where no batch norm took them in. */
#include "gpu/plan.h"

static Status run_relu(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(relu_forward(stream_of(program, step), program->half, step_buffer(program, step, 0),
                            step_buffer(program, step, 1),
                            batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

static Status run_relu_backward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(relu_backward(stream_of(program, step), program->half, step_buffer(program, step, 0),
                             step_buffer(program, step, 1), step_buffer(program, step, 2),
                             batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

static Status plan_relu(GpuProgram *program, int node) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run_relu,
                                  .name = "relu forward",
                                  .node = node,
                                  .buf = {y, x, NONE, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

static Status plan_relu_backward(GpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dy = gpu_plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    gpu_plan_step(program,
                  (Step){.run = run_relu_backward,
                         .name = "relu backward",
                         .node = node,
                         .buf = {dx, dy, program->plan[node].value, NONE, NONE, NONE, NONE}});
    gpu_plan_contribute(program, input, dx);
    return STATUS_OK;
}

const GpuOp gpu_relu = {plan_relu, plan_relu_backward};

static Status run_add(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(add_forward(stream_of(program, step), program->half, step_buffer(program, step, 0),
                           step_buffer(program, step, 1), step_buffer(program, step, 2),
                           batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

static Status plan_add(GpuProgram *program, int node) {
    const Node *add = node_of(program, node);
    int a = program->plan[add->inputs[0]].value, b = program->plan[add->inputs[1]].value;
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run_add,
                                  .name = "add forward",
                                  .node = node,
                                  .buf = {y, a, b, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

/* Both inputs get the gradient as it is: no buffer is written over, so they may share it. */
static Status plan_add_backward(GpuProgram *program, int node) {
    const Node *add = node_of(program, node);
    int dy = gpu_plan_gradient(program, node);
    gpu_plan_contribute(program, add->inputs[0], dy);
    gpu_plan_contribute(program, add->inputs[1], dy);
    return STATUS_OK;
}

const GpuOp gpu_add = {plan_add, plan_add_backward};
