#include "gpu/check.h"

#include <string.h>

/* The name of the function in the text of a call. */
static int name_length(const char *call) {
    return (int)strcspn(call, "(");
}

/* After these nothing that ran before on the device can be trusted. */
static const char *advice(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "; try a smaller batch";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
        return "; the device's state is lost: start again, and run 'harness check --backend gpu'";
    case cudaErrorInsufficientDriver:
        return "; the driver is older than the CUDA runtime, or there is none";
    default:
        return "";
    }
}

Status gpu_cuda_failure(cudaError_t error, const char *call, const char *what) {
    cudaGetLastError(); /* a later launch must not report this one again */
    return status_fail(error == cudaErrorMemoryAllocation ? STATUS_NO_MEMORY : STATUS_BACKEND,
                       "%s: %.*s: %s (%s)%s", what, name_length(call), call,
                       cudaGetErrorString(error), cudaGetErrorName(error), advice(error));
}

bool gpu_cudnn_out_of_memory(cudnnStatus_t error) {
    return error == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
           error == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
}

Status gpu_cudnn_failure(cudnnStatus_t error, const char *call, const char *what) {
    char detail[256] = "";
    cudaGetLastError(); /* what the library met underneath */
    cudnnGetLastErrorString(detail, sizeof detail);
    return status_fail(gpu_cudnn_out_of_memory(error) ? STATUS_NO_MEMORY : STATUS_BACKEND,
                       "%s: %.*s: %s%s%s", what, name_length(call), call,
                       cudnnGetErrorString(error), detail[0] ? ": " : "", detail);
}

Status gpu_cublas_failure(cublasStatus_t error, const char *call, const char *what) {
    cudaGetLastError();
    return status_fail(error == CUBLAS_STATUS_ALLOC_FAILED ? STATUS_NO_MEMORY : STATUS_BACKEND,
                       "%s: %.*s: %s", what, name_length(call), call, cublasGetStatusString(error));
}
