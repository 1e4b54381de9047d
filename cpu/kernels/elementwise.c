/* ReLU, sigmoid, sum, product and affine map of tensors, and what their gradients need. */
#include "cpu/kernels/vec.h"

void KERNEL(relu)(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += BLOCK)
        store(y + i, relu_of(load(x + i)));
}

void KERNEL(relu_backward)(float *dx, const float *dy, const float *y, size_t n) {
    for (size_t i = 0; i < n; i += BLOCK)
        store(dx + i, keep(load(y + i) > 0.0f, load(dy + i)));
}

void KERNEL(sum)(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += BLOCK)
        store(y + i, load(a + i) + load(b + i));
}

void KERNEL(add_vector)(float *y, const float *v, size_t n) {
    Vec value = load(v);
    for (size_t i = 0; i < n; i += BLOCK)
        store(y + i, load(y + i) + value);
}

void KERNEL(sum_pixels)(double *sum, const float *x, size_t row, int h, int w) {
    double total[BLOCK] = {0};
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            add_to(total, load(x + (size_t)i * row + (size_t)j * BLOCK));
    for (int c = 0; c < BLOCK; c++)
        sum[c] = total[c];
}

void KERNEL(product)(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += BLOCK)
        store(y + i, load(a + i) * load(b + i));
}

/* exp(x) for x <= 0, 0 below the smallest normal number; a NaN stays. x = k log 2 + r with
 * |r| <= log(2) / 2, where eight terms of the series are good to 1e-8; 2^k is put together from its
 * bits. */
INLINE Vec exp_of(Vec x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    const float log2_high = 0.693359375f, log2_low = -2.12194440e-4f; /* k * high is exact */
    IntVec tiny = x < -87.0f;
    Vec shifted = keep(~tiny, x) * 1.44269504f + magic, k = shifted - magic;
    Vec r = keep(~tiny, x) - k * log2_high - k * log2_low;
    Vec sum = splat(1.0f / 5040);
    const float terms[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
    for (int i = 0; i < 7; i++)
        sum = sum * r + terms[i];
    Vec power = (Vec)(((IntVec)shifted << 23) + (127 << 23));
    return keep(~tiny, sum * power);
}

void KERNEL(sigmoid)(float *y, const float *x, size_t n, int lanes) {
    IntVec used = lanes_below(lanes);
    for (size_t i = 0; i < n; i += BLOCK) {
        Vec v = load(x + i), e = exp_of((Vec)((IntVec)v | INT32_MIN)); /* of -|x| */
        IntVec negative = v < 0.0f;
        Vec top = keep(negative, e) + keep(~negative, splat(1));
        store(y + i, keep(used, top / (e + 1.0f)));
    }
}

void KERNEL(sigmoid_backward)(float *dx, const float *dy, const float *y, size_t n) {
    for (size_t i = 0; i < n; i += BLOCK) {
        Vec v = load(y + i);
        store(dx + i, load(dy + i) * v * (1.0f - v));
    }
}

void KERNEL(affine)(float *y, const float *x, size_t n, int lanes, float scale, float shift) {
    IntVec used = lanes_below(lanes);
    for (size_t i = 0; i < n; i += BLOCK)
        store(y + i, keep(used, load(x + i) * scale + shift));
}
