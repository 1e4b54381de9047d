#include "gpu/plan.h"

static PoolShape pool_shape(const GpuProgram *program, int node) {
    Shape in = node_in(program->net, node), out = shape_of(program, node);
    in.c = out.c = padded(out.c);
    return (PoolShape){program->base.spec.max_batch, in, out, node_of(program, node)->window};
}

/* buf, forward: 0 y, 1 x, 2 index; backward: 0 dx, 1 dy, 2 index. Average: no index. */
static Status run_forward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const PoolShape shape = pool_shape(program, step->node);
    cudaStream_t stream = stream_of(program, step);
    void *y = step_buffer(program, step, 0), *x = step_buffer(program, step, 1);
    if (step->buf[2] >= 0)
        CUDA_CHECK(
            max_pool_forward(stream, program->half, y, step_buffer(program, step, 2), x, &shape),
            name_of(program, step));
    else
        CUDA_CHECK(avg_pool_forward(stream, program->half, y, x, &shape), name_of(program, step));
out:
    return status;
}

static Status run_backward(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const PoolShape shape = pool_shape(program, step->node);
    cudaStream_t stream = stream_of(program, step);
    void *dx = step_buffer(program, step, 0), *dy = step_buffer(program, step, 1);
    if (step->buf[2] >= 0)
        CUDA_CHECK(
            max_pool_backward(stream, program->half, dx, dy, step_buffer(program, step, 2), &shape),
            name_of(program, step));
    else
        CUDA_CHECK(avg_pool_backward(stream, program->half, dx, dy, &shape),
                   name_of(program, step));
out:
    return status;
}

static Status plan_forward(GpuProgram *program, int node) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    int y = gpu_plan_value(program, node), index = NONE;
    bool max = node_of(program, node)->op == OP_MAX_POOL;
    if (max)
        index = program->plan[node].index =
            gpu_plan_buffer(program, batch_elements(program, shape_of(program, node)));
    gpu_plan_step(program, (Step){.run = run_forward,
                                  .name = max ? "max_pool forward" : "avg_pool forward",
                                  .node = node,
                                  .buf = {y, x, index, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

static Status plan_backward(GpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dy = gpu_plan_gradient(program, node);
    bool max = node_of(program, node)->op == OP_MAX_POOL;
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    gpu_plan_step(program,
                  (Step){.run = run_backward,
                         .name = max ? "max_pool backward" : "avg_pool backward",
                         .node = node,
                         .buf = {dx, dy, program->plan[node].index, NONE, NONE, NONE, NONE}});
    gpu_plan_contribute(program, input, dx);
    return STATUS_OK;
}

const GpuOp gpu_max_pool = {plan_forward, plan_backward};
const GpuOp gpu_avg_pool = {plan_forward, plan_backward};
