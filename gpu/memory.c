#include "gpu/gpu.h"

#include <stdio.h>

static Status out_of_memory(size_t bytes, const char *what, int max_batch) {
    size_t available = 0, total = 0;
    char advice[64] = "";
    cudaMemGetInfo(&available, &total);
    int fits = (int)((double)max_batch * 0.9 * (double)available / (double)bytes);
    if (max_batch > 0 && fits > 0 && fits < max_batch)
        snprintf(advice, sizeof advice, "; a batch of %d might fit", fits);
    else if (max_batch > 1)
        snprintf(advice, sizeof advice, "; try a smaller batch");
    return status_fail(STATUS_NO_MEMORY, "%s: %zu MiB of device memory asked, %zu of %zu free%s",
                       what, bytes >> 20, available >> 20, total >> 20, advice);
}

Status gpu_allocate(GpuBackend *gpu, size_t bytes, bool zero, const char *what, int max_batch,
                    void **out) {
    Status status = STATUS_OK;
    *out = NULL;
    if (bytes == 0)
        bytes = 1;
    cudaError_t error = cudaMalloc(out, bytes);
    if (error == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        return out_of_memory(bytes, what, max_batch);
    }
    CUDA_CHECK(error, what);
    if (zero)
        CUDA_CHECK(cudaMemsetAsync(*out, 0, bytes, gpu->lane[LANE_MAIN].stream), what);
out:
    if (status != STATUS_OK) {
        gpu_free(*out);
        *out = NULL;
    }
    return status;
}

void gpu_free(void *pointer) {
    if (pointer)
        cudaFree(pointer);
}

Status gpu_stage(GpuBackend *gpu, size_t bytes) {
    Status status = STATUS_OK;
    if (bytes <= gpu->staging_bytes)
        return STATUS_OK;
    if (gpu->staging)
        CUDA_CHECK(cudaFreeHost(gpu->staging), "a staging buffer");
    gpu->staging = NULL;
    gpu->staging_bytes = 0;
    CUDA_CHECK(cudaHostAlloc(&gpu->staging, bytes, cudaHostAllocDefault), "a staging buffer");
    gpu->staging_bytes = bytes;
out:
    return status;
}

Status gpu_upload(GpuBackend *gpu, void *device, size_t bytes, const char *what) {
    Status status = STATUS_OK;
    cudaStream_t stream = gpu->lane[LANE_MAIN].stream;
    CUDA_CHECK(cudaMemcpyAsync(device, gpu->staging, bytes, cudaMemcpyHostToDevice, stream), what);
    CUDA_CHECK(cudaStreamSynchronize(stream), what);
out:
    return status;
}

Status gpu_download(GpuBackend *gpu, const void *device, size_t bytes, const char *what) {
    Status status = STATUS_OK;
    cudaStream_t stream = gpu->lane[LANE_MAIN].stream;
    CUDA_CHECK(cudaMemcpyAsync(gpu->staging, device, bytes, cudaMemcpyDeviceToHost, stream), what);
    CUDA_CHECK(cudaStreamSynchronize(stream), what);
out:
    return status;
}
