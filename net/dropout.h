/* Which elements dropout zeroes, the same for every backend, batch size, order and thread count.
 *
 * Element (c, h, w) of an image draws word c % 4 of
 *   philox(seed, {STREAM_DROPOUT + (node << 8), step, sample, (h * W + w) * ceil(C / 4) + c / 4})
 * and becomes 0 when the word is less than the threshold. seed: ProgramSpec.seed; node: the id of
 * the dropout node; step: Batch.step; sample: Sample.index, the image's number in the data set, so
 * that neither its place in the batch nor the batch's length matters. Four channels of a pixel
 * share a draw because all fast layouts keep them side by side. */
#ifndef NET_DROPOUT_H
#define NET_DROPOUT_H

#include "net/philox.h"

/* How many draws a pixel takes. */
PHILOX_FN uint32_t dropout_quads(int channels) {
    return (uint32_t)(channels + 3) / 4;
}

/* quad: c / 4. */
PHILOX_FN Philox dropout_draw(uint64_t seed, int node, uint32_t step, int32_t sample,
                              uint32_t pixel, uint32_t quads, uint32_t quad) {
    return philox(seed, STREAM_DROPOUT + ((uint32_t)node << 8), step, (uint32_t)sample,
                  pixel * quads + quad);
}

/* Of 2^32 words so many are less. */
static inline uint32_t dropout_threshold(double probability) {
    return (uint32_t)(probability * 4294967296.0);
}

#endif
