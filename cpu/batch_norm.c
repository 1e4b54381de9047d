/* Batch norm, with the add and the ReLU that fuse.c found behind it: its loops over one image, and
 * as steps over the whole batch where no convolution has taken them into its chunks. */
#include "cpu/batch_norm.h"

#include "cpu/chunk.h"

enum { FX, FSKIP, FY, FPLANES };
enum { BX, BY, BG1, BG2, BMASKED, BDX };

/* ---- one image ---- */

static size_t plane_floats(const CpuProgram *program, const BatchNorm *bn) {
    return (size_t)bn->pixels * (size_t)program->cpu->block;
}

/* Where image n's two doubles a channel lie; the second ones are `*second` further. */
static double *image_sums(const CpuProgram *program, const BatchNorm *bn, int buffer, int n,
                          int count, size_t *second) {
    *second = (size_t)count * (size_t)bn->padded;
    return (double *)buffer_floats(program, buffer) + (size_t)n * (size_t)bn->padded;
}

void batch_norm_count_image(const CpuProgram *program, const BatchNorm *bn, const float *x, int n,
                            int count) {
    const Kernels *k = program->cpu->kernels;
    size_t second, plane = plane_floats(program, bn);
    double *mean = image_sums(program, bn, bn->planes, n, count, &second);
    for (int b = 0; b < bn->blocks; b++, mean += k->block)
        k->bn_statistics(mean, mean + second, x + (size_t)b * plane, bn->pixels);
}

void batch_norm_normalise_image(const CpuProgram *program, const BatchNorm *bn, float *to,
                                size_t row, size_t plane, const float *x, const float *skip,
                                float *kept, int n) {
    const Kernels *k = program->cpu->kernels;
    size_t dense = plane_floats(program, bn);
    BnCoef side;
    BnForward forward = {x, skip, bn->side ? &side : NULL, kept, bn->h, bn->w, bn->group.relu >= 0};
    for (int b = 0; b < bn->blocks; b++) {
        BnCoef coef = batch_norm_coef(bn, n, b, k->block);
        if (bn->side)
            side = batch_norm_coef(bn->side, n, b, k->block);
        k->bn_normalise(to + (size_t)b * plane, row, &forward, &coef);
        forward.x += dense;
        if (skip)
            forward.skip += dense;
        if (kept)
            forward.kept += dense;
    }
}

static void next_block(BnPlane *plane, size_t floats) {
    plane->g1 += floats;
    plane->x += floats;
    if (plane->g2)
        plane->g2 += floats;
    if (plane->y)
        plane->y += floats;
    if (plane->masked)
        plane->masked += floats;
}

void batch_norm_reduce_image(const CpuProgram *program, const BatchNorm *bn, BnPlane planes, int n,
                             int count) {
    const Kernels *k = program->cpu->kernels;
    size_t second, floats = plane_floats(program, bn);
    double *sum_g = image_sums(program, bn, bn->sums, n, count, &second);
    for (int b = 0; b < bn->blocks; b++, sum_g += k->block) {
        BnCoef coef = batch_norm_coef(bn, n, b, k->block);
        k->bn_reduce(sum_g, sum_g + second, &planes, &coef);
        next_block(&planes, floats);
    }
}

void batch_norm_apply_image(const CpuProgram *program, const BatchNorm *bn, float *to, size_t row,
                            size_t plane, const float *g, const float *x, int n) {
    const Kernels *k = program->cpu->kernels;
    size_t dense = plane_floats(program, bn);
    for (int b = 0; b < bn->blocks; b++) {
        BnCoef coef = batch_norm_coef(bn, n, b, k->block);
        k->bn_apply_rows(to + (size_t)b * plane, row, g + (size_t)b * dense, x + (size_t)b * dense,
                         &coef, bn->h, bn->w);
    }
}

/* ---- forward ---- */

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    BatchNorm *bn = step->op;
    const float *x = step_buffer(program, step, FX), *skip = step_buffer(program, step, FSKIP);
    float *y = step_buffer(program, step, FY);
    size_t plane = plane_floats(program, bn), image = plane * (size_t)bn->blocks;
    size_t row = (size_t)bn->w * (size_t)program->cpu->block;
    bool threads = cpu_worth_threads((size_t)count * image);
    if (bn->planes >= 0 && !bn->counted) {
#pragma omp parallel for schedule(static) if (threads)
        for (int n = 0; n < count; n++)
            batch_norm_count_image(program, bn, x + (size_t)n * image, n, count);
    }
    batch_norm_prepare(program, bn, count);
    if (bn->normalised)
        return STATUS_OK;
#pragma omp parallel for schedule(static) if (threads)
    for (int n = 0; n < count; n++) {
        size_t at = (size_t)n * image;
        batch_norm_normalise_image(program, bn, y + at, row, plane, x + at, skip ? skip + at : NULL,
                                   NULL, n);
    }
    return STATUS_OK;
}

/* Where the group's value goes when no convolution makes it. */
static int value_buffer(CpuProgram *program, int node, int input, int x) {
    const NodePlan *in = &program->plan[input];
    bool in_place = !program->trains && program->use[input].consumers == 1 && !in->tapped;
    return in_place ? program->plan[node].value = x : plan_value(program, node);
}

/* Is the group's value made by the one that adds it? */
static bool is_side(const CpuProgram *program, const FusedGroup *group) {
    for (int g = 0; g < program->group_count; g++)
        if (program->groups[g].skip == group->last)
            return batch_norm_side(program, &program->groups[g]) != NULL;
    return false;
}

static Status plan_forward(CpuProgram *program, int node) {
    const FusedGroup *group = group_ending(program, node);
    BatchNorm *bn = batch_norm_of(program, group->bn);
    TRY(program->status);
    int input = node_of(program, group->bn)->inputs[0];
    int x = plan_read(program, input), skip = NONE, y = NONE;
    chunk_claim_forward(program, bn);
    if (chunk_normalises_behind(program, group)) { /* the step before has made it */
        program->plan[node].value = x;
        return STATUS_OK;
    }
    if (is_side(program, group)) {
        bn->normalised = true;
        program->plan[node].value = x;
    } else if (!bn->normalised) {
        skip = group->skip >= 0 ? plan_read(program, group->skip) : NONE;
        y = value_buffer(program, node, input, x);
    }
    plan_step(program, (Step){run_forward, node, {x, skip, y, bn->planes, NONE, NONE}, bn});
    return STATUS_OK;
}

/* ---- backward ---- */

static BnPlane planes_at(const CpuProgram *program, const Step *step, size_t at) {
    const BatchNorm *bn = step->op;
    const float *y = step_buffer(program, step, BY), *g2 = step_buffer(program, step, BG2);
    float *masked = step_buffer(program, step, BMASKED);
    return (BnPlane){.g1 = step_buffer(program, step, BG1) + at,
                     .g2 = g2 ? g2 + at : NULL,
                     .x = step_buffer(program, step, BX) + at,
                     .y = y ? y + at : NULL,
                     .masked = masked ? masked + at : NULL,
                     .pixels = bn->pixels,
                     .mask = bn_mask(&bn->group)};
}

/* dx from the gradient, or from the masked one where that was stored. */
static void apply_image(const CpuProgram *program, const BatchNorm *bn, BnPlane planes, float *dx,
                        int n) {
    const Kernels *k = program->cpu->kernels;
    size_t floats = plane_floats(program, bn);
    if (bn->reduced || planes.masked) {
        const float *g = bn->reduced ? planes.g1 : planes.masked;
        batch_norm_apply_image(program, bn, dx, (size_t)bn->w * (size_t)k->block, floats, g,
                               planes.x, n);
        return;
    }
    for (int b = 0; b < bn->blocks; b++, next_block(&planes, floats)) {
        BnCoef coef = batch_norm_coef(bn, n, b, k->block);
        k->bn_apply(dx + (size_t)b * floats, &planes, &coef);
    }
}

static Status run_backward(CpuProgram *program, const Step *step, int count) {
    BatchNorm *bn = step->op;
    size_t image = plane_floats(program, bn) * (size_t)bn->blocks;
    float *dx = step_buffer(program, step, BDX);
    bool threads = cpu_worth_threads((size_t)count * image);
    if (!bn->reduced) {
#pragma omp parallel for schedule(static) if (threads)
        for (int n = 0; n < count; n++)
            batch_norm_reduce_image(program, bn, planes_at(program, step, (size_t)n * image), n,
                                    count);
    }
    batch_norm_finish(program, bn, count);
    if (!dx)
        return STATUS_OK;
#pragma omp parallel for schedule(static) if (threads)
    for (int n = 0; n < count; n++)
        apply_image(program, bn, planes_at(program, step, (size_t)n * image),
                    dx + (size_t)n * image, n);
    return STATUS_OK;
}

/* The buffer for the masked gradient: over one of the parts where that is free. */
static int masked_buffer(CpuProgram *program, Shape shape, int g1, int g2) {
    return plan_overwritable(program, g1)   ? g1
           : plan_overwritable(program, g2) ? g2
                                            : plan_activation(program, shape);
}

/* The gradient's two parts are added in the loops. The masked gradient is stored for whoever reads
 * it: the shortcut, or the convolution that applies it. */
static Status plan_backward(CpuProgram *program, int node) {
    const FusedGroup *group = group_ending(program, node);
    BatchNorm *bn = program->op[group->bn];
    int input = node_of(program, group->bn)->inputs[0];
    Shape shape = shape_of(program, node);
    Gradient parts = program->plan[node].gradient;
    int g1 = parts.part[0], g2 = parts.parts == 2 ? parts.part[1] : NONE;
    int masked = NONE, dx = NONE;
    bool skip_wants = group->skip >= 0 && program->use[group->skip].needs_gradient;
    chunk_claim_backward(program, bn);
    if (!bn->reduced && (skip_wants || bn->applied) && (group->relu >= 0 || g2 >= 0))
        masked = masked_buffer(program, shape, g1, g2);
    int g = masked >= 0 ? masked : g1; /* the one that others read */
    if (program->use[input].needs_gradient && !bn->applied)
        dx = !skip_wants && plan_overwritable(program, g1) ? g1 : plan_activation(program, shape);
    int y = bn_mask(group) == BN_MASK_OUTPUT && !bn->reduced ? program->plan[node].value : NONE;
    plan_step(program,
              (Step){run_backward, node, {plan_read(program, input), y, g1, g2, masked, dx}, bn});
    plan_use(program, bn->sums);
    if (skip_wants)
        plan_contribute(program, group->skip, g);
    if (bn->applied)
        chunk_pass_gradient(program, bn, g);
    else
        plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_batch_norm = {plan_forward, plan_backward, batch_norm_destroy};
