/* Dropout of one plane, four pixels at a time: that many elements take BLOCK draws, which the
 * compiler computes side by side. */
#include "net/dropout.h"
#include "cpu/kernels/vec.h"

typedef uint32_t WordVec __attribute__((vector_size(4 * BLOCK), may_alias));

enum { PIXELS = 4, QUADS = BLOCK / 4 };

/* The words of PIXELS pixels from `first` on, in the order of their elements. */
INLINE void draw(uint32_t *words, const DropoutPlane *plane, uint32_t first) {
    for (uint32_t i = 0; i < BLOCK; i++) {
        Philox drawn = dropout_draw(plane->seed, plane->node, plane->step, plane->sample,
                                    first + i / QUADS, plane->quads, plane->first_quad + i % QUADS);
        for (uint32_t k = 0; k < 4; k++)
            words[4 * i + k] = drawn.v[k];
    }
}

void KERNEL(dropout)(float *y, const float *x, const DropoutPlane *plane) {
    uint32_t words[PIXELS * BLOCK] __attribute__((aligned(4 * BLOCK)));
    const uint32_t threshold = plane->threshold;
    const Vec scale = splat(plane->scale);
    for (int first = 0; first < plane->pixels; first += PIXELS) {
        int left = plane->pixels - first, pixels = left < PIXELS ? left : PIXELS;
        size_t at = (size_t)first * BLOCK;
        draw(words, plane, (uint32_t)first);
        for (int i = 0; i < pixels * BLOCK; i += BLOCK) {
            IntVec stays = *(const WordVec *)(words + i) >= threshold;
            store(y + at + (size_t)i, load(x + at + (size_t)i) * keep(stays, scale));
        }
    }
}
