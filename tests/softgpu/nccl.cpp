/* NCCL as far as gpu/ uses it: communicators of processes on one machine, and what they send and
 * receive in groups. Data moves when the stream gets there, as on a card. */
#include "nccl.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_map>

#include <unistd.h>

#include "nccl_wires.h"
#include "softgpu.h"

using softgpu::Wire;

struct ncclComm {
    int mine = 0;
    std::vector<int> sockets; /* by rank */
    ncclResult_t state = ncclSuccess;
    int enqueued = 0; /* groups that have yet to run */
    bool live = true;
};

namespace {

struct Transfer {
    bool sends;
    const void *buffer;
    size_t count;
    int peer;
};

/* The calls since ncclGroupStart(), all of one communicator and one stream. */
struct Group {
    int depth = 0;
    ncclComm_t comm = nullptr;
    cudaStream_t stream = nullptr;
    std::vector<Transfer> transfers;
};

Group group;
std::string last_error;
/* Destroyed ones stay, so that a later use is recognised. */
std::unordered_map<const void *, std::unique_ptr<ncclComm>> comms;

ncclComm *live(ncclComm_t comm, const char *call) {
    auto found = comms.find(comm);
    if (found == comms.end())
        softgpu_die("%s: %p is no communicator", call, (void *)comm);
    if (!found->second->live)
        softgpu_die("%s: the communicator was destroyed", call);
    return found->second.get();
}

ncclResult_t fails(ncclResult_t result, const std::string &why) {
    last_error = why;
    return result;
}

Wire wire_of(const ncclComm &comm, const Transfer &t, size_t bytes) {
    return {comm.sockets[(size_t)t.peer], t.sends, std::vector<char>(bytes)};
}

/* Both ends must speak of as many elements; each tells the other before it sends them. */
bool counts_agree(const ncclComm &comm, const std::vector<Transfer> &transfers) {
    std::vector<Wire> wires;
    for (const Transfer &t : transfers) {
        wires.push_back(wire_of(comm, t, sizeof t.count));
        if (t.sends)
            memcpy(wires.back().bytes.data(), &t.count, sizeof t.count);
    }
    if (!softgpu::transfer(&wires))
        return false;
    for (size_t i = 0; i < transfers.size(); i++) {
        size_t sent;
        memcpy(&sent, wires[i].bytes.data(), sizeof sent);
        if (sent != transfers[i].count)
            softgpu_die("ncclRecv: %zu elements are expected, and %zu were sent",
                        transfers[i].count, sent);
    }
    return true;
}

bool move(const ncclComm &comm, const std::vector<Transfer> &transfers) {
    std::vector<Wire> wires;
    for (const Transfer &t : transfers) {
        wires.push_back(wire_of(comm, t, t.count * sizeof(double)));
        if (t.sends)
            memcpy(wires.back().bytes.data(), t.buffer, wires.back().bytes.size());
    }
    if (!softgpu::transfer(&wires))
        return false;
    for (size_t i = 0; i < transfers.size(); i++)
        if (!transfers[i].sends)
            memcpy(const_cast<void *>(transfers[i].buffer), wires[i].bytes.data(),
                   wires[i].bytes.size());
    return true;
}

/* On the device. A broken link is told by ncclCommGetAsyncError(), and nothing has arrived. */
void run(ncclComm *comm, const std::vector<Transfer> &transfers) {
    comm->enqueued--;
    if (comm->live && !(counts_agree(*comm, transfers) && move(*comm, transfers)))
        comm->state = fails(ncclRemoteError, "another process has gone");
}

void end(ncclComm *comm) {
    for (int socket : comm->sockets)
        close(socket);
    comm->live = false;
    softgpu_count("NCCL communicators", -1);
}

/* Two processes on one device are refused, as NCCL does. */
bool devices_differ(const ncclComm &comm) {
    std::vector<Wire> wires;
    int32_t mine = softgpu_device(), other;
    for (int socket : comm.sockets)
        for (bool sends : {true, false})
            if (socket >= 0) {
                Wire wire = {socket, sends, std::vector<char>(sizeof mine)};
                memcpy(wire.bytes.data(), &mine, sizeof mine);
                wires.push_back(wire);
            }
    std::vector<int32_t> all = {mine};
    if (!softgpu::transfer(&wires))
        return false;
    for (const Wire &wire : wires)
        if (!wire.sends) {
            memcpy(&other, wire.bytes.data(), sizeof other);
            for (int32_t known : all)
                if (known == other)
                    return false;
            all.push_back(other);
        }
    return true;
}

void check_buffer(const char *call, const void *buffer, size_t count) {
    if ((uintptr_t)buffer % sizeof(double) || !softgpu_on_device(buffer, count * sizeof(double)))
        softgpu_die("%s: %zu doubles at %p do not lie in one device allocation", call, count,
                    buffer);
    for (const Transfer &t : group.transfers) {
        uintptr_t a = (uintptr_t)buffer, b = (uintptr_t)t.buffer;
        if (a < b + t.count * sizeof(double) && b < a + count * sizeof(double))
            softgpu_die("%s: the buffer overlaps another of its group", call);
    }
}

ncclResult_t add(const char *call, const char *kind, ncclComm_t comm, cudaStream_t stream,
                 ncclDataType_t type, const Transfer &t) {
    if (!comm)
        return fails(ncclInvalidArgument, "the communicator is NULL");
    int ranks = (int)live(comm, call)->sockets.size();
    if (group.depth == 0)
        softgpu_die("%s: outside of a group it waits for its partner, who may wait for it", call);
    if (group.comm && (group.comm != comm || group.stream != stream))
        softgpu_die("%s: one communicator and one stream a group is all there is here", call);
    if (t.peer < 0 || t.peer >= ranks || t.peer == comm->mine)
        return fails(ncclInvalidArgument, "there is no such peer");
    if (type != ncclFloat64)
        softgpu_die("%s: doubles are all there is here", call);
    if (softgpu_fails(kind))
        return fails(ncclInternalError, "asked to fail");
    check_buffer(call, t.buffer, t.count);
    group.comm = comm;
    group.stream = stream;
    group.transfers.push_back(t);
    return ncclSuccess;
}

} // namespace

ncclResult_t ncclGetVersion(int *version) {
    *version = 22703;
    return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
    static int made = 0;
    unsigned random;
    if (softgpu_fails("nccl_id") || getentropy(&random, sizeof random))
        return fails(ncclSystemError, "asked to fail");
    memset(id, 0, sizeof *id);
    snprintf(id->internal, sizeof id->internal, "softgpu-nccl-%ld-%d-%u", (long)getpid(), made++,
             random);
    return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank) {
    *comm = nullptr;
    if (ranks < 1 || rank < 0 || rank >= ranks)
        return fails(ncclInvalidArgument, "there is no such rank");
    if (softgpu_fails("nccl_init"))
        return fails(ncclInternalError, "asked to fail");
    auto made = std::make_unique<ncclComm>();
    made->mine = rank;
    made->sockets = softgpu::connect_all(id.internal, ranks, rank);
    if (made->sockets.empty())
        return fails(ncclSystemError, "no sockets to the other processes");
    if (!devices_differ(*made)) {
        for (int socket : made->sockets)
            close(socket);
        return fails(ncclInvalidUsage, "two processes use the same device, or one has gone");
    }
    *comm = made.get();
    comms[*comm] = std::move(made);
    softgpu_count("NCCL communicators", 1);
    return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    if (!comm)
        return ncclSuccess;
    live(comm, "ncclCommDestroy");
    if (comm->enqueued)
        softgpu_die("ncclCommDestroy: something that was enqueued has yet to run");
    end(comm);
    return ncclSuccess;
}

/* What was enqueued never runs. */
ncclResult_t ncclCommAbort(ncclComm_t comm) {
    if (comm)
        end(live(comm, "ncclCommAbort"));
    return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error) {
    live(comm, "ncclCommGetAsyncError");
    if (softgpu_fails("nccl_async"))
        comm->state = fails(ncclRemoteError, "asked to fail");
    *error = comm->state;
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result) {
    switch (result) {
    case ncclSuccess:
        return "no error";
    case ncclUnhandledCudaError:
        return "unhandled cuda error";
    case ncclSystemError:
        return "unhandled system error";
    case ncclInternalError:
        return "internal error";
    case ncclInvalidArgument:
        return "invalid argument";
    case ncclInvalidUsage:
        return "invalid usage";
    case ncclRemoteError:
        return "remote process exited or there was a network error";
    case ncclInProgress:
        return "NCCL operation in progress";
    }
    return "unknown result code";
}

const char *ncclGetLastError(ncclComm_t) {
    return last_error.c_str();
}

ncclResult_t ncclGroupStart(void) {
    if (softgpu_fails("nccl_group"))
        return fails(ncclInternalError, "asked to fail");
    group.depth++;
    return ncclSuccess;
}

ncclResult_t ncclSend(const void *buffer, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
    return add("ncclSend", "nccl_send", comm, stream, type, {true, buffer, count, peer});
}

ncclResult_t ncclRecv(void *buffer, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
    return add("ncclRecv", "nccl_recv", comm, stream, type, {false, buffer, count, peer});
}

ncclResult_t ncclGroupEnd(void) {
    if (group.depth == 0)
        return fails(ncclInvalidUsage, "no group has begun");
    if (--group.depth > 0)
        return ncclSuccess;
    Group ended = std::move(group);
    group = Group();
    if (softgpu_fails("nccl_group"))
        return fails(ncclInternalError, "asked to fail");
    if (!ended.comm)
        return ncclSuccess;
    ncclComm *comm = ended.comm;
    comm->enqueued++;
    cudaError_t error =
        softgpu_enqueue(ended.stream, "nccl:group", [=] { run(comm, ended.transfers); }, {});
    return error == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}
