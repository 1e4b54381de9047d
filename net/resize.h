/* Bilinear resizing of 8-bit images, equal to Pillow's to the bit.
 *
 * Source: the arithmetic of Pillow's Image.resize(BILINEAR) for 8-bit channels. An output pixel is
 * a weighted mean of the input pixels under a triangle of half-width max(1, in / out) around its
 * centre; weights are fixed-point with 22 bits; columns first, rounded to bytes, then rows. */
#ifndef NET_RESIZE_H
#define NET_RESIZE_H

#include <stdint.h>

#include "net/status.h"

#ifdef __CUDACC__
#define RESIZE_FN static inline __host__ __device__
#else
#define RESIZE_FN static inline
#endif

enum { RESIZE_BITS = 22 };

/* One axis. Entry i: entries[i * stride] is the first input pixel, then how many, then their
 * weights. */
typedef struct ResizeAxis {
    int in, out, stride;
    int32_t *entries; /* out * stride */
} ResizeAxis;

/* The caller frees with resize_axis_free(). */
Status resize_axis_create(int in, int out, ResizeAxis *axis);
void resize_axis_free(ResizeAxis *axis);

RESIZE_FN uint8_t resize_round(int32_t sum) {
    int32_t value = sum >> RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One output of the axis; from: the input line, its pixels `step` apart. */
RESIZE_FN uint8_t resize_one(const int32_t *entry, const uint8_t *from, int step) {
    int32_t sum = 1 << (RESIZE_BITS - 1);
    for (int i = 0; i < entry[1]; i++)
        sum += entry[2 + i] * from[(entry[0] + i) * step];
    return resize_round(sum);
}

/* Pixel (y, x) of the resized plane; plane: rows of `width` pixels. */
RESIZE_FN uint8_t resize_pixel(const int32_t *row, const int32_t *column, const uint8_t *plane,
                               int width) {
    int32_t sum = 1 << (RESIZE_BITS - 1);
    for (int i = 0; i < row[1]; i++)
        sum += row[2 + i] * resize_one(column, plane + (row[0] + i) * width, 1);
    return resize_round(sum);
}

#endif
