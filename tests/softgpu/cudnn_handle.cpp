#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "cudnn_objects.h"

struct cudnnContext {
    cudaStream_t stream;
    bool destroyed;
};

namespace softdnn {
namespace {

std::mutex mutex;
/* Destroyed ones stay, so that a later use is recognised. */
std::unordered_map<const void *, std::unique_ptr<cudnnContext>> handles;
thread_local std::string last_error;

cudnnContext &live_handle(cudnnHandle_t handle, const char *call) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = handles.find(handle);
    if (found == handles.end()) {
        softgpu_die("%s: %p is no cuDNN handle", call, (void *)handle);
    }
    if (found->second->destroyed) {
        softgpu_die("%s: the cuDNN handle %p was destroyed", call, (void *)handle);
    }
    return *found->second;
}

} // namespace

cudnnStatus_t fail(cudnnStatus_t status, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    last_error = text;
    return status;
}

cudaStream_t handle_stream(cudnnHandle_t handle, const char *call) {
    return live_handle(handle, call).stream;
}

} // namespace softdnn

using namespace softdnn;

size_t cudnnGetVersion(void) {
    return CUDNN_VERSION;
}

void cudnnGetLastErrorString(char *message, size_t max_size) {
    if (message && max_size > 0) {
        snprintf(message, max_size, "%s", last_error.c_str());
        last_error.clear();
    }
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    if (!handle) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "cudnnCreate: no place for the handle");
    }
    int count = 0;
    if (softgpu_fails("cudnn_create") || cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
        return fail(CUDNN_STATUS_NOT_INITIALIZED, "cudnnCreate: no device can be used");
    }
    auto made = std::make_unique<cudnnContext>(cudnnContext{nullptr, false});
    *handle = made.get();
    std::lock_guard<std::mutex> lock(mutex);
    handles[*handle] = std::move(made);
    softgpu_count("cuDNN handle", 1);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    if (!handle) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "cudnnDestroy: the handle is NULL");
    }
    live_handle(handle, "cudnnDestroy").destroyed = true;
    softgpu_count("cuDNN handle", -1);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    if (!handle) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "cudnnSetStream: the handle is NULL");
    }
    live_handle(handle, "cudnnSetStream").stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

#define STATUS(name)                                                                               \
    case name:                                                                                     \
        return #name

const char *cudnnGetErrorString(cudnnStatus_t status) {
    switch (status) {
        STATUS(CUDNN_STATUS_SUCCESS);
        STATUS(CUDNN_STATUS_NOT_INITIALIZED);
        STATUS(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH);
        STATUS(CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED);
        STATUS(CUDNN_STATUS_BAD_PARAM);
        STATUS(CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        STATUS(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
        STATUS(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
        STATUS(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
        STATUS(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
        STATUS(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH);
        STATUS(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        STATUS(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES);
        STATUS(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
        STATUS(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
        STATUS(CUDNN_STATUS_NOT_SUPPORTED);
        STATUS(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN);
        STATUS(CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
        STATUS(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
        STATUS(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
        STATUS(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
        STATUS(CUDNN_STATUS_INTERNAL_ERROR);
        STATUS(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
        STATUS(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
        STATUS(CUDNN_STATUS_EXECUTION_FAILED);
        STATUS(CUDNN_STATUS_EXECUTION_FAILED_CUDART);
    }
    return "CUDNN_UNKNOWN_STATUS";
}
