/* Dropout, forward and backward: the factors are drawn again rather than kept. A vector is eight
 * channels of one pixel: two draws. */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"
#include "net/dropout.h"

template <typename T>
__global__ void __launch_bounds__(THREADS) dropout_kernel(DropoutArgs a, int padded) {
    size_t at;
    float v[VECTOR], out[VECTOR] = {0};
    int area = a.shape.h * a.shape.w;
    if (!vector_index((size_t)a.max_batch * area * padded, &at))
        return;
    int row = (int)(at / padded), c = (int)(at % padded), n = row / area;
    if (n < a.control->count) {
        load8(v, (const T *)a.x + at);
        for (int k = 0; k < VECTOR / 4; k++) {
            Philox draw = dropout_draw(a.seed, a.node, a.control->step, a.control->samples[n].index,
                                       row % area, dropout_quads(a.shape.c), c / 4 + k);
            for (int i = 0; i < 4; i++)
                out[4 * k + i] = v[4 * k + i] * (draw.v[i] < a.threshold ? 0 : a.scale);
        }
    }
    store8((T *)a.y + at, out);
}

cudaError_t dropout_apply(cudaStream_t stream, bool is_half, const DropoutArgs *args) {
    int padded = ceil_div(args->shape.c, VECTOR) * VECTOR;
    unsigned blocks =
        vector_blocks((size_t)args->max_batch * args->shape.h * args->shape.w * padded);
    if (is_half)
        LAUNCH(dropout_kernel<bf16>, blocks, THREADS, stream, *args, padded);
    else
        LAUNCH(dropout_kernel<float>, blocks, THREADS, stream, *args, padded);
    return cudaGetLastError();
}
