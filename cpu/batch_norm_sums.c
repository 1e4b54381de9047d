/* A batch norm's numbers over the batch: made from planes, in order of images, in double, so that
 * neither threads nor chunks show.
 *
 * mean and var per channel over a group of images (bn_group; the whole batch otherwise). With m
 * values per channel and group, d = x - mean, s = 1 / sqrt(var + eps) and g the gradient behind the
 * ReLU's mask: dbeta = sum g, dgamma = s sum g d, dx = gamma s (g - sum g / m - d s^2 sum g d / m).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/chunk.h"

enum { COEFS = 6 }; /* rows of BatchNorm.coef, in BnCoef's order */

void batch_norm_destroy(void *op) {
    BatchNorm *bn = op;
    free(bn->coef);
    free(bn->mean);
    free(bn->var);
    free(bn->istd);
    free(bn->sum_mean);
    free(bn->sum_var);
    free(bn);
}

static bool allocate(BatchNorm *bn, const ProgramSpec *spec) {
    size_t padded = (size_t)bn->padded;
    size_t all = padded * (size_t)(spec->bn_group ? spec->max_batch / spec->bn_group : 1);
    bn->coef = cpu_floats(COEFS * all);
    bn->mean = calloc(all, sizeof *bn->mean);
    bn->var = calloc(all, sizeof *bn->var);
    bn->istd = calloc(all, sizeof *bn->istd);
    bn->sum_mean = calloc(padded, sizeof *bn->sum_mean);
    bn->sum_var = calloc(padded, sizeof *bn->sum_var);
    return bn->coef && bn->mean && bn->var && bn->istd && bn->sum_mean && bn->sum_var;
}

/* A buffer of two doubles for each channel of each image. */
static int sum_buffer(CpuProgram *program, const BatchNorm *bn) {
    return plan_buffer(program, 2 * (sizeof(double) / sizeof(float)) * (size_t)bn->padded);
}

static BatchNorm *batch_norm_create(CpuProgram *program, int node) {
    const ProgramSpec *spec = &program->base.spec;
    Shape shape = shape_of(program, node);
    BatchNorm *bn = calloc(1, sizeof *bn);
    program->op[node] = bn;
    if (bn) {
        bn->group = *group_of(program, node);
        const FusedGroup *side = batch_norm_side(program, &bn->group);
        bn->side = side ? batch_norm_of(program, side->bn) : NULL;
        bn->channels = shape.c;
        bn->padded = padded_channels(shape.c, program->cpu->block);
        bn->blocks = channel_blocks(shape.c, program->cpu->block);
        bn->h = shape.h;
        bn->w = shape.w;
        bn->pixels = pixels_of(shape);
        bn->masked = NONE;
        bn->planes = spec->mode == MODE_EVAL ? NONE : sum_buffer(program, bn);
        bn->sums = program->trains ? sum_buffer(program, bn) : NONE;
    }
    if (!bn || !allocate(bn, spec)) {
        program->status =
            status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", node_of(program, node)->name);
        return NULL;
    }
    return bn;
}

BatchNorm *batch_norm_of(CpuProgram *program, int node) {
    return program->op[node] ? program->op[node] : batch_norm_create(program, node);
}

const FusedGroup *group_of(const CpuProgram *program, int bn) {
    int group = program->plan[bn].begins;
    return group < 0 ? NULL : &program->groups[group];
}

const FusedGroup *group_ending(const CpuProgram *program, int node) {
    int group = program->use[node].group;
    return group < 0 ? NULL : &program->groups[group];
}

const FusedGroup *batch_norm_side(const CpuProgram *program, const FusedGroup *group) {
    const FusedGroup *side = group->skip >= 0 ? group_ending(program, group->skip) : NULL;
    bool bare = side && side->add < 0 && side->relu < 0;
    return bare && program->use[side->last].consumers == 1 && !program->plan[side->last].tapped &&
                   !chunk_normalises_behind(program, side)
               ? side
               : NULL;
}

/* The coefficients of group `g`, from its first channel block or a later one. */
static BnCoef coef_at(const BatchNorm *bn, int g, int channel) {
    size_t row = (size_t)bn->padded;
    const float *base = bn->coef + (size_t)g * COEFS * row + channel;
    return (BnCoef){base,           base + row,     base + 2 * row,
                    base + 3 * row, base + 4 * row, base + 5 * row};
}

BnCoef batch_norm_coef(const BatchNorm *bn, int n, int b, int block) {
    return coef_at(bn, n / bn->images, b * block);
}

static int images_per_group(const CpuProgram *program, int count) {
    int group = program->base.spec.bn_group;
    return group && program->base.spec.mode != MODE_EVAL ? group : count;
}

/* ---- forward ---- */

/* Merges the planes of group g's images: Chan, Golub, LeVeque 1983, eq. 2.1. */
static void merge_planes(const CpuProgram *program, BatchNorm *bn, int g, int count) {
    int images = bn->images;
    size_t padded = (size_t)bn->padded, first = (size_t)g * (size_t)images * padded;
    const double *planes = (const double *)buffer_floats(program, bn->planes);
    const double *plane_mean = planes + first, *plane_m2 = planes + (size_t)count * padded + first;
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

void batch_norm_prepare(CpuProgram *program, BatchNorm *bn, int count) {
    Mode mode = program->base.spec.mode;
    const Node *node = node_of(program, bn->group.bn);
    const float *gamma = cpu_param(program->state, SECTION_VALUE, node->weight);
    const float *beta = cpu_param(program->state, SECTION_VALUE, node->bias);
    bn->images = images_per_group(program, count);
    int groups = count / bn->images;
    if (mode == MODE_EVAL)
        use_running(program, bn);
    for (int g = 0; g < groups; g++) {
        if (mode != MODE_EVAL)
            merge_planes(program, bn, g, count);
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
            update_channel(program, bn, c, groups, (double)bn->images * bn->pixels);
}

/* ---- backward ---- */

void batch_norm_finish(CpuProgram *program, BatchNorm *bn, int count) {
    const Node *node = node_of(program, bn->group.bn);
    float *dgamma = cpu_param(program->state, SECTION_GRADIENT, node->weight);
    float *dbeta = cpu_param(program->state, SECTION_GRADIENT, node->bias);
    const double *sums = (const double *)buffer_floats(program, bn->sums);
    int images = bn->images;
    double m = (double)images * bn->pixels;
    for (int c = 0; c < bn->channels; c++) {
        double all_g = 0, all_gx = 0;
        for (int g = 0; g < count / images; g++) {
            float *coef = bn->coef + (size_t)g * COEFS * (size_t)bn->padded + c;
            double sum_g = 0, sum_gx = 0, istd = bn->istd[g * bn->padded + c];
            double scale = coef[bn->padded];
            for (int n = g * images; n < (g + 1) * images; n++) {
                sum_g += sums[(size_t)n * (size_t)bn->padded + (size_t)c];
                sum_gx += sums[(size_t)(count + n) * (size_t)bn->padded + (size_t)c];
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
