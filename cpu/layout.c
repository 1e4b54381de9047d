#include "cpu/layout.h"

size_t layout_position(Shape shape, size_t i, int block) {
    size_t pixels = (size_t)pixels_of(shape), B = (size_t)block;
    size_t c = i / pixels, pixel = i % pixels;
    return (c / B * pixels + pixel) * B + c % B;
}

void layout_pack(float *y, const float *x, Shape shape, int count, int block) {
    int blocks = channel_blocks(shape.c, block), pixels = pixels_of(shape);
#pragma omp parallel for schedule(                                                                 \
    static) if (cpu_worth_threads((size_t)(count * blocks * pixels * block)))
    for (int plane = 0; plane < count * blocks; plane++) {
        int n = plane / blocks, first = plane % blocks * block;
        float *to = y + (size_t)plane * (size_t)pixels * (size_t)block;
        for (int lane = 0; lane < block; lane++) {
            int c = first + lane;
            const float *from = x + ((size_t)n * (size_t)shape.c + (size_t)c) * (size_t)pixels;
            for (int i = 0; i < pixels; i++)
                to[(size_t)i * (size_t)block + (size_t)lane] = c < shape.c ? from[i] : 0;
        }
    }
}

void layout_unpack(float *y, const float *x, Shape shape, int count, int block) {
    size_t pixels = (size_t)pixels_of(shape), image = blocked_count(shape, block);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int row = 0; row < count * shape.c; row++) {
        int n = row / shape.c, c = row % shape.c;
        const float *from =
            x + (size_t)n * image + layout_position(shape, (size_t)c * pixels, block);
        for (size_t i = 0; i < pixels; i++)
            y[(size_t)row * pixels + i] = from[i * (size_t)block];
    }
}

void layout_unpack_index(float *y, const int32_t *x, Shape shape, int count, int block) {
    size_t values = shape_count(shape), image = blocked_count(shape, block);
    for (int n = 0; n < count; n++)
        for (size_t i = 0; i < values; i++)
            y[(size_t)n * values + i] =
                (float)x[(size_t)n * image + layout_position(shape, i, block)];
}
