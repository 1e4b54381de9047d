/* Option A's shortcut where it is not fused: every stride-th pixel, zero channels around. */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"

template <typename T>
__global__ void __launch_bounds__(THREADS)
    subsample_kernel(void *y, SkipView view, size_t n, Shape out, int padded) {
    size_t at;
    float v[VECTOR];
    if (!vector_index(n, &at))
        return;
    int row = (int)(at / padded), c = (int)(at % padded), area = out.h * out.w;
    int p = row % area / out.w, q = row % area % out.w;
    const T *x = (const T *)view.x +
                 (((size_t)(row / area) * view.h + p * view.stride) * view.w + q * view.stride) *
                     view.padded;
    for (int i = 0; i < VECTOR; i++) {
        int from = c + i - view.before;
        v[i] = from >= 0 && from < view.channels ? load1(x + from) : 0;
    }
    store8((T *)y + at, v);
}

/* Every pixel of the source: the gradient of the output pixel that came from it, or 0. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    subsample_backward_kernel(void *dx, const void *dy, SkipView view, size_t n, Shape out,
                              int padded) {
    size_t at;
    float v[VECTOR] = {0};
    if (!vector_index(n, &at))
        return;
    int row = (int)(at / view.padded), c = (int)(at % view.padded), area = view.h * view.w;
    int h = row % area / view.w, w = row % area % view.w, image = row / area;
    if (h % view.stride == 0 && w % view.stride == 0) {
        size_t from = ((size_t)image * out.h + h / view.stride) * out.w + w / view.stride;
        const T *g = (const T *)dy + from * padded + view.before;
        for (int i = 0; i < VECTOR; i++)
            v[i] = c + i < view.channels ? load1(g + c + i) : 0;
    }
    store8((T *)dx + at, v);
}

cudaError_t subsample_forward(cudaStream_t stream, bool is_half, void *y, const SkipView *view,
                              int max_batch, Shape out) {
    int padded = ceil_div(out.c, VECTOR) * VECTOR;
    size_t n = (size_t)max_batch * out.h * out.w * padded;
    if (is_half)
        LAUNCH(subsample_kernel<bf16>, vector_blocks(n), THREADS, stream, y, *view, n, out, padded);
    else
        LAUNCH(subsample_kernel<float>, vector_blocks(n), THREADS, stream, y, *view, n, out,
               padded);
    return cudaGetLastError();
}

cudaError_t subsample_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                               const SkipView *view, int max_batch, Shape out) {
    int padded = ceil_div(out.c, VECTOR) * VECTOR;
    size_t n = (size_t)max_batch * view->h * view->w * view->padded;
    if (is_half)
        LAUNCH(subsample_backward_kernel<bf16>, vector_blocks(n), THREADS, stream, dx, dy, *view, n,
               out, padded);
    else
        LAUNCH(subsample_backward_kernel<float>, vector_blocks(n), THREADS, stream, dx, dy, *view,
               n, out, padded);
    return cudaGetLastError();
}
