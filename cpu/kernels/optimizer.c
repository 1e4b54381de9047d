/* Optimiser steps over a run of parameters; plain loops that the compiler vectorises. */
#include <math.h>

#include "cpu/kernels/vec.h"

INLINE void sgd(float *restrict w, float *restrict v, const float *restrict g, size_t n,
                const SgdCoef *k, bool caffe, bool nesterov) {
    float lr = k->lr, momentum = k->momentum, decay = k->decay;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];
        float u = caffe ? lr * d : d;
        v[i] = momentum * v[i] + u;
        float move = nesterov ? u + momentum * v[i] : v[i];
        w[i] -= caffe ? move : lr * move;
    }
}

void KERNEL(sgd)(float *w, float *v, const float *g, size_t n, const SgdCoef *k) {
    if (k->caffe && k->nesterov)
        sgd(w, v, g, n, k, true, true);
    else if (k->caffe)
        sgd(w, v, g, n, k, true, false);
    else if (k->nesterov)
        sgd(w, v, g, n, k, false, true);
    else
        sgd(w, v, g, n, k, false, false);
}

void KERNEL(adam)(float *restrict w, float *restrict m, float *restrict s, const float *restrict g,
                  size_t n, const AdamCoef *k) {
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + k->decay * w[i];
        m[i] = k->beta1 * m[i] + k->rest1 * d;
        s[i] = k->beta2 * s[i] + k->rest2 * (d * d);
        w[i] -= k->step * m[i] / (sqrtf(s[i]) * k->root + k->eps);
    }
}
