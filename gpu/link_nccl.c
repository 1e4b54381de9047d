/* Sums of shares from card to card over NCCL: pairs send and receive along the tree, level by
 * level, and add what they got. A reduction of NCCL's own (ncclAllReduce) adds in an order that
 * depends on the number of cards and on how they are wired, so it would not give the same bits. */
#include <nccl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/share_sum.h"

struct GpuLink {
    ncclComm_t comm;
    cudaEvent_t done;
    bool broken; /* what was enqueued may wait for ever */
};

_Static_assert(sizeof(ncclUniqueId) == sizeof(LinkName), "a name is NCCL's unique id");

static Status nccl_failure(ncclResult_t error, const char *call, const char *what) {
    const char *detail = ncclGetLastError(NULL);
    cudaGetLastError(); /* what the library met underneath */
    return status_fail(STATUS_BACKEND, "%s: %.*s: %s%s%s", what, (int)strcspn(call, "("), call,
                       ncclGetErrorString(error), detail && detail[0] ? ": " : "",
                       detail ? detail : "");
}

#define NCCL_CHECK(call, what) GPU_CHECK(ncclResult_t, ncclSuccess, nccl_failure, call, what)

static const char joining[] = "linking the cards of all processes";
static const char exchanging[] = "exchanging gradients between cards";

static Status link_name(LinkName *name) {
    Status status = STATUS_OK;
    ncclUniqueId id;
    NCCL_CHECK(ncclGetUniqueId(&id), joining);
    memcpy(name, &id, sizeof id);
out:
    return status;
}

static Status join(ShareSum *base, const LinkName *name, int ranks, int mine) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    Status status = STATUS_OK;
    ncclUniqueId id;
    memcpy(&id, name, sizeof id);
    GpuLink *link = sum->link = calloc(1, sizeof *link);
    if (!link)
        return status_fail(STATUS_NO_MEMORY, "no memory to link cards");
    CUDA_CHECK(cudaEventCreateWithFlags(&link->done, cudaEventDisableTiming), joining);
    NCCL_CHECK(ncclCommInitRank(&link->comm, ranks, id, mine), joining);
out:
    return status;
}

/* Both directions are one group: neither waits for the other. A group that was begun is ended. */
static Status swap(const GpuShareSum *sum, cudaStream_t stream, int partner) {
    Status status = STATUS_OK;
    ncclComm_t comm = sum->link->comm;
    NCCL_CHECK(ncclGroupStart(), exchanging);
    ncclResult_t sent = ncclSend(sum->vectors, sum->length, ncclFloat64, partner, comm, stream);
    ncclResult_t received = sent;
    if (sent == ncclSuccess)
        received = ncclRecv(sum->received, sum->length, ncclFloat64, partner, comm, stream);
    if (received != ncclSuccess)
        status = nccl_failure(received, sent == ncclSuccess ? "ncclRecv" : "ncclSend", exchanging);
    ncclResult_t ended = ncclGroupEnd();
    if (status == STATUS_OK && ended != ncclSuccess)
        status = nccl_failure(ended, "ncclGroupEnd", exchanging);
out:
    return status;
}

/* Until the device has done all; a link that breaks meanwhile would have it wait for ever. */
static Status wait_for(const GpuLink *link) {
    Status status = STATUS_OK;
    ncclResult_t state = ncclSuccess;
    cudaError_t done;
    do {
        done = cudaEventQuery(link->done);
        NCCL_CHECK(ncclCommGetAsyncError(link->comm, &state), exchanging);
        if (state != ncclSuccess)
            return nccl_failure(state, "a link has broken", exchanging);
        if (done == cudaErrorNotReady) {
            cudaGetLastError(); /* it is none that a later call should report */
            sched_yield();
        }
    } while (done == cudaErrorNotReady);
    if (done != cudaSuccess)
        status = gpu_cuda_failure(done, "cudaEventQuery", exchanging);
out:
    return status;
}

static Status exchange(ShareSum *base, int partner) {
    GpuShareSum *sum = gpu_share_sum_of(base);
    cudaStream_t stream = sum->state->gpu->lane[LANE_MAIN].stream;
    Status status = STATUS_OK;
    CHECK(swap(sum, stream, partner));
    CUDA_CHECK(share_add(stream, sum->vectors, sum->received, sum->length), exchanging);
    CUDA_CHECK(cudaEventRecord(sum->link->done, stream), exchanging);
    CHECK(wait_for(sum->link));
out:
    sum->link->broken = status != STATUS_OK;
    return status;
}

const ShareLinkOps *gpu_link(void) {
    static const ShareLinkOps nccl = {.name = link_name, .join = join, .exchange = exchange};
    return &nccl;
}

void gpu_link_version(char *libraries, size_t size) {
    size_t length = strlen(libraries);
    int version = 0;
    if (ncclGetVersion(&version) == ncclSuccess)
        snprintf(libraries + length, size - length, ", NCCL %d.%d.%d", version / 10000,
                 version % 10000 / 100, version % 100);
}

void gpu_link_leave(GpuLink *link) {
    if (!link)
        return;
    if (link->comm && link->broken)
        ncclCommAbort(link->comm);
    else if (link->comm)
        ncclCommDestroy(link->comm);
    if (link->done)
        cudaEventDestroy(link->done);
    free(link);
}
