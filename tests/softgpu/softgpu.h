/* The software GPU: a small CUDA runtime, cuDNN and cuBLAS that run gpu/ on the CPU, and look for
 * trouble while they do. What its files share, and what tests may ask of it (C and C++).
 *
 * runtime.cpp memory.cpp streams.cpp capture.cpp kernel.cpp   CUDA runtime and kernels
 * cudnn*.cpp cublas.cpp                                       the libraries
 *
 * A violation of CUDA's rules prints one line "softgpu: KERNEL-OR-CALL: what was wrong" on stderr
 * and aborts; an injected or a lawful failure is returned as an error code. */
#ifndef SOFTGPU_H
#define SOFTGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- for tests ---- */

/* The order of blocks, threads and streams follows from this; SOFTGPU_SEED sets it at start. */
void softgpu_seed(uint64_t seed);
/* The nth call from now on (1: the next) of this kind fails with the error that a card would give:
 * "alloc", "host_alloc", "launch", "memcpy", "stream", "event", "capture", "instantiate",
 * "graph_launch", "sync", "plan" (finalising an execution plan), "descriptor", "cudnn_create",
 * "execute", "cublas_create", "gemm", "device" (cudaGetDeviceCount), "nccl_id", "nccl_init",
 * "nccl_group" (beginning and ending), "nccl_send", "nccl_recv", "nccl_async" (a link that breaks,
 * as ncclCommGetAsyncError() tells). "memcpy" stands for memsets
 * too, "event" for making, recording and waiting in a stream, "capture" for beginning and ending,
 * "sync" for waiting on a stream or an event: after its failure nothing that waited ever runs.
 * One kind at a time; n 0: no more failures.
 * SOFTGPU_FAIL=kind:n does the same at start. */
void softgpu_fail(const char *kind, int n);
/* How many calls of this kind were made since the last softgpu_fail() or the start. */
int softgpu_calls(const char *kind);
/* What is still allocated: device and pinned blocks, streams, events, graphs, descriptors, handles.
 * Names each on stderr. */
int softgpu_leaks(void);
/* Makes the software GPU pretend to be a card of this compute capability (default 9, 0). */
void softgpu_capability(int major, int minor);
/* How many devices there are (default 1, SOFTGPU_DEVICES sets it at start). A process uses one of
 * them; they are alike, and differ in what cudaDeviceProp.uuid says. SOFTGPU_NAME, read at the
 * start, is what this process takes them for (default "software GPU"). */
void softgpu_devices(int count);
/* Its memory (default 4 GiB). */
void softgpu_card(size_t bytes);

/* ---- for the libraries built on the runtime ---- */

/* True when a call of this kind is to fail now; counts the call. */
bool softgpu_fails(const char *kind);
/* Prints "softgpu: message" and aborts. */
void softgpu_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
uint64_t softgpu_random(void);
int softgpu_device(void); /* the one that cudaSetDevice() has chosen */
/* True when [p, p + bytes) lies inside one live device allocation. Host code may ask any time. */
bool softgpu_on_device(const void *p, size_t bytes);
/* Counts things for softgpu_leaks(): +1 when one is made, -1 when it is destroyed. */
void softgpu_count(const char *what, int change);

#ifdef __cplusplus
}

#include <functional>
#include <vector>

/* Memory that an operation uses for itself. Two operations whose order nothing fixes (no stream, no
 * event between them) must not share it: found when the second one is enqueued, and fatal. */
struct SoftgpuRange {
    const void *begin;
    size_t bytes;
};

/* Puts an operation into a stream (or into the graph that the stream is capturing, as one node).
 * `run` is called later, when device memory is open. Returns what the call should return: an error
 * of capture, or cudaSuccess. */
cudaError_t softgpu_enqueue(cudaStream_t stream, const char *name, std::function<void()> run,
                            const std::vector<SoftgpuRange> &scratch);
#endif

#endif
