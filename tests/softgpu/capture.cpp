/* Capturing streams into graphs, and launching these.
 *
 * While streams capture, their operations become nodes; a node waits for its stream's tail. An
 * event recorded in a capture carries the tail along: a stream that waits for it joins the capture.
 */
#include <algorithm>

#include "internal.h"

struct CUgraph_st {
    bool live = true;
    std::shared_ptr<softgpu::Graph> graph;
};

struct CUgraphExec_st {
    bool live = true;
    std::shared_ptr<const softgpu::Graph> graph;
    std::vector<SoftgpuRange> scratch;     /* of all its nodes */
    std::shared_ptr<softgpu::Record> last; /* launch; NULL: none yet */
};

namespace softgpu {

static std::vector<std::shared_ptr<Capture>> captures; /* that are open */

cudaError_t invalidate(Capture *capture, cudaError_t error) {
    capture->invalid = true;
    return error;
}

cudaError_t forbidden_in_capture() {
    cudaError_t error = cudaSuccess;
    for (auto &capture : captures)
        if (capture->mode != cudaStreamCaptureModeRelaxed)
            error = invalidate(capture.get(), cudaErrorStreamCaptureUnsupported);
    return error;
}

cudaError_t capture_operation(cudaStream_t stream, Operation operation) {
    Capture *capture = stream->capture.get();
    if (capture->invalid)
        return cudaErrorStreamCaptureInvalidated;
    std::vector<Node> &nodes = capture->graph->nodes;
    int own = (int)nodes.size();
    Node node;
    node.after = stream->tail;
    node.ancestors.resize(own);
    for (int before : node.after) {
        nodes[before].next.push_back(own);
        node.ancestors[before] = true;
        for (int i = 0; i < before; i++)
            if (nodes[before].ancestors[i])
                node.ancestors[i] = true;
    }
    for (int i = 0; i < own; i++)
        for (const SoftgpuRange &theirs : nodes[i].operation.scratch)
            for (const SoftgpuRange &ours : operation.scratch)
                if (!node.ancestors[i] && overlaps(theirs, ours))
                    die_of_shared_scratch(nodes[i].operation.name, operation.name);
    node.operation = std::move(operation);
    nodes.push_back(std::move(node));
    stream->tail = {own};
    return cudaSuccess;
}

cudaError_t capture_wait(cudaStream_t stream, cudaEvent_t event) {
    std::shared_ptr<Capture> capture = event->capture;
    if (!capture->open)
        return cudaErrorCapturedEvent;
    if (stream->capture && stream->capture != capture) {
        stream->capture->invalid = true;
        return invalidate(capture.get(), cudaErrorStreamCaptureMerge);
    }
    if (capture->invalid)
        return cudaErrorStreamCaptureInvalidated;
    if (!stream->capture) {
        stream->capture = capture;
        stream->tail.clear();
        capture->streams.push_back(stream);
    }
    for (int node : event->tail)
        if (std::find(stream->tail.begin(), stream->tail.end(), node) == stream->tail.end())
            stream->tail.push_back(node);
    return cudaSuccess;
}

/* Every branch's last nodes come before what the origin would do next. */
static bool all_joined(const Capture &capture) {
    const std::vector<Node> &nodes = capture.graph->nodes;
    std::vector<bool> known(nodes.size());
    for (int last : capture.origin->tail) {
        known[last] = true;
        for (int i = 0; i < last; i++)
            if (nodes[last].ancestors[i])
                known[i] = true;
    }
    for (cudaStream_t stream : capture.streams)
        for (int node : stream->tail)
            if (!known[node])
                return false;
    return true;
}

static void close_capture(const std::shared_ptr<Capture> &capture) {
    capture->open = false;
    captures.erase(std::find(captures.begin(), captures.end(), capture));
    for (cudaStream_t stream : capture->streams) {
        stream->capture.reset();
        stream->tail.clear();
    }
}

void replay_one(Replay *replay) {
    size_t n = replay->ready.size();
    size_t chosen = replay->manner == 0 ? below(n) : replay->manner == 1 ? 0 : n - 1;
    int node = replay->ready[chosen];
    replay->ready.erase(replay->ready.begin() + chosen);
    perform(replay->graph->nodes[node].operation);
    for (int next : replay->graph->nodes[node].next)
        if (--replay->waits[next] == 0)
            replay->ready.push_back(next);
    replay->left--;
}

static std::unique_ptr<Replay> new_replay(const std::shared_ptr<const Graph> &graph) {
    auto replay = std::make_unique<Replay>();
    replay->graph = graph;
    replay->left = graph->nodes.size();
    replay->manner = (unsigned)below(3);
    for (size_t i = 0; i < graph->nodes.size(); i++) {
        replay->waits.push_back((int)graph->nodes[i].after.size());
        if (replay->waits[i] == 0)
            replay->ready.push_back((int)i);
    }
    return replay;
}

template <class Handle> static void check_handle(Handle handle, const char *call) {
    if (!handle || !handle->live)
        softgpu_die("%s: the graph is NULL or was destroyed", call);
}

} // namespace softgpu

using namespace softgpu;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    check_stream(stream, "cudaStreamBeginCapture");
    if (stream->capture)
        return result(cudaErrorIllegalState);
    if (softgpu_fails("capture"))
        return result(cudaErrorMemoryAllocation);
    auto capture = std::make_shared<Capture>();
    capture->mode = mode;
    capture->origin = stream;
    capture->streams = {stream};
    capture->graph = std::make_shared<Graph>();
    captures.push_back(capture);
    stream->capture = capture;
    stream->tail.clear();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    check_stream(stream, "cudaStreamEndCapture");
    *graph = nullptr;
    std::shared_ptr<Capture> capture = stream->capture;
    if (!capture)
        return result(cudaErrorIllegalState);
    if (stream != capture->origin)
        return result(invalidate(capture.get(), cudaErrorStreamCaptureUnmatched));
    bool joined = all_joined(*capture);
    close_capture(capture);
    if (softgpu_fails("capture") || capture->invalid)
        return result(cudaErrorStreamCaptureInvalidated);
    if (!joined)
        return result(cudaErrorStreamCaptureUnjoined);
    *graph = new CUgraph_st;
    (*graph)->graph = capture->graph;
    softgpu_count("graphs", 1);
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
    check_handle(graph, "cudaGraphGetNodes");
    std::vector<Node> &all = graph->graph->nodes;
    if (!nodes)
        *count = all.size();
    for (size_t i = 0; nodes && i < *count; i++)
        nodes[i] = i < all.size() ? (cudaGraphNode_t)&all[i] : nullptr;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph,
                                          unsigned long long flags) {
    check_handle(graph, "cudaGraphInstantiateWithFlags");
    if (flags)
        softgpu_die("cudaGraphInstantiateWithFlags: flags are not supported");
    if (softgpu_fails("instantiate"))
        return result(cudaErrorMemoryAllocation);
    *exec = new CUgraphExec_st;
    (*exec)->graph = graph->graph;
    for (const Node &node : graph->graph->nodes)
        for (const SoftgpuRange &range : node.operation.scratch) {
            auto same = [&](const SoftgpuRange &r) {
                return r.begin == range.begin && r.bytes == range.bytes;
            };
            std::vector<SoftgpuRange> &all = (*exec)->scratch;
            if (std::find_if(all.begin(), all.end(), same) == all.end())
                all.push_back(range);
        }
    softgpu_count("graph executables", 1);
    return cudaSuccess;
}

/* One operation of the stream; a launch of the same executable waits for the one before. */
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    check_stream(stream, "cudaGraphLaunch");
    check_handle(exec, "cudaGraphLaunch");
    if (stream->capture)
        softgpu_die("cudaGraphLaunch: graphs within graphs are not supported");
    if (softgpu_fails("graph_launch"))
        return result(cudaErrorLaunchFailure);
    Entry entry;
    advance(stream);
    if (exec->last) {
        entry.needs.push_back(exec->last);
        merge(&stream->clock, exec->last->clock);
    }
    check_scratch(stream, "cudaGraphLaunch", exec->scratch);
    exec->last = std::make_shared<Record>();
    exec->last->clock = stream->clock;
    entry.sets = exec->last;
    entry.replay = new_replay(exec->graph);
    stream->queue.push_back(std::move(entry));
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    check_handle(graph, "cudaGraphDestroy");
    graph->live = false;
    graph->graph.reset();
    softgpu_count("graphs", -1);
    return cudaSuccess;
}

/* A launch that waits keeps what it needs. */
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    check_handle(exec, "cudaGraphExecDestroy");
    exec->live = false;
    exec->graph.reset();
    softgpu_count("graph executables", -1);
    return cudaSuccess;
}
