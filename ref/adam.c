/* Kingma and Ba 2015, algorithm 1, with g = gradient + decay w as torch.optim.Adam:
 *   m = b1 m + (1 - b1) g,  s = b2 s + (1 - b2) g^2
 *   w -= lr (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps) */
#include <math.h>

#include "ref/ops.h"

void ref_adam_update(double *w, double *m, double *s, const double *g, size_t count,
                     const Optimizer *o, double decay, double lr, int64_t t) {
    double unbias1 = 1 - pow(o->beta1, (double)t), unbias2 = 1 - pow(o->beta2, (double)t);
    for (size_t i = 0; i < count; i++) {
        double grad = g[i] + decay * w[i];
        m[i] = o->beta1 * m[i] + (1 - o->beta1) * grad;
        s[i] = o->beta2 * s[i] + (1 - o->beta2) * grad * grad;
        w[i] -= lr * (m[i] / unbias1) / (sqrt(s[i] / unbias2) + o->eps);
    }
}
