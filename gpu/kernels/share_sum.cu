/* Gradients and running statistics of a step's shares, summed in double. */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"

/* This thread's element of n; false: there is none. */
__device__ inline bool element_index(size_t n, size_t *at) {
    *at = (size_t)blockIdx.x * THREADS + threadIdx.x;
    return *at < n;
}

static unsigned element_blocks(size_t n) { /* never none: a launch of nothing is an error */
    return (unsigned)(n / THREADS + 1);
}

/* Where element `at` of the vector stands. */
__device__ inline float *part_of(const ShareParts &parts, size_t at) {
    if (at < parts.learned)
        return parts.gradient + at;
    at -= parts.learned;
    return at < parts.channels ? parts.running_mean + at
                               : parts.running_var + (at - parts.channels);
}

__global__ void __launch_bounds__(THREADS) share_leaf_kernel(double *leaf, ShareParts parts) {
    size_t at;
    if (element_index(parts.learned + 2 * parts.channels, &at))
        leaf[at] = *part_of(parts, at);
}

__global__ void __launch_bounds__(THREADS)
    share_add_kernel(double *left, const double *right, size_t n) {
    size_t at;
    if (element_index(n, &at))
        left[at] += right[at];
}

__global__ void __launch_bounds__(THREADS)
    share_finish_kernel(ShareParts parts, const double *sum, int shares) {
    size_t at;
    if (element_index(parts.learned + 2 * parts.channels, &at))
        *part_of(parts, at) = (float)(at < parts.learned ? sum[at] : sum[at] / shares);
}

cudaError_t share_leaf(cudaStream_t stream, double *leaf, const ShareParts *parts) {
    size_t n = parts->learned + 2 * parts->channels;
    LAUNCH(share_leaf_kernel, element_blocks(n), THREADS, stream, leaf, *parts);
    return cudaGetLastError();
}

cudaError_t share_add(cudaStream_t stream, double *left, const double *right, size_t n) {
    LAUNCH(share_add_kernel, element_blocks(n), THREADS, stream, left, right, n);
    return cudaGetLastError();
}

cudaError_t share_finish(cudaStream_t stream, const ShareParts *parts, const double *sum,
                         int shares) {
    size_t n = parts->learned + 2 * parts->channels;
    LAUNCH(share_finish_kernel, element_blocks(n), THREADS, stream, *parts, sum, shares);
    return cudaGetLastError();
}
