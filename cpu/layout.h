/* Between canonical NCHW and blocked [N][C/B][H][W][B]. */
#ifndef CPU_LAYOUT_H
#define CPU_LAYOUT_H

#include "cpu/cpu.h"

/* Channels rounded up to whole blocks, and how many blocks that is. */
static inline int padded_channels(int channels, int block) {
    return (channels + block - 1) / block * block;
}
static inline int channel_blocks(int channels, int block) {
    return (channels + block - 1) / block;
}
static inline int pixels_of(Shape shape) {
    return shape.h * shape.w;
}
/* Floats of one image when blocked. */
static inline size_t blocked_count(Shape shape, int block) {
    return (size_t)padded_channels(shape.c, block) * (size_t)pixels_of(shape);
}

/* y (blocked, pad channels zero) from x (count x C x H x W). */
void layout_pack(float *y, const float *x, Shape shape, int count, int block);
/* y (count x C x H x W) from x (blocked). */
void layout_unpack(float *y, const float *x, Shape shape, int count, int block);
/* As unpack, for a max-pool's winners. */
void layout_unpack_index(float *y, const int32_t *x, Shape shape, int count, int block);
/* The float of an image's blocked form that holds canonical value i. */
size_t layout_position(Shape shape, size_t i, int block);

#endif
