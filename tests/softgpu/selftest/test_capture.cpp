/* Capture refuses what CUDA refuses, with its error; graphs replay what was captured. */
#include "testing.h"

#include <cmath>
#include <set>

/* Two streams and the events that fork and join them. */
struct Branches : Fixture {
    cudaStream_t branch = new_stream();
    cudaEvent_t forked = new_event(), joined = new_event();
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;

    explicit Branches(int count) : Fixture(count) {
    }
    ~Branches() {
        if (graph)
            cudaGraphDestroy(graph);
        if (exec)
            cudaGraphExecDestroy(exec);
        cudaStreamDestroy(branch);
        cudaEventDestroy(forked);
        cudaEventDestroy(joined);
        cudaGetLastError();
    }
    void begin() {
        CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    }
    void fork() {
        CUDA_OK(cudaEventRecord(forked, stream));
        CUDA_OK(cudaStreamWaitEvent(branch, forked, 0));
    }
    void join() {
        CUDA_OK(cudaEventRecord(joined, branch));
        CUDA_OK(cudaStreamWaitEvent(stream, joined, 0));
    }
    void end() {
        CUDA_OK(cudaStreamEndCapture(stream, &graph));
        CUDA_OK(cudaGraphInstantiateWithFlags(&exec, graph, 0));
    }
    size_t nodes() {
        size_t count = 0;
        CUDA_OK(cudaGraphGetNodes(graph, nullptr, &count));
        return count;
    }
};

static void share_scratch_of_branches() {
    Branches b(64);
    b.begin();
    b.fork();
    softgpu_enqueue(b.stream, "main", [] {}, {{b.x, 256}});
    softgpu_enqueue(b.branch, "branch", [] {}, {{b.x, 256}});
}

static void share_scratch_of_graphs() {
    Branches a(64), b(64);
    for (Branches *each : {&a, &b}) {
        each->begin();
        softgpu_enqueue(each->stream, "work", [] {}, {{a.x, 256}});
        each->end();
        cudaGraphLaunch(each->exec, each->stream);
    }
}

std::vector<Fault> capture_faults() {
    return {
        {"scratch shared by unordered branches", share_scratch_of_branches,
         "branch: its scratch memory is that of main, and nothing orders the two"},
        {"scratch shared by unordered graphs", share_scratch_of_graphs,
         "cudaGraphLaunch: its scratch memory is that of cudaGraphLaunch"},
        {"destroyed executable",
         [] {
             Branches b(64);
             b.begin();
             b.end();
             cudaGraphExecDestroy(b.exec);
             cudaGraphLaunch(b.exec, b.stream);
         },
         "cudaGraphLaunch: the graph is NULL or was destroyed"},
        {"stream destroyed in capture",
         [] {
             cudaStream_t stream = new_stream();
             cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
             cudaStreamDestroy(stream);
         },
         "the stream is capturing"},
    };
}

/* `call` is refused with `error` in a capture, which it spoils. */
static void refuse(cudaError_t error, cudaError_t (*call)(Branches &)) {
    Branches b(64);
    CUDA_OK(cudaEventRecord(b.joined, b.branch));
    b.begin();
    scale(b.x, 64, 2.0f, b.stream);
    CUDA_OK(cudaEventRecord(b.forked, b.stream));
    assert_string_equal(cudaGetErrorName(call(b)), cudaGetErrorName(error));
    assert_int_equal(cudaGetLastError(), error);
    scale(b.x, 64, 2.0f, b.stream);
    assert_int_equal(cudaGetLastError(), cudaErrorStreamCaptureInvalidated);
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorStreamCaptureInvalidated);
    assert_null(b.graph);
    assert_true(b.read(b.x, 64)[1] == 1.0f); /* out of the capture, and nothing of it has run */
}

static void capture_refuses_to_wait(void **) {
    refuse(cudaErrorStreamCaptureUnsupported,
           [](Branches &b) { return cudaStreamSynchronize(b.stream); });
    refuse(cudaErrorStreamCaptureUnsupported,
           [](Branches &b) { return cudaStreamSynchronize(b.branch); });
    refuse(cudaErrorCapturedEvent, [](Branches &b) { return cudaEventQuery(b.forked); });
    refuse(cudaErrorCapturedEvent, [](Branches &b) { return cudaEventSynchronize(b.forked); });
    refuse(cudaErrorStreamCaptureUnsupported, [](Branches &b) { return cudaEventQuery(b.joined); });
    refuse(cudaErrorStreamCaptureUnsupported,
           [](Branches &b) { return cudaEventSynchronize(b.joined); });
}

static void capture_refuses_allocation(void **) {
    static void *p;
    refuse(cudaErrorStreamCaptureUnsupported, [](Branches &) { return cudaMalloc(&p, 4); });
    refuse(cudaErrorStreamCaptureUnsupported, [](Branches &b) { return cudaFree(b.x); });
    refuse(cudaErrorStreamCaptureUnsupported,
           [](Branches &) { return cudaHostAlloc(&p, 4, cudaHostAllocDefault); });
    float *pinned = new_pinned(4);
    p = pinned;
    refuse(cudaErrorStreamCaptureUnsupported, [](Branches &) { return cudaFreeHost(p); });
    CUDA_OK(cudaFreeHost(pinned));
}

static void capture_refuses_pageable_memory(void **) {
    static float host[64];
    refuse(cudaErrorStreamCaptureUnsupported, [](Branches &b) {
        return cudaMemcpyAsync(b.x, host, 256, cudaMemcpyHostToDevice, b.stream);
    });
    refuse(cudaErrorStreamCaptureUnsupported, [](Branches &b) {
        return cudaMemcpyAsync(host, b.x, 256, cudaMemcpyDeviceToHost, b.stream);
    });
}

static void capture_refuses_events_from_outside(void **) {
    refuse(cudaErrorStreamCaptureIsolation,
           [](Branches &b) { return cudaStreamWaitEvent(b.stream, b.joined, 0); });
}

static void relaxed_capture_allows_allocation(void **) {
    Branches b(64);
    CUDA_OK(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeRelaxed));
    CUDA_OK(cudaFree(new_floats(4)));
    CUDA_OK(cudaStreamEndCapture(b.stream, &b.graph));
    assert_int_equal(b.nodes(), 0);
}

static void branch_must_be_joined(void **) {
    Branches b(64);
    b.begin();
    b.fork();
    scale(b.x, 64, 2.0f, b.branch);
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorStreamCaptureUnjoined);
    assert_null(b.graph);
    scale(b.x, 64, 2.0f, b.branch); /* both streams are out of the capture */
    CUDA_OK(cudaStreamSynchronize(b.branch));
    assert_true(b.read(b.x, 64)[1] == 2.0f);
}

static void work_after_the_join_must_be_joined_too(void **) {
    Branches b(64);
    b.begin();
    b.fork();
    scale(b.x, 64, 2.0f, b.branch);
    b.join();
    scale(b.x, 64, 2.0f, b.branch);
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorStreamCaptureUnjoined);
}

static void capture_ends_where_it_began(void **) {
    Branches b(64);
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorIllegalState);
    b.begin();
    assert_int_equal(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeGlobal),
                     cudaErrorIllegalState);
    b.fork();
    assert_int_equal(cudaStreamEndCapture(b.branch, &b.graph), cudaErrorStreamCaptureUnmatched);
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorStreamCaptureInvalidated);
}

static void captures_do_not_merge(void **) {
    Branches a(64), b(64);
    a.begin();
    b.begin();
    CUDA_OK(cudaEventRecord(a.forked, a.stream));
    assert_int_equal(cudaStreamWaitEvent(b.stream, a.forked, 0), cudaErrorStreamCaptureMerge);
    assert_int_equal(cudaStreamEndCapture(a.stream, &a.graph), cudaErrorStreamCaptureInvalidated);
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorStreamCaptureInvalidated);
}

/* Five nodes; the branch's scratch is its own, and after the join anyone's. */
static void capture_step(Branches &b, float *y, float *factor_memory) {
    b.begin();
    scale(b.x, b.n, 0.5f, b.stream);
    b.fork();
    CUDA_OK(cudaMemcpyAsync(y, b.x, b.n * sizeof(float), cudaMemcpyDeviceToDevice, b.branch));
    softgpu_enqueue(b.branch, "library", [=] { factor_memory[0] += 1; }, {{y, 256}});
    b.join();
    add(b.x, y, b.n, b.stream);
    CUDA_OK(cudaMemsetAsync(y, 0, 4, b.stream));
    b.end();
}

static void graph_replays_what_was_captured(void **) {
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Branches b(256);
        float *y = new_floats(256), *count = new_floats(1);
        CUDA_OK(cudaMemsetAsync(count, 0, 4, b.stream));
        capture_step(b, y, count);
        assert_int_equal(b.nodes(), 5);
        assert_true(b.read(b.x, 256)[3] == 3.0f); /* capturing ran nothing */
        for (int step = 0; step < 3; step++)      /* x <- x / 2 + x / 2 */
            CUDA_OK(cudaGraphLaunch(b.exec, step % 2 ? b.branch : b.stream));
        CUDA_OK(cudaStreamSynchronize(b.stream));
        assert_true(b.read(b.x, 256)[3] == 3.0f);
        assert_true(b.read(y, 2)[1] == 0.5f);
        assert_true(b.read(count, 1)[0] == 3.0f);
        CUDA_OK(cudaFree(y));
        CUDA_OK(cudaFree(count));
    }
}

/* A graph whose branches touch the same memory: the missing order shows. */
static void graph_runs_in_any_order_that_it_allows(void **) {
    std::set<float> found;
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Branches b(64);
        float *y = new_floats(64);
        b.begin();
        b.fork();
        scale(b.x, 64, 3.0f, b.stream);
        CUDA_OK(cudaMemcpyAsync(y, b.x, 256, cudaMemcpyDeviceToDevice, b.branch));
        b.join();
        b.end();
        CUDA_OK(cudaGraphLaunch(b.exec, b.stream));
        found.insert(b.read(y, 64)[1]);
        CUDA_OK(cudaFree(y));
    }
    assert_true(found == (std::set<float>{1.0f, 3.0f}));
}

static void graph_calls_can_fail(void **) {
    Branches b(64);
    softgpu_fail("capture", 1);
    assert_int_equal(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeGlobal),
                     cudaErrorMemoryAllocation);
    softgpu_fail("capture", 2);
    b.begin();
    assert_int_equal(cudaStreamEndCapture(b.stream, &b.graph), cudaErrorStreamCaptureInvalidated);
    assert_null(b.graph);
    softgpu_fail("instantiate", 1);
    b.begin();
    scale(b.x, 64, 2.0f, b.stream);
    CUDA_OK(cudaStreamEndCapture(b.stream, &b.graph));
    assert_int_equal(cudaGraphInstantiateWithFlags(&b.exec, b.graph, 0), cudaErrorMemoryAllocation);
    CUDA_OK(cudaGraphInstantiateWithFlags(&b.exec, b.graph, 0));
    softgpu_fail("graph_launch", 2);
    CUDA_OK(cudaGraphLaunch(b.exec, b.stream));
    assert_int_equal(cudaGraphLaunch(b.exec, b.stream), cudaErrorLaunchFailure);
    softgpu_fail(nullptr, 0);
    assert_true(b.read(b.x, 64)[1] == 2.0f);
}

static void nothing_is_left(void **) {
    assert_int_equal(softgpu_leaks(), 0);
}

std::vector<CMUnitTest> capture_tests() {
    return {cmocka_unit_test(capture_refuses_to_wait),
            cmocka_unit_test(capture_refuses_allocation),
            cmocka_unit_test(capture_refuses_pageable_memory),
            cmocka_unit_test(capture_refuses_events_from_outside),
            cmocka_unit_test(relaxed_capture_allows_allocation),
            cmocka_unit_test(branch_must_be_joined),
            cmocka_unit_test(work_after_the_join_must_be_joined_too),
            cmocka_unit_test(capture_ends_where_it_began),
            cmocka_unit_test(captures_do_not_merge),
            cmocka_unit_test(graph_replays_what_was_captured),
            cmocka_unit_test(graph_runs_in_any_order_that_it_allows),
            cmocka_unit_test(graph_calls_can_fail),
            cmocka_unit_test(nothing_is_left)};
}
