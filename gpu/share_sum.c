/* Sums of shares over a balanced tree, on the card: the stack of harness/train/tree.h in device
 * memory. */
#include "gpu/share_sum.h"

#include <stdlib.h>
#include <string.h>

static cudaStream_t stream_of(const GpuShareSum *sum) {
    return sum->state->gpu->lane[LANE_MAIN].stream;
}

static ShareParts parts_of(const GpuShareSum *sum) {
    const GpuState *state = sum->state;
    return (ShareParts){.gradient = state->gradient,
                        .running_mean = state->running_mean,
                        .running_var = state->running_var,
                        .learned = state->learned,
                        .channels = state->channels};
}

/* Subtrees that wait when n leaves have been taken: one for each binary one of n. */
static int waiting(int n) {
    return __builtin_popcount((unsigned)n);
}

static double *leaf_of(const GpuShareSum *sum) {
    return sum->vectors + (size_t)waiting(sum->next) * sum->length;
}

static void destroy(ShareSum *base) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    gpu_link_leave(sum->link);
    gpu_free(sum->vectors);
    gpu_free(sum->received);
    gpu_free(sum->start_mean);
    gpu_free(sum->start_var);
    free(sum);
}

static Status allocate(GpuShareSum *sum) {
    GpuBackend *gpu = sum->state->gpu;
    const char *what = "sums of shares";
    size_t levels = (size_t)waiting(sum->own - 1) + 1; /* one more than the most that wait */
    size_t bytes = sum->length * sizeof(double), channels = sum->state->channels * sizeof(float);
    TRY(gpu_allocate(gpu, levels * bytes, false, what, 0, (void **)&sum->vectors));
    if (gpu_link() && sum->own < sum->count)
        TRY(gpu_allocate(gpu, bytes, false, what, 0, (void **)&sum->received));
    TRY(gpu_allocate(gpu, channels, false, what, 0, (void **)&sum->start_mean));
    return gpu_allocate(gpu, channels, false, what, 0, (void **)&sum->start_var);
}

static Status create(State *state, int own, int count, ShareSum **result) {
    if (own < 1 || waiting(own) != 1)
        return status_fail(STATUS_BAD_INPUT, "a balanced tree of %d shares: no power of two", own);
    GpuShareSum *sum = calloc(1, sizeof *sum);
    if (!sum)
        return status_fail(STATUS_NO_MEMORY, "no memory for sums of shares");
    sum->state = gpu_state_of(state);
    sum->own = own;
    sum->count = count;
    sum->length = sum->state->learned + 2 * sum->state->channels;
    Status status = allocate(sum);
    if (status == STATUS_OK)
        *result = (ShareSum *)sum;
    else
        destroy((ShareSum *)sum);
    return status;
}

static size_t length(const ShareSum *sum) {
    return ((const GpuShareSum *)sum)->length;
}

/* ---- a step ---- */

static Status copy_statistics(GpuShareSum *sum, float *mean, float *var, const float *from_mean,
                              const float *from_var) {
    Status status = STATUS_OK;
    const char *what = "running statistics of shares";
    size_t bytes = sum->state->channels * sizeof(float);
    cudaStream_t stream = stream_of(sum);
    CUDA_CHECK(cudaMemcpyAsync(mean, from_mean, bytes, cudaMemcpyDeviceToDevice, stream), what);
    CUDA_CHECK(cudaMemcpyAsync(var, from_var, bytes, cudaMemcpyDeviceToDevice, stream), what);
out:
    return status;
}

static Status begin(ShareSum *base) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    sum->next = 0;
    return copy_statistics(sum, sum->start_mean, sum->start_var, sum->state->running_mean,
                           sum->state->running_var);
}

static Status take(ShareSum *base) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    Status status = STATUS_OK;
    double *right = leaf_of(sum);
    TRY(gpu_state_gradients_to_float(sum->state));
    const ShareParts parts = parts_of(sum);
    CUDA_CHECK(share_leaf(stream_of(sum), right, &parts), "a share's gradients");
    for (int n = sum->next; n & 1; n >>= 1) {
        right -= sum->length;
        CUDA_CHECK(share_add(stream_of(sum), right, right + sum->length, sum->length),
                   "summing shares");
    }
    sum->next = (sum->next + 1) % sum->own;
    CHECK(copy_statistics(sum, parts.running_mean, parts.running_var, sum->start_mean,
                          sum->start_var));
out:
    return status;
}

static Status read(ShareSum *base, double *values) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    GpuBackend *gpu = sum->state->gpu;
    size_t bytes = sum->length * sizeof *values;
    TRY(gpu_stage(gpu, bytes));
    TRY(gpu_download(gpu, sum->vectors, bytes, "reading a sum of shares"));
    memcpy(values, gpu->staging, bytes);
    return STATUS_OK;
}

static Status write(ShareSum *base, const double *values) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    GpuBackend *gpu = sum->state->gpu;
    size_t bytes = sum->length * sizeof *values;
    TRY(gpu_stage(gpu, bytes));
    memcpy(gpu->staging, values, bytes);
    return gpu_upload(gpu, sum->vectors, bytes, "writing a sum of shares");
}

static Status finish(ShareSum *base) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    const ShareParts parts = parts_of(sum);
    Status status = STATUS_OK;
    CUDA_CHECK(share_finish(stream_of(sum), &parts, sum->vectors, sum->count), "summing shares");
out:
    return status;
}

const ShareSumOps gpu_share_sums = {
    .create = create,
    .destroy = destroy,
    .length = length,
    .begin = begin,
    .take = take,
    .read = read,
    .write = write,
    .finish = finish,
    .link = gpu_link,
};
