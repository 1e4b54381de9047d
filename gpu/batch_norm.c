/* Batch norm with what is fused behind it (net/fusion.h); the formulas are in
 * kernels/batch_norm.cu. A shortcut of option A that only the group's add reads is folded in: it is
 * read at its source. */
#include "gpu/ops.h"
#include "gpu/tap.h"

typedef struct NormOp {
    FusedGroup group;
    NormShape shape;
    SkipView skip;  /* but for its pointer */
    size_t channel; /* of the first channel among all batch norms' */
    int counter;    /* forward's */
    int back_counter;
} NormOp;

static const FusedGroup *group_ending_at(const GpuProgram *program, int node) {
    return &program->groups[program->use[node].group];
}

static const float *norm_arena(const GpuProgram *program, const NormOp *op, const float *arena) {
    return arena + op->channel * (size_t)program->norm_groups;
}

static NormOp *op_create(GpuProgram *program, int node) {
    NormOp *op = gpu_plan_own(program, sizeof *op);
    if (!op)
        return NULL;
    const ProgramSpec *spec = &program->base.spec;
    bool batch = spec->mode != MODE_EVAL;
    op->group = *group_ending_at(program, node);
    const Node *bn = node_of(program, op->group.bn);
    op->channel = program->state->offset[bn->running_mean];
    op->shape = (NormShape){.max_batch = spec->max_batch,
                            .group = batch ? spec->bn_group : 0,
                            .groups = program->norm_groups,
                            .channels = padded(bn->out.c),
                            .pixels = bn->out.h * bn->out.w};
    if (op->group.skip >= 0 && program->plan[op->group.skip].folded)
        op->skip = subsample_view(program, op->group.skip);
    return op;
}

/* The node whose value the skip connection reads; NONE: there is none. */
static int skip_source(const GpuProgram *program, const FusedGroup *group) {
    if (group->skip < 0 || !program->plan[group->skip].folded)
        return group->skip;
    return node_of(program, group->skip)->inputs[0];
}

/* ---- forward ---- */

static Status run_statistics(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const NormOp *op = step->op;
    bool updates = program->base.spec.mode != MODE_EVAL_BATCH;
    const NormStatistics args = {
        .shape = op->shape,
        .x = step_buffer(program, step, 0),
        .control = program->control,
        .reduction = {step_buffer(program, step, 1), program->counters + op->counter},
        .first_value = (float *)norm_arena(program, op, program->norm_sums),
        .mean = (float *)norm_arena(program, op, program->norm_mean),
        .inverse = (float *)norm_arena(program, op, program->norm_inverse),
        .running_mean = updates ? program->state->running_mean + op->channel : NULL,
        .running_var = updates ? program->state->running_var + op->channel : NULL,
    };
    CUDA_CHECK(norm_statistics(stream_of(program, step), program->half, &args),
               name_of(program, step));
out:
    return status;
}

static NormApply apply_args(GpuProgram *program, const Step *step) {
    const NormOp *op = step->op;
    const Node *bn = node_of(program, op->group.bn);
    NormApply args = {
        .shape = op->shape,
        .x = step_buffer(program, step, 0),
        .y = step_buffer(program, step, 1),
        .skip = op->skip,
        .relu = op->group.relu >= 0,
        .mean = norm_arena(program, op, program->norm_mean),
        .inverse = norm_arena(program, op, program->norm_inverse),
        .weight = param_value(program, bn->weight),
        .bias = param_value(program, bn->bias),
        .control = program->control,
    };
    args.skip.x = step_buffer(program, step, 2);
    return args;
}

static Status run_apply(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const NormApply args = apply_args(program, step);
    CUDA_CHECK(norm_apply(stream_of(program, step), program->half, &args), name_of(program, step));
out:
    return status;
}

/* The value of a node inside the group, as floats: the batch norm's when buf[2] is NONE. */
static Status run_tap(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const NormApply args = apply_args(program, step);
    CUDA_CHECK(tap_norm_value(stream_of(program, step), program->half,
                              step_buffer(program, step, 1), &args),
               name_of(program, step));
out:
    return status;
}

static void plan_value_taps(GpuProgram *program, const NormOp *op, int x, int skip) {
    const FusedGroup *group = &op->group;
    for (int k = 0; k < 2; k++) {
        int node = k == 0 ? group->bn : group->add;
        if (node < 0 || node == group->last)
            continue;
        int out = gpu_tap_value_buffer(program, node);
        if (out >= 0)
            gpu_plan_step(program,
                          (Step){.run = run_tap,
                                 .name = "tap",
                                 .node = node,
                                 .buf = {x, out, k == 0 ? NONE : skip, NONE, NONE, NONE, NONE},
                                 .op = (void *)op});
    }
}

/* Bytes of one tensor of the group's shape, without padding. */
static size_t tensor_bytes(const GpuProgram *program, const NormOp *op) {
    return (size_t)program->base.spec.max_batch * shape_count(shape_of(program, op->group.bn)) *
           (program->half ? 2 : 4);
}

/* What the skip connection has to read, without padding. */
static size_t skip_bytes(const GpuProgram *program, const NormOp *op) {
    size_t pixels = (size_t)program->base.spec.max_batch * (size_t)op->shape.pixels;
    return op->skip.subsampled ? pixels * (size_t)op->skip.channels * (program->half ? 2 : 4)
                               : tensor_bytes(program, op);
}

/* What a folded shortcut leaves unread of its source: all but every stride-th pixel. */
static size_t unread_bytes(const GpuProgram *program, const NormOp *op) {
    const SkipView *view = &op->skip;
    if (!view->subsampled)
        return 0;
    size_t pixels = (size_t)(view->h * view->w - op->shape.pixels);
    return (size_t)program->base.spec.max_batch * pixels * (size_t)view->padded *
           (program->half ? 2 : 4);
}

static Status plan_forward(GpuProgram *program, int node) {
    NormOp *op = op_create(program, node);
    TRY(program->status);
    program->ops[node] = op;
    int x = program->plan[node_of(program, op->group.bn)->inputs[0]].value;
    int source = skip_source(program, &op->group);
    int skip = source >= 0 ? program->plan[source].value : NONE;
    if (program->base.spec.mode != MODE_EVAL) {
        int rows = op->shape.pixels * (op->shape.group ? op->shape.group : op->shape.max_batch);
        int partial = gpu_plan_partial(
            program, reduction_floats(rows, op->shape.groups, op->shape.channels, 2));
        op->counter = gpu_plan_counter(program);
        gpu_plan_step(program, (Step){.run = run_statistics,
                                      .name = "batch_norm statistics",
                                      .node = op->group.bn,
                                      .buf = {x, partial, NONE, NONE, NONE, NONE, NONE},
                                      .op = op});
    }
    int y = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run_apply,
                                  .name = "batch_norm apply",
                                  .node = node,
                                  .buf = {x, y, skip, NONE, NONE, NONE, NONE},
                                  .op = op,
                                  .unread_bytes = unread_bytes(program, op),
                                  .least_bytes = 2 * tensor_bytes(program, op) +
                                                 (skip >= 0 ? skip_bytes(program, op) : 0)});
    plan_value_taps(program, op, x, skip);
    return STATUS_OK;
}

/* ---- backward ---- */

/* buf: 0 x, 1 y or NONE, 2 and 3 the parts of the gradient, 4 the masked gradient or NONE, 5 dx or
 * the partial sums. */
static NormBackward backward_args(GpuProgram *program, const Step *step) {
    const NormOp *op = step->op;
    const Node *bn = node_of(program, op->group.bn);
    return (NormBackward){
        .shape = op->shape,
        .x = step_buffer(program, step, 0),
        .y = step_buffer(program, step, 1),
        .g0 = step_buffer(program, step, 2),
        .g1 = step_buffer(program, step, 3),
        .relu = op->group.relu >= 0,
        .masked = step_buffer(program, step, 4),
        .mean = norm_arena(program, op, program->norm_mean),
        .inverse = norm_arena(program, op, program->norm_inverse),
        .weight = param_value(program, bn->weight),
        .bias = param_value(program, bn->bias),
        .sums = (float *)norm_arena(program, op, program->norm_sums) +
                op->channel * (size_t)program->norm_groups,
        .dweight = param_gradient(program, bn->weight),
        .dbias = param_gradient(program, bn->bias),
        .control = program->control,
    };
}

static Status run_reduce(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    const NormOp *op = step->op;
    NormBackward args = backward_args(program, step);
    args.reduction =
        (Reduction){step_buffer(program, step, 5), program->counters + op->back_counter};
    CUDA_CHECK(norm_backward_reduce(stream_of(program, step), program->half, &args),
               name_of(program, step));
out:
    return status;
}

static Status run_backward_apply(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    NormBackward args = backward_args(program, step);
    args.dx = step_buffer(program, step, 5);
    CUDA_CHECK(norm_backward_apply(stream_of(program, step), program->half, &args),
               name_of(program, step));
out:
    return status;
}

/* The gradient of the skip connection is the masked one: the node that it reads gets it. */
static void plan_skip_gradient(GpuProgram *program, const FusedGroup *group, int masked) {
    if (group->skip < 0)
        return;
    if (program->plan[group->skip].folded)
        gpu_plan_subsample_backward(program, group->skip, masked);
    else
        gpu_plan_contribute(program, group->skip, masked);
}

/* Gradients of nodes inside the group, and of a folded shortcut: all are the masked one. */
static void plan_gradient_taps(GpuProgram *program, const FusedGroup *group, Gradient g) {
    bool folded = group->skip >= 0 && program->plan[group->skip].folded;
    const int inside[] = {group->bn, group->add, folded ? group->skip : NONE};
    int y = group->relu >= 0 ? program->plan[group->last].value : NONE;
    for (int i = 0; i < 3; i++)
        if (inside[i] >= 0 && inside[i] != group->last)
            gpu_plan_gradient_tap(program, inside[i], g, y);
}

static Status plan_backward(GpuProgram *program, int node) {
    NormOp *op = program->ops[node];
    const FusedGroup *group = &op->group;
    Gradient g = program->plan[node].gradient;
    int input = node_of(program, group->bn)->inputs[0], x = program->plan[input].value;
    bool skip_wants = group->skip >= 0 && program->use[group->skip].needs_gradient;
    /* Without a skip connection the mask is computed again from x, which is read anyway. */
    int y = group->relu >= 0 && group->skip >= 0 ? program->plan[node].value : NONE;
    int g1 = g.parts == 2 ? g.part[1] : NONE;
    int masked = skip_wants || g1 >= 0
                     ? gpu_plan_activation(program, shape_of(program, node), program->half)
                     : NONE;
    int rows = op->shape.pixels * (op->shape.group ? op->shape.group : op->shape.max_batch);
    int partial =
        gpu_plan_partial(program, reduction_floats(rows, op->shape.groups, op->shape.channels, 2));
    op->back_counter = gpu_plan_counter(program);
    gpu_plan_step(program, (Step){.run = run_reduce,
                                  .name = "batch_norm backward reduce",
                                  .node = group->bn,
                                  .buf = {x, y, g.part[0], g1, masked, partial, NONE},
                                  .op = op,
                                  .least_bytes = (skip_wants ? 3 : 2) * tensor_bytes(program, op)});
    plan_gradient_taps(program, group, g);
    if (program->use[input].needs_gradient || masked >= 0) {
        int dx = gpu_plan_activation(program, shape_of(program, input), program->half);
        bool from_masked = masked >= 0;
        gpu_plan_step(program,
                      (Step){.run = run_backward_apply,
                             .name = "batch_norm backward apply",
                             .node = group->bn,
                             .buf = {x, from_masked ? NONE : y, from_masked ? NONE : g.part[0],
                                     NONE, masked, dx, NONE},
                             .op = op,
                             .least_bytes = 3 * tensor_bytes(program, op)});
        gpu_plan_contribute(program, input, dx);
    }
    plan_skip_gradient(program, group, masked);
    return STATUS_OK;
}

const GpuOp gpu_batch_norm = {plan_forward, plan_backward};
