/* Batch norm on one plane. Formulas: Ioffe and Szegedy 2015, algorithm 1 and section 3.
 *
 * Sums run in float over SEGMENT pixels, then in double: the error of a sum does not grow with the
 * size of the image. Squared deviations are taken from the plane's own mean (a second pass while
 * the plane is in cache), so a large mean costs no digits; batch_norm.c merges planes. */
#include <string.h>

#include "cpu/kernels/vec.h"

enum { SEGMENT = 32 };

INLINE int segment_end(int begin, int pixels) {
    return begin + SEGMENT < pixels ? begin + SEGMENT : pixels;
}

INLINE Vec deviation(const float *x, Vec shift, bool square) {
    Vec d = load(x) - shift;
    if (square)
        return d * d;
    return d;
}

/* sum of (x - shift) or of its square. Four sums at a time: an addition takes as many cycles. They
 * have names of their own, as an array with a running index would live in memory. */
INLINE void plane_sum(double *sum, const float *x, Vec shift, int pixels, bool square) {
    for (int begin = 0; begin < pixels; begin += SEGMENT) {
        int i = begin, end = segment_end(begin, pixels);
        Vec a = {0}, b = {0}, c = {0}, d = {0};
        for (; i + 4 <= end; i += 4) {
            const float *at = x + (size_t)i * BLOCK;
            a += deviation(at, shift, square);
            b += deviation(at + BLOCK, shift, square);
            c += deviation(at + 2 * BLOCK, shift, square);
            d += deviation(at + 3 * BLOCK, shift, square);
        }
        if (i < end)
            a += deviation(x + (size_t)i * BLOCK, shift, square);
        if (i + 1 < end)
            b += deviation(x + (size_t)(i + 1) * BLOCK, shift, square);
        if (i + 2 < end)
            c += deviation(x + (size_t)(i + 2) * BLOCK, shift, square);
        add_to(sum, (a + b) + (c + d));
    }
}

void KERNEL(bn_statistics)(double *mean, double *m2, const float *x, int pixels) {
    double sum[BLOCK] = {0}, squares[BLOCK] = {0};
    Vec shift;
    plane_sum(sum, x, splat(0), pixels, false);
    for (int c = 0; c < BLOCK; c++) {
        mean[c] = sum[c] / pixels;
        shift[c] = (float)mean[c];
    }
    plane_sum(squares, x, shift, pixels, true);
    for (int c = 0; c < BLOCK; c++) {
        double moved = (double)shift[c] - mean[c]; /* the mean's rounding to float */
        m2[c] = squares[c] - pixels * moved * moved;
    }
}

typedef enum SkipKind { SKIP_NONE, SKIP_ADDED, SKIP_NORMALISED } SkipKind;

/* Rows of `to` are `row` floats apart: it may have a border. */
INLINE void normalise(float *to, size_t row, const BnForward *given, const BnCoef *coef,
                      SkipKind skip, bool relu, bool stores) {
    const BnForward plane = *given; /* as in reduce() */
    Vec mean = load(coef->mean), scale = load(coef->scale), shift = load(coef->shift);
    const BnCoef *other = skip == SKIP_NORMALISED ? plane.skip_coef : coef;
    Vec skip_mean = load(other->mean), skip_scale = load(other->scale);
    Vec skip_shift = load(other->shift);
    size_t width = (size_t)plane.w * BLOCK;
    for (int y = 0; y < plane.h; y++)
        for (size_t i = 0; i < width; i += BLOCK) {
            size_t at = (size_t)y * width + i;
            Vec v = (load(plane.x + at) - mean) * scale + shift;
            if (skip == SKIP_ADDED)
                v += load(plane.skip + at);
            if (skip == SKIP_NORMALISED)
                v += (load(plane.skip + at) - skip_mean) * skip_scale + skip_shift;
            if (relu)
                v = relu_of(v);
            store(to + (size_t)y * row + i, v);
            if (stores)
                store(plane.kept + at, v);
        }
}

INLINE void normalise_stores(float *to, size_t row, const BnForward *plane, const BnCoef *coef,
                             SkipKind skip, bool relu) {
    if (plane->kept)
        normalise(to, row, plane, coef, skip, relu, true);
    else
        normalise(to, row, plane, coef, skip, relu, false);
}

INLINE void normalise_skip(float *to, size_t row, const BnForward *plane, const BnCoef *coef,
                           SkipKind skip) {
    if (plane->relu)
        normalise_stores(to, row, plane, coef, skip, true);
    else
        normalise_stores(to, row, plane, coef, skip, false);
}

void KERNEL(bn_normalise)(float *to, size_t row, const BnForward *plane, const BnCoef *coef) {
    if (plane->skip && plane->skip_coef)
        normalise_skip(to, row, plane, coef, SKIP_NORMALISED);
    else if (plane->skip)
        normalise_skip(to, row, plane, coef, SKIP_ADDED);
    else
        normalise_skip(to, row, plane, coef, SKIP_NONE);
}

/* The gradient behind the group's ReLU at float i; d is x - mean there. */
INLINE Vec masked_gradient(const BnPlane *plane, size_t i, Vec d, Vec scale, Vec shift, BnMask mask,
                           bool two) {
    Vec g = load(plane->g1 + i);
    if (two)
        g += load(plane->g2 + i);
    if (mask == BN_MASK_RECOMPUTE)
        g = keep(d * scale + shift > 0.0f, g);
    if (mask == BN_MASK_OUTPUT)
        g = keep(load(plane->y + i) > 0.0f, g);
    return g;
}

/* One pixel, from float i on, into the sums. */
INLINE void reduce_pixel(Vec *part_g, Vec *part_gx, const BnPlane *plane, size_t i, Vec mean,
                         Vec scale, Vec shift, BnMask mask, bool two, bool stores) {
    Vec d = load(plane->x + i) - mean;
    Vec g = masked_gradient(plane, i, d, scale, shift, mask, two);
    if (stores)
        store(plane->masked + i, g);
    *part_g += g;
    *part_gx += g * d;
}

INLINE void reduce(double *sum_g, double *sum_gx, const BnPlane *given, const BnCoef *coef,
                   BnMask mask, bool two, bool stores) {
    const BnPlane plane = *given; /* stores cannot change it, so its pointers stay in registers */
    Vec mean = load(coef->mean), scale = load(coef->scale), shift = load(coef->shift);
    for (int begin = 0; begin < plane.pixels; begin += SEGMENT) {
        int p = begin, end = segment_end(begin, plane.pixels);
        Vec g0 = {0}, g1 = {0}, gx0 = {0}, gx1 = {0};
        for (; p + 2 <= end; p += 2) {
            size_t i = (size_t)p * BLOCK;
            reduce_pixel(&g0, &gx0, &plane, i, mean, scale, shift, mask, two, stores);
            reduce_pixel(&g1, &gx1, &plane, i + BLOCK, mean, scale, shift, mask, two, stores);
        }
        if (p < end)
            reduce_pixel(&g0, &gx0, &plane, (size_t)p * BLOCK, mean, scale, shift, mask, two,
                         stores);
        add_to(sum_g, g0 + g1);
        add_to(sum_gx, gx0 + gx1);
    }
}

INLINE void reduce_mask(double *sum_g, double *sum_gx, const BnPlane *plane, const BnCoef *coef,
                        BnMask mask) {
    if (plane->g2 && plane->masked)
        reduce(sum_g, sum_gx, plane, coef, mask, true, true);
    else if (plane->g2)
        reduce(sum_g, sum_gx, plane, coef, mask, true, false);
    else if (plane->masked)
        reduce(sum_g, sum_gx, plane, coef, mask, false, true);
    else
        reduce(sum_g, sum_gx, plane, coef, mask, false, false);
}

void KERNEL(bn_reduce)(double *sum_g, double *sum_gx, const BnPlane *plane, const BnCoef *coef) {
    memset(sum_g, 0, BLOCK * sizeof *sum_g);
    memset(sum_gx, 0, BLOCK * sizeof *sum_gx);
    if (plane->mask == BN_MASK_RECOMPUTE)
        reduce_mask(sum_g, sum_gx, plane, coef, BN_MASK_RECOMPUTE);
    else if (plane->mask == BN_MASK_OUTPUT)
        reduce_mask(sum_g, sum_gx, plane, coef, BN_MASK_OUTPUT);
    else
        reduce_mask(sum_g, sum_gx, plane, coef, BN_MASK_NONE);
}

INLINE Vec applied(Vec g, Vec d, Vec c1, Vec c2, Vec c3) {
    return c1 * g + (c2 * d + c3);
}

INLINE void apply(float *dx, const BnPlane *plane, const BnCoef *coef, BnMask mask, bool two) {
    Vec mean = load(coef->mean), scale = load(coef->scale), shift = load(coef->shift);
    Vec c1 = load(coef->c1), c2 = load(coef->c2), c3 = load(coef->c3);
    for (size_t i = 0; i < (size_t)plane->pixels * BLOCK; i += BLOCK) {
        Vec d = load(plane->x + i) - mean;
        Vec g = masked_gradient(plane, i, d, scale, shift, mask, two);
        store(dx + i, applied(g, d, c1, c2, c3));
    }
}

/* As bn_apply of a gradient that has been masked, into rows `row` floats apart. */
void KERNEL(bn_apply_rows)(float *to, size_t row, const float *g, const float *x,
                           const BnCoef *coef, int h, int w) {
    Vec mean = load(coef->mean), c1 = load(coef->c1), c2 = load(coef->c2), c3 = load(coef->c3);
    for (int y = 0; y < h; y++)
        for (size_t i = 0; i < (size_t)w * BLOCK; i += BLOCK) {
            size_t at = (size_t)y * (size_t)w * BLOCK + i;
            store(to + (size_t)y * row + i, applied(load(g + at), load(x + at) - mean, c1, c2, c3));
        }
}

/* The plane's g1 may be dx. A stored masked gradient comes as g1 with BN_MASK_NONE. */
void KERNEL(bn_apply)(float *dx, const BnPlane *plane, const BnCoef *coef) {
    bool two = plane->g2 != NULL;
    if (plane->mask == BN_MASK_RECOMPUTE && two)
        apply(dx, plane, coef, BN_MASK_RECOMPUTE, true);
    else if (plane->mask == BN_MASK_RECOMPUTE)
        apply(dx, plane, coef, BN_MASK_RECOMPUTE, false);
    else if (plane->mask == BN_MASK_OUTPUT && two)
        apply(dx, plane, coef, BN_MASK_OUTPUT, true);
    else if (plane->mask == BN_MASK_OUTPUT)
        apply(dx, plane, coef, BN_MASK_OUTPUT, false);
    else if (two)
        apply(dx, plane, coef, BN_MASK_NONE, true);
    else
        apply(dx, plane, coef, BN_MASK_NONE, false);
}
