/* Time as the card sees it: events on the main lane, where every step begins and ends. */
#include <stdlib.h>

#include "gpu/gpu.h"

/* Events up to number `mark`. */
static Status make_marks(GpuBackend *gpu, int mark) {
    Status status = STATUS_OK;
    if (mark < gpu->mark_count)
        return status;
    cudaEvent_t *more = realloc(gpu->marks, ((size_t)mark + 1) * sizeof *more);
    if (!more)
        return status_fail(STATUS_NO_MEMORY, "no memory for %d marks", mark + 1);
    gpu->marks = more;
    for (; gpu->mark_count <= mark; gpu->mark_count++)
        CUDA_CHECK(cudaEventCreateWithFlags(&gpu->marks[gpu->mark_count], cudaEventDefault),
                   "timing");
out:
    return status;
}

Status gpu_mark(Backend *backend, int mark) {
    Status status = STATUS_OK;
    GpuBackend *gpu = gpu_backend_of(backend);
    if (mark < 0)
        return status_fail(STATUS_BAD_INPUT, "mark %d: they are numbered from 0", mark);
    TRY(make_marks(gpu, mark));
    CUDA_CHECK(cudaEventRecord(gpu->marks[mark], gpu->lane[LANE_MAIN].stream), "timing");
out:
    return status;
}

Status gpu_between(Backend *backend, int first, int second, double *seconds) {
    Status status = STATUS_OK;
    GpuBackend *gpu = gpu_backend_of(backend);
    float ms;
    if (first < 0 || second < 0 || first >= gpu->mark_count || second >= gpu->mark_count)
        return status_fail(STATUS_BAD_INPUT, "time between marks %d and %d: there are %d", first,
                           second, gpu->mark_count);
    CUDA_CHECK(cudaEventSynchronize(gpu->marks[second]), "timing");
    CUDA_CHECK(cudaEventElapsedTime(&ms, gpu->marks[first], gpu->marks[second]), "timing");
    *seconds = 1e-3 * (double)ms;
out:
    return status;
}

void gpu_marks_destroy(GpuBackend *gpu) {
    for (int i = 0; i < gpu->mark_count; i++)
        cudaEventDestroy(gpu->marks[i]);
    free(gpu->marks);
}
