/* One optimiser step over the flat arena, all parameters at once; formulas in net/backend.h. */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"

__device__ inline void load_gradient(float *g, const UpdateArgs &a, size_t at) {
    if (a.half_gradient && at < a.half_gradients)
        load8(g, (const bf16 *)a.half_gradient + at);
    else
        load8(g, a.gradient + at);
}

__device__ inline void sgd(const UpdateArgs &a, float *w, float *v, const float *g, float decay) {
    float lr = a.control->lr, momentum = a.momentum_factor;
    bool caffe = a.kind == OPTIMIZER_SGD_CAFFE;
    for (int i = 0; i < VECTOR; i++) {
        float d = fmaf(decay, w[i], g[i]);
        float u = caffe ? lr * d : d;
        v[i] = fmaf(momentum, v[i], u);
        float move = a.nesterov ? fmaf(momentum, v[i], u) : v[i];
        w[i] -= caffe ? move : lr * move;
    }
}

__device__ inline void adam(const UpdateArgs &a, float *w, float *m, float *s, const float *g,
                            float decay) {
    for (int i = 0; i < VECTOR; i++) {
        float d = fmaf(decay, w[i], g[i]);
        m[i] = fmaf(a.beta1, m[i], a.rest1 * d);
        s[i] = fmaf(a.beta2, s[i], a.rest2 * d * d);
        w[i] -= a.control->adam_step * m[i] / fmaf(sqrtf(s[i]), a.control->adam_root, a.eps);
    }
}

__global__ void __launch_bounds__(THREADS) optimizer_kernel(UpdateArgs a) {
    size_t at;
    float w[VECTOR], g[VECTOR], m[VECTOR], s[VECTOR];
    if (!vector_index(a.learned, &at))
        return;
    float decay = at < a.decayed ? a.decay : 0;
    load8(w, a.value + at);
    load8(m, a.momentum + at);
    load_gradient(g, a, at);
    if (a.kind == OPTIMIZER_ADAM) {
        load8(s, a.square + at);
        adam(a, w, m, s, g, decay);
        store8(a.square + at, s);
    } else {
        sgd(a, w, m, g, decay);
    }
    store8(a.momentum + at, m);
    store8(a.value + at, w);
    if (a.half_value)
        store8((bf16 *)a.half_value + at, w);
}

cudaError_t optimizer_step(cudaStream_t stream, const UpdateArgs *args) {
    LAUNCH(optimizer_kernel, vector_blocks(args->learned), THREADS, stream, *args);
    return cudaGetLastError();
}
