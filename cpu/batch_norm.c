/* Batch norm, with the add and the ReLU that fuse.c found behind it.
 *
 * y = (x - mean) / sqrt(var + eps) * gamma + beta, mean and var per channel over a group of images
 * (bn_group; the whole batch otherwise). With g the gradient behind the ReLU's mask, m values per
 * channel and group, d = x - mean, s = 1 / sqrt(var + eps):
 *   dbeta = sum g    dgamma = s sum g d    dx = gamma s (g - sum g / m - d s^2 sum g d / m)
 * Sums are made per plane, then over images in order, in double: the threads do not show. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/plan.h"

enum { COEFS = 6 }; /* rows of BatchNorm.coef, in BnCoef's order */
enum { FX, FSKIP, FY };
enum { BX, BY, BG1, BG2, BMASKED, BDX };

typedef struct BatchNorm {
    FusedGroup group;
    int channels, padded, blocks, pixels;
    float *coef;                /* groups x COEFS x padded */
    double *mean, *var, *istd;  /* groups x padded, of the last forward */
    double *sum_mean, *sum_var; /* padded: MODE_RECALIBRATE's sums over batches */
} BatchNorm;

static void batch_norm_destroy(void *op) {
    BatchNorm *bn = op;
    free(bn->coef);
    free(bn->mean);
    free(bn->var);
    free(bn->istd);
    free(bn->sum_mean);
    free(bn->sum_var);
    free(bn);
}

static Status batch_norm_create(CpuProgram *program, int node) {
    const FusedGroup *group = &program->groups[program->use[node].group];
    const ProgramSpec *spec = &program->base.spec;
    Shape shape = shape_of(program, node);
    int block = program->cpu->block;
    BatchNorm *bn = calloc(1, sizeof *bn);
    program->op[group->bn] = bn;
    if (!bn)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'",
                           node_of(program, node)->name);
    bn->group = *group;
    bn->channels = shape.c;
    bn->padded = padded_channels(shape.c, block);
    bn->blocks = channel_blocks(shape.c, block);
    bn->pixels = pixels_of(shape);
    size_t padded = (size_t)bn->padded;
    size_t all = padded * (size_t)(spec->bn_group ? spec->max_batch / spec->bn_group : 1);
    bn->coef = cpu_floats(COEFS * all);
    bn->mean = calloc(all, sizeof *bn->mean);
    bn->var = calloc(all, sizeof *bn->var);
    bn->istd = calloc(all, sizeof *bn->istd);
    bn->sum_mean = calloc(padded, sizeof *bn->sum_mean);
    bn->sum_var = calloc(padded, sizeof *bn->sum_var);
    if (!bn->coef || !bn->mean || !bn->var || !bn->istd || !bn->sum_mean || !bn->sum_var)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'",
                           node_of(program, node)->name);
    plan_partials(program, 2 * padded * (size_t)spec->max_batch);
    return STATUS_OK;
}

/* The coefficients of group `g`, from its first channel block or a later one. */
static BnCoef coef_at(const BatchNorm *bn, int g, int channel) {
    size_t row = (size_t)bn->padded;
    const float *base = bn->coef + (size_t)g * COEFS * row + channel;
    return (BnCoef){base,           base + row,     base + 2 * row,
                    base + 3 * row, base + 4 * row, base + 5 * row};
}

static int images_per_group(const CpuProgram *program, int count) {
    int group = program->base.spec.bn_group;
    return group && program->base.spec.mode != MODE_EVAL ? group : count;
}

/* ---- statistics ---- */

static void plane_statistics(const CpuProgram *program, const BatchNorm *bn, const float *x,
                             int count) {
    const Kernels *k = program->cpu->kernels;
    size_t plane = (size_t)bn->pixels * (size_t)k->block;
    double *mean = program->partials, *m2 = mean + (size_t)count * (size_t)bn->padded;
#pragma omp parallel for schedule(                                                                 \
    static) if (cpu_worth_threads((size_t)(count * bn->blocks) * plane))
    for (int i = 0; i < count * bn->blocks; i++)
        k->bn_statistics(mean + i * k->block, m2 + i * k->block, x + (size_t)i * plane, bn->pixels);
}

/* Merges the planes of images [begin, begin + images): Chan, Golub, LeVeque 1983, eq. 2.1. */
static void merge_planes(const CpuProgram *program, BatchNorm *bn, int g, int images, int count) {
    size_t padded = (size_t)bn->padded, first = (size_t)g * (size_t)images * padded;
    const double *plane_mean = program->partials + first;
    const double *plane_m2 = program->partials + (size_t)count * padded + first;
    double *mean = bn->mean + (size_t)g * padded, *var = bn->var + (size_t)g * padded;
    memset(mean, 0, padded * sizeof *mean);
    memset(var, 0, padded * sizeof *var);
    for (int n = 0; n < images; n++)
        for (size_t c = 0; c < padded; c++)
            mean[c] += plane_mean[(size_t)n * padded + c];
    for (size_t c = 0; c < padded; c++)
        mean[c] /= images;
    for (int n = 0; n < images; n++)
        for (size_t c = 0; c < padded; c++) {
            double away = plane_mean[(size_t)n * padded + c] - mean[c];
            var[c] += plane_m2[(size_t)n * padded + c] + bn->pixels * away * away;
        }
    for (size_t c = 0; c < padded; c++)
        var[c] /= (double)images * bn->pixels;
}

/* One channel's running averages from `groups` groups' batch statistics. */
static void update_channel(CpuProgram *program, BatchNorm *bn, int c, int groups, double m) {
    const Node *node = node_of(program, bn->group.bn);
    float *running_mean = cpu_param(program->state, SECTION_VALUE, node->running_mean) + c;
    float *running_var = cpu_param(program->state, SECTION_VALUE, node->running_var) + c;
    double mean = 0, var = 0, batches = (double)program->recalibrated + 1;
    for (int g = 0; g < groups; g++) {
        mean += bn->mean[g * bn->padded + c];
        var += bn->var[g * bn->padded + c];
    }
    mean /= groups;
    var = var / groups * (m > 1 ? m / (m - 1) : 1);
    if (program->base.spec.mode == MODE_RECALIBRATE) {
        bn->sum_mean[c] += mean;
        bn->sum_var[c] += var;
        *running_mean = (float)(bn->sum_mean[c] / batches);
        *running_var = (float)(bn->sum_var[c] / batches);
    } else {
        *running_mean = (float)((1 - BN_AVERAGE) * *running_mean + BN_AVERAGE * mean);
        *running_var = (float)((1 - BN_AVERAGE) * *running_var + BN_AVERAGE * var);
    }
}

static void use_running(const CpuProgram *program, BatchNorm *bn) {
    const Node *node = node_of(program, bn->group.bn);
    const float *mean = cpu_param(program->state, SECTION_VALUE, node->running_mean);
    const float *var = cpu_param(program->state, SECTION_VALUE, node->running_var);
    for (int c = 0; c < bn->channels; c++) {
        bn->mean[c] = mean[c];
        bn->var[c] = var[c];
    }
}

/* Statistics of the batch (or the running ones), running averages, coefficients. */
static void prepare(CpuProgram *program, BatchNorm *bn, const float *x, int count) {
    Mode mode = program->base.spec.mode;
    const Node *node = node_of(program, bn->group.bn);
    const float *gamma = cpu_param(program->state, SECTION_VALUE, node->weight);
    const float *beta = cpu_param(program->state, SECTION_VALUE, node->bias);
    int images = images_per_group(program, count), groups = count / images;
    if (mode == MODE_EVAL)
        use_running(program, bn);
    else
        plane_statistics(program, bn, x, count);
    for (int g = 0; g < groups; g++) {
        if (mode != MODE_EVAL)
            merge_planes(program, bn, g, images, count);
        float *coef = bn->coef + (size_t)g * COEFS * (size_t)bn->padded;
        for (int c = 0; c < bn->channels; c++) {
            int i = g * bn->padded + c;
            bn->istd[i] = 1 / sqrt(bn->var[i] + BN_EPS);
            coef[c] = (float)bn->mean[i];
            coef[bn->padded + c] = (float)(gamma[c] * bn->istd[i]);
            coef[2 * bn->padded + c] = beta[c];
        }
    }
    if (mode != MODE_EVAL && mode != MODE_EVAL_BATCH)
        for (int c = 0; c < bn->channels; c++)
            update_channel(program, bn, c, groups, (double)images * bn->pixels);
}

/* ---- forward ---- */

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    BatchNorm *bn = step->op;
    const Kernels *k = program->cpu->kernels;
    const float *x = step_buffer(program, step, FX), *skip = step_buffer(program, step, FSKIP);
    float *y = step_buffer(program, step, FY);
    size_t plane = (size_t)bn->pixels * (size_t)k->block;
    int images = images_per_group(program, count), blocks = bn->blocks;
    bool relu = bn->group.relu >= 0;
    prepare(program, bn, x, count);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)(count * blocks) * plane))
    for (int i = 0; i < count * blocks; i++) {
        BnCoef coef = coef_at(bn, i / blocks / images, i % blocks * k->block);
        size_t at = (size_t)i * plane;
        k->bn_normalise(y + at, x + at, skip ? skip + at : NULL, &coef, bn->pixels, relu);
    }
    return STATUS_OK;
}

static Status plan_forward(CpuProgram *program, int node) {
    TRY(batch_norm_create(program, node));
    const FusedGroup *group = &program->groups[program->use[node].group];
    int input = node_of(program, group->bn)->inputs[0];
    int x = plan_read(program, input), y;
    int skip = group->skip >= 0 ? plan_read(program, group->skip) : NONE;
    const NodePlan *in = &program->plan[input];
    bool in_place = !program->trains && program->use[input].consumers == 1 && !in->tapped;
    if (in_place)
        y = program->plan[node].value = x;
    else
        y = plan_value(program, node);
    plan_step(program,
              (Step){run_forward, node, {x, skip, y, NONE, NONE, NONE}, program->op[group->bn]});
    return STATUS_OK;
}

/* ---- backward ---- */

static BnPlane plane_at(const CpuProgram *program, const Step *step, size_t at) {
    const BatchNorm *bn = step->op;
    const float *y = step_buffer(program, step, BY), *g2 = step_buffer(program, step, BG2);
    float *masked = step_buffer(program, step, BMASKED);
    bool relu = bn->group.relu >= 0;
    return (BnPlane){.g1 = step_buffer(program, step, BG1) + at,
                     .g2 = g2 ? g2 + at : NULL,
                     .x = step_buffer(program, step, BX) + at,
                     .y = y ? y + at : NULL,
                     .masked = masked ? masked + at : NULL,
                     .pixels = bn->pixels,
                     .mask = !relu ? BN_MASK_NONE
                             : y   ? BN_MASK_OUTPUT
                                   : BN_MASK_RECOMPUTE};
}

static void reduce(CpuProgram *program, const Step *step, int count, int images) {
    const BatchNorm *bn = step->op;
    const Kernels *k = program->cpu->kernels;
    size_t size = (size_t)bn->pixels * (size_t)k->block;
    double *sum_g = program->partials, *sum_gx = sum_g + (size_t)count * (size_t)bn->padded;
#pragma omp parallel for schedule(                                                                 \
    static) if (cpu_worth_threads((size_t)(count * bn->blocks) * size))
    for (int i = 0; i < count * bn->blocks; i++) {
        BnCoef coef = coef_at(bn, i / bn->blocks / images, i % bn->blocks * k->block);
        BnPlane plane = plane_at(program, step, (size_t)i * size);
        k->bn_reduce(sum_g + i * k->block, sum_gx + i * k->block, &plane, &coef);
    }
}

/* Parameter gradients and the coefficients of dx. */
static void finish_sums(CpuProgram *program, BatchNorm *bn, int count, int images) {
    const Node *node = node_of(program, bn->group.bn);
    float *dgamma = cpu_param(program->state, SECTION_GRADIENT, node->weight);
    float *dbeta = cpu_param(program->state, SECTION_GRADIENT, node->bias);
    double m = (double)images * bn->pixels;
    for (int c = 0; c < bn->channels; c++) {
        double all_g = 0, all_gx = 0;
        for (int g = 0; g < count / images; g++) {
            float *coef = bn->coef + (size_t)g * COEFS * (size_t)bn->padded + c;
            double sum_g = 0, sum_gx = 0, istd = bn->istd[g * bn->padded + c];
            double scale = coef[bn->padded];
            for (int n = g * images; n < (g + 1) * images; n++) {
                sum_g += program->partials[(size_t)n * (size_t)bn->padded + (size_t)c];
                sum_gx += program->partials[(size_t)(count + n) * (size_t)bn->padded + (size_t)c];
            }
            coef[3 * bn->padded] = (float)scale;
            coef[4 * bn->padded] = (float)(-scale * istd * istd * sum_gx / m);
            coef[5 * bn->padded] = (float)(-scale * sum_g / m);
            all_g += sum_g;
            all_gx += istd * sum_gx;
        }
        dgamma[c] = (float)all_gx;
        dbeta[c] = (float)all_g;
    }
}

static Status run_backward(CpuProgram *program, const Step *step, int count) {
    BatchNorm *bn = step->op;
    const Kernels *k = program->cpu->kernels;
    size_t size = (size_t)bn->pixels * (size_t)k->block;
    int images = images_per_group(program, count), blocks = bn->blocks;
    float *dx = step_buffer(program, step, BDX);
    reduce(program, step, count, images);
    finish_sums(program, bn, count, images);
    if (!dx)
        return STATUS_OK;
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)(count * blocks) * size))
    for (int i = 0; i < count * blocks; i++) {
        BnCoef coef = coef_at(bn, i / blocks / images, i % blocks * k->block);
        BnPlane plane = plane_at(program, step, (size_t)i * size);
        if (plane.masked) {
            plane.g1 = plane.masked;
            plane.g2 = NULL;
            plane.mask = BN_MASK_NONE;
        }
        k->bn_apply(dx + (size_t)i * size, &plane, &coef);
    }
    return STATUS_OK;
}

/* The gradient's two parts are added in the loops. The shortcut's gradient is the masked one, which
 * is stored for it, over one of the parts where that is free. */
static Status plan_backward(CpuProgram *program, int node) {
    const FusedGroup *group = &program->groups[program->use[node].group];
    int input = node_of(program, group->bn)->inputs[0];
    Shape shape = shape_of(program, node);
    Gradient parts = program->plan[node].gradient;
    int g1 = parts.part[0], g2 = parts.parts == 2 ? parts.part[1] : NONE;
    int masked = NONE, dx = NONE;
    bool skip_wants = group->skip >= 0 && program->use[group->skip].needs_gradient;
    if (skip_wants && (group->relu >= 0 || g2 >= 0))
        masked = plan_overwritable(program, g1)   ? g1
                 : plan_overwritable(program, g2) ? g2
                                                  : plan_activation(program, shape);
    if (program->use[input].needs_gradient)
        dx = !skip_wants && plan_overwritable(program, g1) ? g1 : plan_activation(program, shape);
    int y = group->relu >= 0 && group->skip >= 0 ? program->plan[node].value : NONE;
    plan_step(program, (Step){run_backward,
                              node,
                              {plan_read(program, input), y, g1, g2, masked, dx},
                              program->op[group->bn]});
    if (skip_wants)
        plan_contribute(program, group->skip, masked >= 0 ? masked : g1);
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_batch_norm = {plan_forward, plan_backward, batch_norm_destroy};
