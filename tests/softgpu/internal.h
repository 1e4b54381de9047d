/* What the files of the software GPU's runtime share.
 *
 * An Operation is work for the device. It waits in a stream as an Entry, or it is a Node of a
 * graph. streams.cpp holds the queues, schedule.cpp runs them, order.cpp knows what is ordered
 * before what, capture.cpp builds and replays graphs. One host thread. */
#ifndef SOFTGPU_INTERNAL_H
#define SOFTGPU_INTERNAL_H

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "softgpu.h"

namespace softgpu {

/* How many operations of each stream are known to come before: a is ordered before b when b's clock
 * has reached a's number in a's stream. */
using Clock = std::map<unsigned, uint64_t>;
void merge(Clock *into, const Clock &from);

/* One recording of an event, or one launch of a graph. */
struct Record {
    bool done = false;
    double seconds = 0; /* when it ran */
    Clock clock;
};

struct Operation {
    std::string name;
    std::function<void()> run; /* empty: only a mark in the stream */
    std::vector<SoftgpuRange> scratch;
    SoftgpuRange host = {}; /* host memory that a copy uses; 0 bytes: none */
};

struct Node {
    Operation operation;
    std::vector<int> after, next; /* the nodes that it waits for; that wait for it */
    std::vector<bool> ancestors;  /* [node]: ordered before this one */
};

struct Graph {
    std::vector<Node> nodes;
};

/* A launched graph, partly executed. */
struct Replay {
    std::shared_ptr<const Graph> graph;
    std::vector<int> waits; /* [node]: nodes that it still waits for */
    std::vector<int> ready;
    size_t left;
    unsigned manner; /* of choosing among the ready: any, the oldest, the newest */
};

struct Entry {
    Operation operation;
    std::unique_ptr<Replay> replay; /* when it is a graph */
    std::vector<std::shared_ptr<Record>> needs;
    std::shared_ptr<Record> sets;
};

struct Capture {
    cudaStreamCaptureMode mode;
    cudaStream_t origin;
    std::vector<cudaStream_t> streams; /* the origin and those that joined it */
    std::shared_ptr<Graph> graph;
    bool invalid = false;
    bool open = true;
};

} // namespace softgpu

/* Destroyed handles stay allocated, so that a use of one can be told. */
struct CUstream_st {
    unsigned id;
    bool live = true;
    std::deque<softgpu::Entry> queue;
    softgpu::Clock clock;
    std::shared_ptr<softgpu::Capture> capture; /* while it captures */
    std::vector<int> tail;                     /* the nodes that its next node waits for */
};

struct CUevent_st {
    bool live = true;
    unsigned flags = 0;
    std::shared_ptr<softgpu::Record> record;   /* NULL: never recorded */
    std::shared_ptr<softgpu::Capture> capture; /* when it was last recorded in a capture */
    std::vector<int> tail;
};

namespace softgpu {

/* runtime.cpp */
cudaError_t result(cudaError_t error); /* remembers an error for cudaGetLastError() */
uint64_t below(uint64_t n);            /* random in [0, n), n > 0 */
double seconds_now();

/* memory.cpp */
void open_memory();  /* device memory becomes accessible, */
void close_memory(); /* and faults again */
/* At a fault: true when it was the device's first touch of an allocation, which is now open. */
bool open_touched(const void *p);
/* Dies when something wrote beside an allocation that is open. `name`: who ran last. */
void check_canaries(const char *name);
bool on_host_pinned(const void *p, size_t bytes);
/* True when p points into a live allocation on the device or in pinned memory, or at its end. */
bool is_known_pointer(const void *p);
/* What is at an address that must not be touched; empty: nothing of ours. */
std::string describe_address(const void *p);
int report_memory_leaks();

/* fault.cpp */
void watch_faults();        /* (again) installs the handler of SIGSEGV */
extern const char *running; /* the operation that runs now; NULL: the host */

/* kernel.cpp */
std::string describe_kernel_address(const void *p);

/* order.cpp */
void advance(cudaStream_t stream);   /* a new operation is put into this stream */
void host_knows(const Clock &clock); /* the host has waited for these operations */
void check_scratch(cudaStream_t stream, const std::string &name,
                   const std::vector<SoftgpuRange> &scratch);
bool overlaps(const SoftgpuRange &a, const SoftgpuRange &b);
[[noreturn]] void die_of_shared_scratch(const std::string &a, const std::string &b);

/* streams.cpp */
extern std::vector<cudaStream_t> streams; /* all that are live or still have work */
void check_stream(cudaStream_t stream, const char *call);
cudaError_t enqueue(cudaStream_t stream, Operation operation);

/* schedule.cpp */
void run_until(const std::function<bool()> &done, cudaStream_t wanted);
void run_part(); /* a random part of what waits */
void run_all();
void discard_all(); /* what waits never runs, as after a fault of the device */
void perform(const Operation &operation);

/* capture.cpp */
cudaError_t capture_operation(cudaStream_t stream, Operation operation);
/* For calls that a capture forbids: cudaSuccess when there is none. */
cudaError_t forbidden_in_capture();
cudaError_t invalidate(Capture *capture, cudaError_t error);
cudaError_t capture_wait(cudaStream_t stream, cudaEvent_t event);
void replay_one(Replay *replay);

} // namespace softgpu

#endif
