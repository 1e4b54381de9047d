#include "faults.h"

#include "gpu/kernels/cuda.h"

static __global__ void scale_kernel(float *__restrict__ x, int n, float factor) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        x[i] *= factor;
}

void scale(float *x, int n, float factor, cudaStream_t stream) {
    LAUNCH(scale_kernel, (n + 63) / 64, 64, stream, x, n, factor);
}

void scale_one_beyond(float *x, int n, cudaStream_t stream) {
    LAUNCH(scale_kernel, n / 64 + 1, 64, stream, x, n + 1, 2.0f);
}

static __global__ void add_kernel(float *y, const float *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] += x[i];
}

void add(float *y, const float *x, int n, cudaStream_t stream) {
    LAUNCH(add_kernel, (n + 63) / 64, 64, stream, y, x, n);
}

template <int B>
static __global__ void __launch_bounds__(B) sum_kernel(float *out, const float *x) {
    SHARED(float, partial, B / 32);
    float s = x[blockIdx.x * B + threadIdx.x];
    for (int k = 16; k > 0; k /= 2)
        s += __shfl_down_sync(~0u, s, k);
    if (threadIdx.x % 32 == 0)
        partial[threadIdx.x / 32] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int k = 1; k < B / 32; k++)
            s += partial[k];
        out[blockIdx.x] = s;
    }
}

void sum_blocks(float *out, const float *x, int blocks, cudaStream_t stream) {
    LAUNCH((sum_kernel<256>), blocks, 256, stream, out, x);
}

template <bool BARRIER> static __global__ void reverse_kernel(float *x) {
    SHARED(float, s, 64);
    unsigned t = threadIdx.x, first = blockIdx.x * 64;
    s[t] = x[first + t];
    if (BARRIER)
        __syncthreads();
    x[first + t] = s[63 - t];
}

void reverse_blocks(float *x, int blocks, cudaStream_t stream) {
    LAUNCH(reverse_kernel<true>, blocks, 64, stream, x);
}

void reverse_without_barrier(float *x, int blocks, cudaStream_t stream) {
    LAUNCH(reverse_kernel<false>, blocks, 64, stream, x);
}

static __global__ void count_kernel(unsigned *count) {
    atomicAdd(count, 1u);
    __threadfence();
}

void count_threads(unsigned *count, int blocks, cudaStream_t stream) {
    LAUNCH(count_kernel, blocks, 96, stream, count);
}

/* Lane l ends with 100 l + (l + 3) + (l ^ 5) + (l / 8 * 8 + 2) + the number of even lanes. */
static __global__ void shuffle_kernel(float *x) {
    unsigned l = threadIdx.x;
    double wide = __shfl_xor_sync(~0u, (double)l, 5);
    unsigned down = __shfl_down_sync(~0u, l, 3);
    int from = __shfl_sync(~0u, (int)l, 2, 8);
    unsigned even = __ballot_sync(~0u, l % 2 == 0);
    __syncwarp();
    x[l] = 100.0f * l + down + (float)wide + from + __builtin_popcount(even);
}

void shuffle_lanes(float *x, cudaStream_t stream) {
    LAUNCH(shuffle_kernel, 1, 32, stream, x);
}

static __global__ void bf16_kernel(float *x, int n) {
    if ((int)threadIdx.x < n)
        x[threadIdx.x] = __bfloat162float(__float2bfloat16_rn(x[threadIdx.x]));
}

void round_to_bf16(float *x, int n, cudaStream_t stream) {
    LAUNCH(bf16_kernel, 1, 32, stream, x, n);
}

static __global__ void index_kernel(float *x) {
    unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned i = b * (blockDim.x * blockDim.y * blockDim.z) + t;
    x[i] = i;
}

void index_3d(float *x, cudaStream_t stream) {
    LAUNCH(index_kernel, dim3(2, 3, 4), dim3(5, 6, 2), stream, x);
}

static __global__ void order_kernel(unsigned *when, unsigned *count) {
    when[blockIdx.x * 32 + threadIdx.x] = atomicAdd(count, 1u);
}

void note_order(unsigned *when, unsigned *count, cudaStream_t stream) {
    LAUNCH(order_kernel, 8, 32, stream, when, count);
}

static __global__ void nothing_kernel() {
}

void nothing(cudaStream_t stream) {
    LAUNCH(nothing_kernel, 1, 1, stream);
}

void launch_with(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                 cudaStream_t stream) {
    LAUNCH(nothing_kernel, dim3(gx, gy, gz), dim3(bx, by, bz), stream);
}

static __global__ void read_before_kernel(float *x) {
    x[0] = x[-1024];
}

void read_one_before(float *x, cudaStream_t stream) {
    LAUNCH(read_before_kernel, 1, 1, stream, x);
}

static __global__ void not_all_kernel() {
    if (threadIdx.x < 16)
        __syncthreads();
}

void barrier_not_reached_by_all(cudaStream_t stream) {
    LAUNCH(not_all_kernel, 1, 64, stream);
}

static __global__ void after_return_kernel() {
    if (threadIdx.x == 7)
        return;
    __syncthreads();
    __syncthreads();
}

void barrier_after_return(cudaStream_t stream) {
    LAUNCH(after_return_kernel, 1, 64, stream);
}

static __global__ void two_places_kernel() {
    if (threadIdx.x < 16)
        __syncthreads();
    else
        __syncthreads();
}

void barriers_of_two_places(cudaStream_t stream) {
    LAUNCH(two_places_kernel, 1, 64, stream);
}

static __global__ void returned_kernel(float *x) {
    if (threadIdx.x == 5)
        return;
    x[threadIdx.x] = __shfl_xor_sync(~0u, x[threadIdx.x], 1);
}

void lane_returned(float *x, cudaStream_t stream) {
    LAUNCH(returned_kernel, 1, 32, stream, x);
}

static __global__ void at_barrier_kernel(float *x) {
    if (threadIdx.x >= 16)
        __syncthreads();
    x[threadIdx.x] = __shfl_xor_sync(~0u, x[threadIdx.x], 1);
}

void lane_at_barrier(float *x, cudaStream_t stream) {
    LAUNCH(at_barrier_kernel, 1, 32, stream, x);
}

static __global__ void whole_warp_kernel(float *x) {
    x[threadIdx.x] = __shfl_xor_sync(~0u, x[threadIdx.x], 1);
}

void lane_not_in_block(float *x, cudaStream_t stream) {
    LAUNCH(whole_warp_kernel, 1, 48, stream, x);
}

static __global__ void two_primitives_kernel(float *x) {
    if (threadIdx.x < 16)
        x[threadIdx.x] = __shfl_xor_sync(~0u, x[threadIdx.x], 1);
    else
        x[threadIdx.x] = (float)__ballot_sync(~0u, 1);
}

void lanes_in_two_primitives(float *x, cudaStream_t stream) {
    LAUNCH(two_primitives_kernel, 1, 32, stream, x);
}

static __global__ void own_mask_kernel(float *x) {
    x[threadIdx.x] = __shfl_xor_sync(0xFFFFu, x[threadIdx.x], 1);
}

void lane_not_in_own_mask(float *x, cudaStream_t stream) {
    LAUNCH(own_mask_kernel, 1, 32, stream, x);
}

static __global__ void outside_mask_kernel(float *x) {
    if (threadIdx.x < 16)
        x[threadIdx.x] = __shfl_down_sync(0xFFFFu, x[threadIdx.x], 8);
}

void shuffle_from_outside_mask(float *x, cudaStream_t stream) {
    LAUNCH(outside_mask_kernel, 1, 32, stream, x);
}

static __global__ void shared_beyond_kernel(float *x) {
    SHARED(float, s, 33);
    s[threadIdx.x + 2] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[threadIdx.x + 2];
}

void shared_one_beyond(float *x, cudaStream_t stream) {
    LAUNCH(shared_beyond_kernel, 1, 32, stream, x);
}

static __global__ void shared_before_kernel(float *x, int shift) {
    SHARED(float, s, 32);
    float *p = s;
    p[(int)threadIdx.x - shift] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = p[(int)threadIdx.x - shift];
}

void shared_one_before(float *x, cudaStream_t stream) {
    LAUNCH(shared_before_kernel, 1, 32, stream, x, 1);
}

/* Only the first block's write is there for the next block to find, if memory were left as it is.
 */
static __global__ void not_written_kernel(float *x) {
    SHARED(float, s, 32);
    if (x[threadIdx.x] > 0)
        s[threadIdx.x] = 1.0f;
    __syncthreads();
    x[threadIdx.x] = s[threadIdx.x];
}

void shared_not_written(float *x, cudaStream_t stream) {
    LAUNCH(not_written_kernel, 1, 32, stream, x);
}

static __global__ void too_large_kernel(float *x) {
    SHARED(float, a, 4096);
    SHARED(float, b, 8193);
    a[threadIdx.x] = x[threadIdx.x];
    b[threadIdx.x] = a[threadIdx.x];
    x[threadIdx.x] = b[threadIdx.x];
}

void shared_too_large(float *x, cudaStream_t stream) {
    LAUNCH(too_large_kernel, 1, 32, stream, x);
}

static __global__ void misaligned_kernel(float *x) {
    CHECK_ALIGNED(x + 4 * threadIdx.x + 1, sizeof(float4));
    float4 v;
    memcpy(&v, x + 4 * threadIdx.x + 1, sizeof v);
    x[threadIdx.x] = v.x;
}

void misaligned_vector(float *x, cudaStream_t stream) {
    LAUNCH(misaligned_kernel, 1, 4, stream, x);
}

static __device__ __attribute__((noinline)) float deep(volatile float *x, int level) {
    volatile float room[1024];
    room[level % 1024] = x[0];
    return level > 0 ? deep(room, level - 1) + room[level % 1024] : room[0];
}

static __global__ void deep_kernel(float *x) {
    x[0] = deep(x, 1000);
}

void stack_overflow(float *x, cudaStream_t stream) {
    LAUNCH(deep_kernel, 1, 1, stream, x);
}
