/* y = f x, dx = f dy with the factor f = 0 where net/dropout.h says so, else 1 / (1 - p). */
#include "net/dropout.h"

#include "ref/ops.h"

void ref_dropout_factors(double *factor, Shape shape, int node, double probability, uint64_t seed,
                         uint32_t step, int32_t sample) {
    uint32_t quads = dropout_quads(shape.c), area = (uint32_t)(shape.h * shape.w);
    for (int c = 0; c < shape.c; c++)
        for (uint32_t i = 0; i < area; i++) {
            Philox draw = dropout_draw(seed, node, step, sample, i, quads, (uint32_t)c / 4);
            bool dropped = draw.v[c % 4] < dropout_threshold(probability);
            *factor++ = dropped ? 0 : 1 / (1 - probability);
        }
}

void ref_dropout_forward(double *y, const double *x, const double *factor, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] = factor[i] * x[i];
}

void ref_dropout_backward(double *dx, const double *dy, const double *factor, size_t count) {
    for (size_t i = 0; i < count; i++)
        dx[i] += factor[i] * dy[i];
}
