/* Convolutions: cuDNN's plans, with the bias added by an own kernel. */
#include "gpu/conv_exec.h"
#include "gpu/ops.h"

static ConvProblem problem_of(const GpuProgram *program, int node, ConvDirection direction) {
    Shape in = node_in(program->net, node), out = shape_of(program, node);
    return (ConvProblem){.direction = direction,
                         .precision = program->base.spec.precision,
                         .n = program->base.spec.max_batch,
                         .c = padded(in.c),
                         .h = in.h,
                         .w = in.w,
                         .k = padded(out.c),
                         .window = node_of(program, node)->window};
}

/* Bytes of the node's weights as the convolution sees them. */
static size_t weight_bytes(const GpuProgram *program, int node) {
    const Param *param = &program->net->params[node_of(program, node)->weight];
    return gpu_layout_count(program->net, param) * (program->half ? 2 : 4);
}

/* x, w and y are buffers; a NONE stands for the node's weights or their gradient. */
static Status plan_convolution(GpuProgram *program, int node, ConvDirection direction, int x,
                               int y) {
    static const char *const names[] = {"conv2d forward", "conv2d data gradient",
                                        "conv2d weight gradient"};
    const ConvProblem problem = problem_of(program, node, direction);
    ConvExec *exec = conv_exec_own(program);
    TRY(program->status);
    Lane lane = direction == CONV_WEIGHT_GRADIENT ? LANE_SIDE : LANE_MAIN;
    Status status = gpu_conv_plan(program->gpu, &problem, &exec->plan);
    if (status != STATUS_OK)
        return status_context(status, "%s", node_of(program, node)->name);
    gpu_plan_workspace(program, lane, (size_t)exec->plan->workspace);
    gpu_plan_step(program, (Step){.run = conv_exec_run,
                                  .name = names[direction],
                                  .node = node,
                                  .lane = lane,
                                  .buf = {x, y, NONE, NONE, NONE, NONE, NONE},
                                  .op = exec,
                                  .extra_bytes = weight_bytes(program, node)});
    return STATUS_OK;
}

/* ---- biases ---- */

static int rows_of(const GpuProgram *program, int node) {
    Shape out = shape_of(program, node);
    return program->base.spec.max_batch * out.h * out.w;
}

static Status run_bias(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const Node *node = node_of(program, step->node);
    CUDA_CHECK(bias_forward(stream_of(program, step), program->plan[step->node].half,
                            step_buffer(program, step, 0), param_value(program, node->bias),
                            rows_of(program, step->node), padded(node->out.c)),
               node->name);
out:
    return status;
}

static Status run_bias_gradient(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const Node *node = node_of(program, step->node);
    const int *counter = step->op;
    Reduction reduction = {step_buffer(program, step, 1), program->counters + *counter};
    CUDA_CHECK(bias_backward(stream_of(program, step), program->half,
                             param_gradient(program, node->bias), step_buffer(program, step, 0),
                             rows_of(program, step->node), padded(node->out.c), reduction),
               node->name);
out:
    return status;
}

void gpu_plan_bias(GpuProgram *program, int node) {
    if (node_of(program, node)->bias >= 0)
        gpu_plan_step(program, (Step){.run = run_bias,
                                      .name = "bias",
                                      .node = node,
                                      .buf = {program->plan[node].value, NONE, NONE, NONE, NONE,
                                              NONE, NONE}});
}

void gpu_plan_bias_gradient(GpuProgram *program, int node, int dy) {
    int *counter = node_of(program, node)->bias < 0 ? NULL : gpu_plan_own(program, sizeof *counter);
    if (!counter)
        return;
    *counter = gpu_plan_counter(program);
    int partial = gpu_plan_partial(
        program, reduction_floats(rows_of(program, node), 1, padded(shape_of(program, node).c), 1));
    gpu_plan_step(program, (Step){.run = run_bias_gradient,
                                  .name = "bias gradient",
                                  .node = node,
                                  .lane = LANE_SIDE,
                                  .buf = {dy, partial, NONE, NONE, NONE, NONE, NONE},
                                  .op = counter});
}

/* ---- the operation ---- */

static Status plan_forward(GpuProgram *program, int node) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    int y = gpu_plan_value(program, node);
    TRY(plan_convolution(program, node, CONV_FORWARD, x, y));
    gpu_plan_bias(program, node);
    return STATUS_OK;
}

static Status plan_backward(GpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dy = gpu_plan_gradient(program, node);
    TRY(plan_convolution(program, node, CONV_WEIGHT_GRADIENT, program->plan[input].value, dy));
    gpu_plan_bias_gradient(program, node, dy);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    TRY(plan_convolution(program, node, CONV_DATA_GRADIENT, dx, dy));
    gpu_plan_contribute(program, input, dx);
    return STATUS_OK;
}

const GpuOp gpu_conv2d = {plan_forward, plan_backward};
