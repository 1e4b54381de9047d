/* Operations that were not fused with a batch norm, and conversions. */
#include "gpu/kernels/reduce.cuh"

size_t reduction_floats(int rows_per_group, int groups, int channels, int sums) {
    Cut cut = cut_of(rows_per_group, channels);
    return (size_t)groups * cut.chunks * sums * channels;
}

/* Calls a kernel template for the element type. */
#define LAUNCH_TYPED(kernel, is_half, n, stream, ...)                                              \
    do {                                                                                           \
        if (is_half)                                                                               \
            LAUNCH(kernel<bf16>, vector_blocks(n), THREADS, stream, __VA_ARGS__);                  \
        else                                                                                       \
            LAUNCH(kernel<float>, vector_blocks(n), THREADS, stream, __VA_ARGS__);                 \
    } while (0)

template <typename T>
__global__ void __launch_bounds__(THREADS) relu_kernel(void *y, const void *x, size_t n) {
    size_t at;
    float v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, (const T *)x + at);
    for (int i = 0; i < VECTOR; i++)
        v[i] = v[i] > 0 || v[i] != v[i] ? v[i] : 0;
    store8((T *)y + at, v);
}

cudaError_t relu_forward(cudaStream_t stream, bool is_half, void *y, const void *x, size_t n) {
    LAUNCH_TYPED(relu_kernel, is_half, n, stream, y, x, n);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    relu_backward_kernel(void *dx, const void *dy, const void *y, size_t n) {
    size_t at;
    float g[VECTOR], v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(g, (const T *)dy + at);
    load8(v, (const T *)y + at);
    for (int i = 0; i < VECTOR; i++)
        g[i] = v[i] > 0 ? g[i] : 0;
    store8((T *)dx + at, g);
}

cudaError_t relu_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                          const void *y, size_t n) {
    LAUNCH_TYPED(relu_backward_kernel, is_half, n, stream, dx, dy, y, n);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    add_kernel(void *y, const void *a, const void *b, size_t n) {
    size_t at;
    float v[VECTOR], w[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, (const T *)a + at);
    load8(w, (const T *)b + at);
    for (int i = 0; i < VECTOR; i++)
        v[i] += w[i];
    store8((T *)y + at, v);
}

cudaError_t add_forward(cudaStream_t stream, bool is_half, void *y, const void *a, const void *b,
                        size_t n) {
    LAUNCH_TYPED(add_kernel, is_half, n, stream, y, a, b, n);
    return cudaGetLastError();
}

/* ---- gates ---- */

template <typename T>
__global__ void __launch_bounds__(THREADS)
    multiply_kernel(void *y, const void *a, const void *b, size_t n) {
    size_t at;
    float v[VECTOR], other[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, (const T *)a + at);
    load8(other, (const T *)b + at);
    for (int i = 0; i < VECTOR; i++)
        v[i] *= other[i];
    store8((T *)y + at, v);
}

cudaError_t multiply_forward(cudaStream_t stream, bool is_half, void *y, const void *a,
                             const void *b, size_t n) {
    LAUNCH_TYPED(multiply_kernel, is_half, n, stream, y, a, b, n);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    multiply_backward_kernel(void *da, void *db, const void *dy, const void *a, const void *b,
                             size_t n) {
    size_t at;
    float g[VECTOR], v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(g, (const T *)dy + at);
    if (da) {
        load8(v, (const T *)b + at);
        for (int i = 0; i < VECTOR; i++)
            v[i] *= g[i];
        store8((T *)da + at, v);
    }
    if (db) {
        load8(v, (const T *)a + at);
        for (int i = 0; i < VECTOR; i++)
            v[i] *= g[i];
        store8((T *)db + at, v);
    }
}

cudaError_t multiply_backward(cudaStream_t stream, bool is_half, void *da, void *db, const void *dy,
                              const void *a, const void *b, size_t n) {
    LAUNCH_TYPED(multiply_backward_kernel, is_half, n, stream, da, db, dy, a, b, n);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    sigmoid_kernel(void *y, const void *x, size_t n, int channels, int padded) {
    size_t at;
    float v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, (const T *)x + at);
    int first = (int)(at % padded);
    for (int i = 0; i < VECTOR; i++) /* far below zero: 1 / infinity */
        v[i] = first + i < channels ? 1 / (1 + expf(-v[i])) : 0;
    store8((T *)y + at, v);
}

cudaError_t sigmoid_forward(cudaStream_t stream, bool is_half, void *y, const void *x, size_t n,
                            int channels, int padded) {
    LAUNCH_TYPED(sigmoid_kernel, is_half, n, stream, y, x, n, channels, padded);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    sigmoid_backward_kernel(void *dx, const void *dy, const void *y, size_t n) {
    size_t at;
    float g[VECTOR], v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(g, (const T *)dy + at);
    load8(v, (const T *)y + at);
    for (int i = 0; i < VECTOR; i++)
        g[i] *= v[i] * (1 - v[i]);
    store8((T *)dx + at, g);
}

cudaError_t sigmoid_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                             const void *y, size_t n) {
    LAUNCH_TYPED(sigmoid_backward_kernel, is_half, n, stream, dx, dy, y, n);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    affine_kernel(void *y, const void *x, size_t n, int channels, int padded, float scale,
                  float shift) {
    size_t at;
    float v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, (const T *)x + at);
    int first = (int)(at % padded);
    for (int i = 0; i < VECTOR; i++)
        v[i] = first + i < channels ? scale * v[i] + shift : 0;
    store8((T *)y + at, v);
}

cudaError_t affine_forward(cudaStream_t stream, bool is_half, void *y, const void *x, size_t n,
                           int channels, int padded, float scale, float shift) {
    LAUNCH_TYPED(affine_kernel, is_half, n, stream, y, x, n, channels, padded, scale, shift);
    return cudaGetLastError();
}

cudaError_t affine_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy, size_t n,
                            float scale) {
    LAUNCH_TYPED(affine_kernel, is_half, n, stream, dx, dy, n, VECTOR, VECTOR, scale, 0.0f);
    return cudaGetLastError();
}

/* ---- biases ---- */

template <typename T>
__global__ void __launch_bounds__(THREADS)
    bias_kernel(void *y, const float *bias, size_t n, int channels) {
    size_t at;
    float v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, (const T *)y + at);
    for (int i = 0; i < VECTOR; i++)
        v[i] += bias[at % channels + i];
    store8((T *)y + at, v);
}

cudaError_t bias_forward(cudaStream_t stream, bool is_half, void *y, const float *bias, int rows,
                         int channels) {
    size_t n = (size_t)rows * channels;
    LAUNCH_TYPED(bias_kernel, is_half, n, stream, y, bias, n, channels);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    bias_backward_kernel(float *db, const void *dy, int rows, int channels, Reduction reduction) {
    Cut cut = cut_of(rows, channels);
    Place place = place_of(cut, channels, blockIdx.y);
    float sum[1][VECTOR] = {{0}}, v[VECTOR];
    int begin = blockIdx.x * cut.rows, end = lesser(begin + cut.rows, rows);
    for (int row = begin + place.strand; place.works && row < end; row += cut.strands) {
        load8(v, (const T *)dy + (size_t)row * channels + place.channel);
        for (int i = 0; i < VECTOR; i++)
            sum[0][i] += v[i];
    }
    sum_strands<1>(sum, place, cut, reduction.partial + (size_t)blockIdx.x * channels, channels);
    if (!last_block(reduction.counter, gridDim.x * gridDim.y))
        return;
    for (int first = 0; first < channels; first += THREADS) {
        Totals totals = sum_chunks<1>(reduction.partial, cut.chunks, channels, first);
        if (totals.leader)
            db[totals.channel] = (float)totals.sum[0];
    }
}

cudaError_t bias_backward(cudaStream_t stream, bool is_half, float *db, const void *dy, int rows,
                          int channels, Reduction reduction) {
    Cut cut = cut_of(rows, channels);
    dim3 grid(cut.chunks, cut.tiles, 1);
    if (is_half)
        LAUNCH(bias_backward_kernel<bf16>, grid, THREADS, stream, db, dy, rows, channels,
               reduction);
    else
        LAUNCH(bias_backward_kernel<float>, grid, THREADS, stream, db, dy, rows, channels,
               reduction);
    return cudaGetLastError();
}

/* ---- conversions ---- */

template <typename To, typename From>
__global__ void __launch_bounds__(THREADS) convert_kernel(To *to, const From *from, size_t n) {
    size_t at;
    float v[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(v, from + at);
    store8(to + at, v);
}

cudaError_t half_from_float(cudaStream_t stream, uint16_t *to, const float *from, size_t n) {
    LAUNCH((convert_kernel<bf16, float>), vector_blocks(n), THREADS, stream, (bf16 *)to, from, n);
    return cudaGetLastError();
}

cudaError_t float_from_half(cudaStream_t stream, float *to, const uint16_t *from, size_t n) {
    LAUNCH((convert_kernel<float, bf16>), vector_blocks(n), THREADS, stream, to, (const bf16 *)from,
           n);
    return cudaGetLastError();
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    tap_gradient_kernel(float *out, const void *g0, const void *g1, const void *y, size_t n) {
    size_t at;
    float g[VECTOR], other[VECTOR];
    if (!vector_index(n, &at))
        return;
    load8(g, (const T *)g0 + at);
    if (g1) {
        load8(other, (const T *)g1 + at);
        for (int i = 0; i < VECTOR; i++)
            g[i] += other[i];
    }
    if (y) {
        load8(other, (const T *)y + at);
        for (int i = 0; i < VECTOR; i++)
            g[i] = other[i] > 0 ? g[i] : 0;
    }
    store8(out + at, g);
}

cudaError_t tap_gradient(cudaStream_t stream, bool is_half, float *out, const void *g0,
                         const void *g1, const void *y, size_t n) {
    LAUNCH_TYPED(tap_gradient_kernel, is_half, n, stream, out, g0, g1, y, n);
    return cudaGetLastError();
}
