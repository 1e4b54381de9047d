/* Stochastic gradient descent with momentum, g = gradient + decay w:
 *   Caffe    v = m v + lr g,  w -= v             Nesterov: w -= lr g + m v
 *   PyTorch  v = m v + g,     w -= lr v          Nesterov: w -= lr (g + m v)
 * They differ when the rate changes: Caffe's v keeps the old rate's steps. */
#include "ref/ops.h"

void ref_sgd_update(double *w, double *v, const double *g, size_t count, const Optimizer *o,
                    double decay, double lr) {
    bool caffe = o->kind == OPTIMIZER_SGD_CAFFE;
    double inner = caffe ? lr : 1, outer = caffe ? 1 : lr;
    for (size_t i = 0; i < count; i++) {
        double step = inner * (g[i] + decay * w[i]);
        v[i] = o->momentum * v[i] + step;
        w[i] -= outer * (o->nesterov ? step + o->momentum * v[i] : v[i]);
    }
}
