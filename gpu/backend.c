/* Opening a card: lanes, libraries, and the plans of convolutions that all Programs share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/gpu.h"
#include "gpu/share_sum.h"
#include "net/table.h"

/* cuBLAS's scratch for the small linear layers of these nets; one a lane. */
enum { CUBLAS_WORKSPACE = 4 << 20 };

static void fill_info(GpuBackend *gpu, const struct cudaDeviceProp *prop) {
    BackendInfo *info = &gpu->base.info;
    int runtime = 0, driver = 0, blas[3] = {0};
    size_t cudnn = cudnnGetVersion();
    cudaRuntimeGetVersion(&runtime);
    cudaDriverGetVersion(&driver);
    for (int i = 0; i < 3; i++)
        cublasGetProperty((libraryPropertyType)i, &blas[i]);
    snprintf(info->device, sizeof info->device, "%.127s", prop->name);
    snprintf(info->libraries, sizeof info->libraries,
             "CUDA %d.%d, driver %d.%d, cuDNN %zu.%zu.%zu, cuBLAS %d.%d.%d", runtime / 1000,
             runtime % 1000 / 10, driver / 1000, driver % 1000 / 10, cudnn / 10000,
             cudnn % 10000 / 100, cudnn % 100, blas[0], blas[1], blas[2]);
    gpu_link_version(info->libraries, sizeof info->libraries);
    for (int i = 0, at = snprintf(info->unit, UNIT_SIZE, "GPU-"); i < 16; i++)
        at += snprintf(info->unit + at, UNIT_SIZE - (size_t)at, "%02x",
                       (unsigned char)prop->uuid.bytes[i]);
    snprintf(info->isa, sizeof info->isa, "sm_%d%d", gpu->major, gpu->minor);
    info->threads = 1;
}

static void lane_close(GpuLane *lane) {
    if (lane->cublas)
        cublasDestroy(lane->cublas);
    if (lane->cudnn)
        cudnnDestroy(lane->cudnn);
    gpu_free(lane->cublas_workspace);
    if (lane->stream)
        cudaStreamDestroy(lane->stream);
}

static void gpu_close(Backend *backend) {
    GpuBackend *gpu = gpu_backend_of(backend);
    for (int i = 0; i < gpu->plan_count; i++) {
        conv_plan_destroy(gpu->plans[i]);
        free(gpu->plans[i]);
    }
    free(gpu->plans);
    if (gpu->staging)
        cudaFreeHost(gpu->staging);
    gpu_marks_destroy(gpu);
    if (gpu->fork)
        cudaEventDestroy(gpu->fork);
    if (gpu->join)
        cudaEventDestroy(gpu->join);
    for (int i = 0; i < LANES; i++)
        lane_close(&gpu->lane[i]);
    free(gpu);
}

static Status lane_open(GpuBackend *gpu, GpuLane *lane) {
    Status status = STATUS_OK;
    const char *what = "opening the GPU";
    CUDA_CHECK(cudaStreamCreateWithFlags(&lane->stream, cudaStreamNonBlocking), what);
    CUDNN_CHECK(cudnnCreate(&lane->cudnn), what);
    CUDNN_CHECK(cudnnSetStream(lane->cudnn, lane->stream), what);
    CUBLAS_CHECK(cublasCreate(&lane->cublas), what);
    CUBLAS_CHECK(cublasSetStream(lane->cublas, lane->stream), what);
    CHECK(gpu_allocate(gpu, CUBLAS_WORKSPACE, false, what, 0, &lane->cublas_workspace));
    CUBLAS_CHECK(cublasSetWorkspace(lane->cublas, lane->cublas_workspace, CUBLAS_WORKSPACE), what);
out:
    return status;
}

/* No card is no error of the program's: the caller may go on with the CPU. */
static Status find_device(int *count) {
    cudaError_t error = cudaGetDeviceCount(count);
    if (error != cudaSuccess) {
        cudaGetLastError();
        return status_fail(STATUS_UNAVAILABLE, "backend gpu: no usable device: %s (%s)",
                           cudaGetErrorString(error), cudaGetErrorName(error));
    }
    if (*count < 1)
        return status_fail(STATUS_UNAVAILABLE, "backend gpu: the driver knows no device; is "
                                               "CUDA_VISIBLE_DEVICES set?");
    return STATUS_OK;
}

static Status gpu_open(const BackendOptions *options, Backend **backend) {
    Status status = STATUS_OK;
    struct cudaDeviceProp prop;
    const char *what = "opening the GPU";
    int count, device;
    TRY(find_device(&count));
    device = options->device % count; /* the threads asked for are the CPU's */
    GpuBackend *gpu = calloc(1, sizeof *gpu);
    if (!gpu)
        return status_fail(STATUS_NO_MEMORY, "no memory for the gpu backend");
    gpu->base.ops = &gpu_backend;
    CUDA_CHECK(cudaSetDevice(device), what);
    CUDA_CHECK(cudaGetDeviceProperties(&prop, device), what);
    CUDA_CHECK(cudaDeviceGetAttribute(&gpu->major, cudaDevAttrComputeCapabilityMajor, device),
               what);
    CUDA_CHECK(cudaDeviceGetAttribute(&gpu->minor, cudaDevAttrComputeCapabilityMinor, device),
               what);
    fill_info(gpu, &prop);
    CUDA_CHECK(cudaEventCreateWithFlags(&gpu->fork, cudaEventDisableTiming), what);
    CUDA_CHECK(cudaEventCreateWithFlags(&gpu->join, cudaEventDisableTiming), what);
    for (int i = 0; i < LANES; i++)
        CHECK(lane_open(gpu, &gpu->lane[i]));
out:
    if (status == STATUS_OK)
        *backend = &gpu->base;
    else
        gpu_close(&gpu->base);
    return status;
}

/* ---- plans ---- */

static Status remember(GpuBackend *gpu, ConvPlan *plan) {
    if (!table_grow((void **)&gpu->plans, gpu->plan_count, &gpu->plan_capacity, sizeof *gpu->plans))
        return status_fail(STATUS_NO_MEMORY, "no memory for the plan of a convolution");
    gpu->plans[gpu->plan_count++] = plan;
    return STATUS_OK;
}

Status gpu_conv_plan(GpuBackend *gpu, const ConvProblem *problem, const ConvPlan **result) {
    Lane lane = problem->direction == CONV_WEIGHT_GRADIENT ? LANE_SIDE : LANE_MAIN;
    for (int i = 0; i < gpu->plan_count; i++)
        if (memcmp(&gpu->plans[i]->problem, problem, sizeof *problem) == 0) {
            *result = gpu->plans[i];
            return STATUS_OK;
        }
    ConvPlan *plan = malloc(sizeof *plan);
    if (!plan)
        return status_fail(STATUS_NO_MEMORY, "no memory for the plan of a convolution");
    Status status = conv_plan_create(plan, problem, gpu->lane[lane].cudnn, NULL);
    if (status == STATUS_OK)
        status = remember(gpu, plan);
    if (status != STATUS_OK) {
        conv_plan_destroy(plan);
        free(plan);
        return status;
    }
    *result = plan;
    return STATUS_OK;
}

const BackendOps gpu_backend = {
    .name = "gpu",
    .summary = "cuDNN convolutions, cuBLAS and own fused kernels on NVIDIA GPUs, fp32, tf32, bf16",
    .native = PRECISION_FP32,
    .open = gpu_open,
    .close = gpu_close,
    .state_create = gpu_state_create,
    .state_destroy = gpu_state_destroy,
    .state_read = gpu_state_read,
    .state_write = gpu_state_write,
    .update = gpu_update,
    .dataset_create = gpu_dataset_create,
    .dataset_destroy = gpu_dataset_destroy,
    .compile = gpu_compile,
    .program_destroy = gpu_program_destroy,
    .forward = gpu_forward,
    .backward = gpu_backward,
    .train_step = gpu_train_step,
    .metrics = gpu_metrics,
    .metrics_wait = true,
    .tap_read = gpu_tap_read,
    .mark = gpu_mark,
    .between = gpu_between,
    .account = gpu_account,
    .describe = gpu_describe,
    .share_sums = &gpu_share_sums,
};
