/* Linear layers by cuBLAS. A row-major matrix is its transpose in cuBLAS's column-major eyes. With
 * N images, I inputs, O outputs (padded), x: N x I, w: O x I, y: N x O:
 *   y^T = w x^T,  dx^T = w^T dy^T,  dw^T = x^T dy */
#include "gpu/ops.h"

enum { IMAGES, INPUTS, OUTPUTS };

/* c = op_a(a) op_b(b), m x n from k terms. No matrix has gaps between its columns. */
typedef struct Product {
    cublasOperation_t op_a, op_b;
    int m, n, k; /* each IMAGES, INPUTS or OUTPUTS */
} Product;

static const Product forward = {CUBLAS_OP_T, CUBLAS_OP_N, OUTPUTS, IMAGES, INPUTS};
static const Product data_gradient = {CUBLAS_OP_N, CUBLAS_OP_N, INPUTS, IMAGES, OUTPUTS};
static const Product weight_gradient = {CUBLAS_OP_N, CUBLAS_OP_T, INPUTS, OUTPUTS, IMAGES};

static cublasComputeType_t compute_type(Precision precision) {
    if (precision == PRECISION_TF32)
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    return precision == PRECISION_BF16 ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_PEDANTIC;
}

static int inputs_of(const GpuProgram *program, int node) {
    return (int)padded_count(node_in(program->net, node));
}

static int outputs_of(const GpuProgram *program, int node) {
    return padded(shape_of(program, node).c);
}

static Status run_product(GpuProgram *program, const Step *step, const Product *p, const void *a,
                          const void *b, void *c, bool half_c) {
    Status status = STATUS_OK;
    const int sizes[] = {[IMAGES] = program->base.spec.max_batch,
                         [INPUTS] = inputs_of(program, step->node),
                         [OUTPUTS] = outputs_of(program, step->node)};
    const int m = sizes[p->m], n = sizes[p->n], k = sizes[p->k];
    const float one = 1, zero = 0;
    cudaDataType input = program->half ? CUDA_R_16BF : CUDA_R_32F;
    CUBLAS_CHECK(cublasGemmEx(program->gpu->lane[step->lane].cublas, p->op_a, p->op_b, m, n, k,
                              &one, a, input, p->op_a == CUBLAS_OP_N ? m : k, b, input,
                              p->op_b == CUBLAS_OP_N ? k : n, &zero, c,
                              half_c ? CUDA_R_16BF : CUDA_R_32F, m,
                              compute_type(program->base.spec.precision), CUBLAS_GEMM_DEFAULT),
                 name_of(program, step));
out:
    return status;
}

static const void *weight_of(const GpuProgram *program, const Step *step) {
    return weight_value(program, node_of(program, step->node)->weight);
}

/* buf: 0 y, 1 x */
static Status run_forward(GpuProgram *program, const Step *step) {
    return run_product(program, step, &forward, weight_of(program, step),
                       step_buffer(program, step, 1), step_buffer(program, step, 0),
                       program->plan[step->node].half);
}

/* buf: 0 dx, 1 dy */
static Status run_data_gradient(GpuProgram *program, const Step *step) {
    return run_product(program, step, &data_gradient, weight_of(program, step),
                       step_buffer(program, step, 1), step_buffer(program, step, 0), program->half);
}

/* buf: 0 x, 1 dy */
static Status run_weight_gradient(GpuProgram *program, const Step *step) {
    return run_product(program, step, &weight_gradient, step_buffer(program, step, 0),
                       step_buffer(program, step, 1),
                       param_gradient(program, node_of(program, step->node)->weight), false);
}

static size_t weight_bytes(const GpuProgram *program, int node, size_t size) {
    return (size_t)inputs_of(program, node) * (size_t)outputs_of(program, node) * size;
}

static Status plan_forward(GpuProgram *program, int node) {
    int x = program->plan[node_of(program, node)->inputs[0]].value;
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program,
                  (Step){.run = run_forward,
                         .name = "linear forward",
                         .node = node,
                         .buf = {y, x, NONE, NONE, NONE, NONE, NONE},
                         .extra_bytes = weight_bytes(program, node, program->half ? 2 : 4)});
    gpu_plan_bias(program, node);
    return STATUS_OK;
}

static Status plan_backward(GpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dy = gpu_plan_gradient(program, node);
    gpu_plan_step(program,
                  (Step){.run = run_weight_gradient,
                         .name = "linear weight gradient",
                         .node = node,
                         .lane = LANE_SIDE,
                         .buf = {program->plan[input].value, dy, NONE, NONE, NONE, NONE, NONE},
                         .extra_bytes = weight_bytes(program, node, 4)});
    gpu_plan_bias_gradient(program, node, dy);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
    gpu_plan_step(program,
                  (Step){.run = run_data_gradient,
                         .name = "linear data gradient",
                         .node = node,
                         .buf = {dx, dy, NONE, NONE, NONE, NONE, NONE},
                         .extra_bytes = weight_bytes(program, node, program->half ? 2 : 4)});
    gpu_plan_contribute(program, input, dx);
    return STATUS_OK;
}

const GpuOp gpu_linear = {plan_forward, plan_backward};
