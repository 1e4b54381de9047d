/* ReLU, its gradient, and the sum of two tensors. */
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
