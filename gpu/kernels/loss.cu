/* Softmax cross-entropy: loss = log sum_k exp(x_k) - x_label; dx = (softmax(x) - onehot) / divisor;
 * with the count of errors, and both added to the device's metrics. One warp an image. */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"

enum { WARP = 32, IMAGES = THREADS / WARP };

struct Best {
    float value;
    int class_index;
};

/* The first largest logit of the warp's strided classes, known to all lanes. */
template <typename L> __device__ inline Best best_of(const L *x, int classes, int lane) {
    Best best = {load1(x), 0};
    for (int k = lane; k < classes; k += WARP)
        if (load1(x + k) > best.value) {
            best.value = load1(x + k);
            best.class_index = k;
        }
    for (int step = WARP / 2; step > 0; step /= 2) {
        float value = __shfl_xor_sync(~0u, best.value, step);
        int k = __shfl_xor_sync(~0u, best.class_index, step);
        if (value > best.value || (value == best.value && k < best.class_index)) {
            best.value = value;
            best.class_index = k;
        }
    }
    return best;
}

/* The label's logit must be the first largest one; a NaN anywhere is an error. */
template <typename L>
__device__ inline bool is_error(const L *x, int classes, int label, int lane) {
    int wrong = 0;
    float mine = load1(x + label);
    for (int k = lane; k < classes; k += WARP)
        wrong |= k < label ? !(load1(x + k) < mine) : !(load1(x + k) <= mine);
    return __ballot_sync(~0u, wrong) != 0;
}

/* One image; others = sum of exp(x_k - best) over all classes but the best. */
template <typename L, typename G>
__device__ inline void image_loss(const LossArgs &a, int n, int lane) {
    const L *x = (const L *)a.logits + (size_t)n * a.padded;
    int label = a.labels[n];
    Best best = best_of(x, a.classes, lane);
    float others = 0;
    for (int k = lane; k < a.classes; k += WARP)
        if (k != best.class_index)
            others += expf(load1(x + k) - best.value);
    for (int step = WARP / 2; step > 0; step /= 2)
        others += __shfl_xor_sync(~0u, others, step);
    bool wrong = is_error(x, a.classes, label, lane);
    if (lane == 0) {
        a.image_loss[n] = best.value - load1(x + label) + log1pf(others);
        a.wrong[n] = wrong;
    }
    for (int k = lane; a.dlogits && k < a.padded; k += WARP) {
        float p = 0;
        if (k < a.classes) {
            p = (k == best.class_index ? 1 : expf(load1(x + k) - best.value)) / (1 + others);
            if (k == label) /* 1 - p without cancellation where p is near 1 */
                p = k == best.class_index ? -others / (1 + others) : p - 1;
        }
        float g = p * a.control->loss_gradient;
        if (sizeof(G) == sizeof(float))
            ((float *)a.dlogits)[(size_t)n * a.padded + k] = g;
        else
            ((unsigned short *)a.dlogits)[(size_t)n * a.padded + k] = bf16_bits(g);
    }
}

/* Adds the images' losses in a fixed order; the whole last block takes part. */
__device__ inline void add_metrics(const LossArgs &a) {
    SHARED(double, sums, THREADS);
    SHARED(unsigned, errors, THREADS);
    double sum = 0;
    unsigned wrong = 0;
    for (int n = threadIdx.x; n < a.control->count; n += THREADS) {
        sum += from_other_block(a.image_loss + n);
        wrong += from_other_block(a.wrong + n);
    }
    sums[threadIdx.x] = sum;
    errors[threadIdx.x] = wrong;
    for (int reach = THREADS / 2; reach > 0; reach /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < reach) {
            sums[threadIdx.x] += sums[threadIdx.x + reach];
            errors[threadIdx.x] += errors[threadIdx.x + reach];
        }
    }
    if (threadIdx.x == 0) {
        a.metrics->loss_sum += sums[0];
        a.metrics->errors += errors[0];
        a.metrics->batches++;
        double all = a.metrics->loss_sum;
        if (!a.metrics->bad_batch && !(all - all == 0)) /* NaN or infinite */
            a.metrics->bad_batch = a.metrics->batches;
    }
}

template <typename L, typename G>
__global__ void __launch_bounds__(THREADS) loss_kernel(LossArgs a) {
    int n = blockIdx.x * IMAGES + threadIdx.x / WARP, lane = threadIdx.x % WARP;
    if (n < a.control->count)
        image_loss<L, G>(a, n, lane);
    else if (n < a.max_batch && a.dlogits)
        for (int k = lane; k < a.padded; k += WARP) {
            if (sizeof(G) == sizeof(float))
                ((float *)a.dlogits)[(size_t)n * a.padded + k] = 0;
            else
                ((unsigned short *)a.dlogits)[(size_t)n * a.padded + k] = 0;
        }
    if (last_block(a.counter, gridDim.x))
        add_metrics(a);
}

cudaError_t loss_step(cudaStream_t stream, const LossArgs *args) {
    unsigned blocks = (unsigned)ceil_div(args->max_batch, IMAGES);
    if (args->logits_half && args->dlogits_half)
        LAUNCH((loss_kernel<bf16, bf16>), blocks, THREADS, stream, *args);
    else if (args->logits_half)
        LAUNCH((loss_kernel<bf16, float>), blocks, THREADS, stream, *args);
    else if (args->dlogits_half)
        LAUNCH((loss_kernel<float, bf16>), blocks, THREADS, stream, *args);
    else
        LAUNCH((loss_kernel<float, float>), blocks, THREADS, stream, *args);
    return cudaGetLastError();
}
