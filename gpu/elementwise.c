/* ReLU and add where no batch norm took them in; sigmoid, multiply and affine. */
#include "gpu/plan.h"

/* buf: 0 y, 1 x. */
static Status plan_unary(GpuProgram *program, int node, StepFn run, const char *name) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run,
                                  .name = name,
                                  .node = node,
                                  .buf = {y, x, NONE, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

/* buf: 0 dx, 1 dy, 2 y or NONE. */
static Status plan_unary_backward(GpuProgram *program, int node, StepFn run, const char *name,
                                  int y) {
    int input = node_of(program, node)->inputs[0], dy = gpu_plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    gpu_plan_step(
        program,
        (Step){.run = run, .name = name, .node = node, .buf = {dx, dy, y, NONE, NONE, NONE, NONE}});
    gpu_plan_contribute(program, input, dx);
    return STATUS_OK;
}

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
    return plan_unary(program, node, run_relu, "relu forward");
}

static Status plan_relu_backward(GpuProgram *program, int node) {
    return plan_unary_backward(program, node, run_relu_backward, "relu backward",
                               program->plan[node].value);
}

const GpuOp gpu_relu = {plan_relu, plan_relu_backward};

/* buf: 0 y, 1 a, 2 b. */
static Status plan_pair(GpuProgram *program, int node, StepFn run, const char *name) {
    const int *inputs = node_of(program, node)->inputs;
    int a = program->plan[inputs[0]].value, b = program->plan[inputs[1]].value;
    int y = gpu_plan_value(program, node);
    gpu_plan_step(
        program,
        (Step){.run = run, .name = name, .node = node, .buf = {y, a, b, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

static Status plan_add(GpuProgram *program, int node) {
    return plan_pair(program, node, gpu_run_sum, "add forward");
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

/* ---- multiply ---- */

static Status run_multiply(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(multiply_forward(stream_of(program, step), program->half,
                                step_buffer(program, step, 0), step_buffer(program, step, 1),
                                step_buffer(program, step, 2),
                                batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

/* buf: 0 da, 1 db, 2 dy, 3 a, 4 b; those that are not wanted NONE. */
static Status run_multiply_backward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(multiply_backward(stream_of(program, step), program->half,
                                 step_buffer(program, step, 0), step_buffer(program, step, 1),
                                 step_buffer(program, step, 2), step_buffer(program, step, 3),
                                 step_buffer(program, step, 4),
                                 batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

static Status plan_multiply(GpuProgram *program, int node) {
    return plan_pair(program, node, run_multiply, "multiply forward");
}

static Status plan_multiply_backward(GpuProgram *program, int node) {
    const int *inputs = node_of(program, node)->inputs;
    int dy = gpu_plan_gradient(program, node), dx[2] = {NONE, NONE}, other[2] = {NONE, NONE};
    for (int i = 0; i < 2; i++)
        if (program->use[inputs[i]].needs_gradient) {
            dx[i] = gpu_plan_activation(program, shape_of(program, node), program->half);
            other[i] = program->plan[inputs[1 - i]].value;
        }
    if (dx[0] < 0 && dx[1] < 0)
        return STATUS_OK;
    gpu_plan_step(program, (Step){.run = run_multiply_backward,
                                  .name = "multiply backward",
                                  .node = node,
                                  .buf = {dx[0], dx[1], dy, other[1], other[0], NONE, NONE}});
    gpu_plan_contribute(program, inputs[0], dx[0]);
    gpu_plan_contribute(program, inputs[1], dx[1]);
    return STATUS_OK;
}

const GpuOp gpu_multiply = {plan_multiply, plan_multiply_backward};

/* ---- sigmoid, affine ---- */

static Status run_sigmoid(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    Shape shape = shape_of(program, step->node);
    CUDA_CHECK(sigmoid_forward(stream_of(program, step), program->half,
                               step_buffer(program, step, 0), step_buffer(program, step, 1),
                               batch_elements(program, shape), shape.c, padded(shape.c)),
               name_of(program, step));
out:
    return status;
}

static Status run_sigmoid_backward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(sigmoid_backward(stream_of(program, step), program->half,
                                step_buffer(program, step, 0), step_buffer(program, step, 1),
                                step_buffer(program, step, 2),
                                batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

static Status plan_sigmoid(GpuProgram *program, int node) {
    return plan_unary(program, node, run_sigmoid, "sigmoid forward");
}

static Status plan_sigmoid_backward(GpuProgram *program, int node) {
    return plan_unary_backward(program, node, run_sigmoid_backward, "sigmoid backward",
                               program->plan[node].value);
}

const GpuOp gpu_sigmoid = {plan_sigmoid, plan_sigmoid_backward};

static Status run_affine(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const Node *node = node_of(program, step->node);
    CUDA_CHECK(affine_forward(stream_of(program, step), program->half,
                              step_buffer(program, step, 0), step_buffer(program, step, 1),
                              batch_elements(program, node->out), node->out.c, padded(node->out.c),
                              (float)node->scale, (float)node->shift),
               name_of(program, step));
out:
    return status;
}

static Status run_affine_backward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const Node *node = node_of(program, step->node);
    CUDA_CHECK(affine_backward(stream_of(program, step), program->half,
                               step_buffer(program, step, 0), step_buffer(program, step, 1),
                               batch_elements(program, node->out), (float)node->scale),
               name_of(program, step));
out:
    return status;
}

static Status plan_affine(GpuProgram *program, int node) {
    return plan_unary(program, node, run_affine, "affine forward");
}

static Status plan_affine_backward(GpuProgram *program, int node) {
    return plan_unary_backward(program, node, run_affine_backward, "affine backward", NONE);
}

const GpuOp gpu_affine = {plan_affine, plan_affine_backward};
