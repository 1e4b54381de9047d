/* Max and average pooling of one plane: H x W pixels in, P x Q out, BLOCK channels each. */
#include <string.h>

#include "cpu/kernels/vec.h"

/* The part of a window that lies inside the image. */
typedef struct Overlap {
    int top, left;      /* of the whole window; may be negative */
    int r0, r1, s0, s1; /* rows and columns of the window that are inside */
} Overlap;

INLINE Overlap overlap_at(const PoolShape *k, int p, int q) {
    Overlap w = {.top = p * k->stride - k->pad, .left = q * k->stride - k->pad};
    w.r0 = w.top < 0 ? -w.top : 0;
    w.s0 = w.left < 0 ? -w.left : 0;
    w.r1 = w.top + k->r > k->h ? k->h - w.top : k->r;
    w.s1 = w.left + k->s > k->w ? k->w - w.left : k->s;
    return w;
}

INLINE size_t pixel(const PoolShape *k, const Overlap *w, int r, int s) {
    return ((size_t)(w->top + r) * (size_t)k->w + (size_t)(w->left + s)) * BLOCK;
}

/* Ties go to the first; a NaN wins, so that divergence is seen downstream. */
void KERNEL(max_pool)(float *y, int32_t *index, const float *x, const PoolShape *k) {
    for (int p = 0; p < k->p; p++)
        for (int q = 0; q < k->q; q++, y += BLOCK) {
            Overlap w = overlap_at(k, p, q);
            Vec best = load(x + pixel(k, &w, w.r0, w.s0));
            IntVec at = (w.r0 * k->s + w.s0) - (IntVec){0};
            for (int r = w.r0; r < w.r1; r++)
                for (int s = w.s0; s < w.s1; s++) {
                    Vec v = load(x + pixel(k, &w, r, s));
                    IntVec wins = (v > best) | ((v != v) & (best == best));
                    best = (Vec)(((IntVec)v & wins) | ((IntVec)best & ~wins));
                    at = (((r * k->s + s) - (IntVec){0}) & wins) | (at & ~wins);
                }
            store(y, best);
            if (index) {
                *(IntVec *)index = at;
                index += BLOCK;
            }
        }
}

void KERNEL(max_pool_backward)(float *dx, const float *dy, const int32_t *index,
                               const PoolShape *k) {
    memset(dx, 0, (size_t)k->h * (size_t)k->w * BLOCK * sizeof *dx);
    for (int p = 0; p < k->p; p++)
        for (int q = 0; q < k->q; q++, dy += BLOCK, index += BLOCK) {
            Overlap w = overlap_at(k, p, q);
            IntVec at = *(const IntVec *)index;
            for (int r = w.r0; r < w.r1; r++)
                for (int s = w.s0; s < w.s1; s++) {
                    float *to = dx + pixel(k, &w, r, s);
                    store(to, load(to) + keep(at == r * k->s + s, load(dy)));
                }
        }
}

/* The mean over R x S, zeros of the padding included. */
void KERNEL(avg_pool)(float *y, const float *x, const PoolShape *k) {
    Vec area = splat((float)(k->r * k->s));
    for (int p = 0; p < k->p; p++)
        for (int q = 0; q < k->q; q++, y += BLOCK) {
            Overlap w = overlap_at(k, p, q);
            Vec sum = {0};
            for (int r = w.r0; r < w.r1; r++) {
                Vec row = {0};
                for (int s = w.s0; s < w.s1; s++)
                    row += load(x + pixel(k, &w, r, s));
                sum += row;
            }
            store(y, sum / area);
        }
}

void KERNEL(avg_pool_backward)(float *dx, const float *dy, const PoolShape *k) {
    Vec area = splat((float)(k->r * k->s));
    memset(dx, 0, (size_t)k->h * (size_t)k->w * BLOCK * sizeof *dx);
    for (int p = 0; p < k->p; p++)
        for (int q = 0; q < k->q; q++, dy += BLOCK) {
            Overlap w = overlap_at(k, p, q);
            Vec share = load(dy) / area;
            for (int r = w.r0; r < w.r1; r++)
                for (int s = w.s0; s < w.s1; s++) {
                    float *to = dx + pixel(k, &w, r, s);
                    store(to, load(to) + share);
                }
        }
}
