/* One line for a call of CUDA, cuDNN or cuBLAS that may fail. Inside a function with `Status
 * status` and a label `out`, like CHECK; `what` names the node or the doing. */
#ifndef GPU_CHECK_H
#define GPU_CHECK_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stdbool.h>

#include "net/status.h"

/* check.c: the message of a failure, with the call, what it was for and what to do. */
Status gpu_cuda_failure(cudaError_t error, const char *call, const char *what);
Status gpu_cudnn_failure(cudnnStatus_t error, const char *call, const char *what);
Status gpu_cublas_failure(cublasStatus_t error, const char *call, const char *what);
bool gpu_cudnn_out_of_memory(cudnnStatus_t error);

#define GPU_CHECK(type, success, failure, call, what)                                              \
    do {                                                                                           \
        type gpu_error_ = (call);                                                                  \
        if (gpu_error_ != (success)) {                                                             \
            status = failure(gpu_error_, #call, what);                                             \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#define CUDA_CHECK(call, what) GPU_CHECK(cudaError_t, cudaSuccess, gpu_cuda_failure, call, what)
#define CUDNN_CHECK(call, what)                                                                    \
    GPU_CHECK(cudnnStatus_t, CUDNN_STATUS_SUCCESS, gpu_cudnn_failure, call, what)
#define CUBLAS_CHECK(call, what)                                                                   \
    GPU_CHECK(cublasStatus_t, CUBLAS_STATUS_SUCCESS, gpu_cublas_failure, call, what)

#endif
