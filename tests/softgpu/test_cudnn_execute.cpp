/* What the software GPU's cuDNN says of wrong variant packs and workspaces. */
#include "cmocka_cpp.h"
#include "dnn_case.h"

static const Shape shape = {2, 8, 6, 5, 4, 3, 3, 1, 1, 1};

using D = cudnnBackendDescriptor_t;

/* One convolution, ready to run; its plan needs a workspace when `hungry`. */
struct Ready {
    Ready(Way way, bool hungry) : x(shape.x_count()), w(shape.w_count()), y(shape.y_count()) {
        D graph = d.graph(shape, way, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, 1, 0);
        for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
            for (D config : d.list(graph, mode)) {
                cudnnStatus_t status;
                D candidate = d.plan(config, &status);
                if (!plan && candidate && (workspace_size(candidate) > 0) == hungry) {
                    plan = candidate;
                }
            }
        }
        assert_non_null(plan);
        bytes = workspace_size(plan);
        x.set(random_values(x.count, 1, false));
        w.set(random_values(w.count, 2, false));
        y.set(random_values(y.count, 3, false));
    }
    cudnnStatus_t run(const std::vector<int64_t> &uids, const std::vector<void *> &pointers,
                      void *workspace) {
        return cudnnBackendExecute(handle, plan, d.pack(uids, pointers, workspace));
    }
    cudnnStatus_t run(void *workspace) {
        return run({1, 2, 3}, {x.data, w.data, y.data}, workspace);
    }

    Descriptors d;
    Array x, w, y;
    D plan = nullptr;
    size_t bytes = 0;
};

static void *shifted(const Array &array, size_t bytes) {
    return (char *)array.data + bytes;
}

static void test_pack(void **) {
    Ready c(FORWARD, false);
    assert_int_equal(c.run({1, 2}, {c.x.data, c.w.data}, nullptr), CUDNN_STATUS_BAD_PARAM);
    char text[256];
    cudnnGetLastErrorString(text, sizeof text);
    assert_string_equal(text, "tensor 3 of the plan is not in the variant pack");
    assert_int_equal(c.run({1, 2, 3, 4}, {c.x.data, c.w.data, c.y.data, c.y.data}, nullptr),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(c.run({1, 2, 3}, {c.x.data, nullptr, c.y.data}, nullptr),
                     CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    assert_int_equal(cudnnBackendExecute(handle, c.plan, nullptr),
                     CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    D doubled = c.d.make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    int64_t uids[3] = {1, 2, 1};
    void *pointers[3] = {c.x.data, c.w.data, c.y.data};
    must(set(doubled, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, uids));
    must(set(doubled, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 2, pointers));
    assert_int_equal(cudnnBackendFinalize(doubled), CUDNN_STATUS_BAD_PARAM);
    must(set(doubled, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers));
    assert_int_equal(cudnnBackendFinalize(doubled), CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES);
    assert_int_equal(cudnnBackendExecute(handle, c.plan, doubled),
                     CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    must(c.run(nullptr));
    must(cudaStreamSynchronize(stream));
}

static void test_pointers(void **) {
    Ready c(FORWARD, false);
    std::vector<float> host(c.x.count);
    Array large(c.x.count + 4);
    assert_int_equal(c.run({1, 2, 3}, {host.data(), c.w.data, c.y.data}, nullptr),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(c.run({1, 2, 3}, {shifted(large, 4), c.w.data, c.y.data}, nullptr),
                     CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
    assert_int_equal(c.run({1, 2, 3}, {shifted(c.x, 16), c.w.data, c.y.data}, nullptr),
                     CUDNN_STATUS_BAD_PARAM); /* its end lies outside */
    void *freed = nullptr;
    must(cudaMalloc(&freed, c.x.count * 4));
    must(cudaFree(freed));
    assert_int_equal(c.run({1, 2, 3}, {freed, c.w.data, c.y.data}, nullptr),
                     CUDNN_STATUS_BAD_PARAM);
}

static void test_aliases(void **) {
    for (Way way : {FORWARD, DATA, FILTER}) {
        Ready c(way, false);
        Array all(c.x.count + c.w.count + c.y.count);
        void *far = shifted(all, 4 * c.x.count), *near = shifted(all, 16);
        /* each output upon each input, wholly or in part */
        const Array *out = way == FORWARD ? &c.y : way == DATA ? &c.x : &c.w;
        for (const Array *in : {&c.x, &c.w, &c.y}) {
            for (void *place : {all.data, near}) {
                if (in == out) {
                    continue;
                }
                std::vector<void *> pointers = {c.x.data, c.w.data, c.y.data};
                pointers[out == &c.x ? 0 : out == &c.w ? 1 : 2] = place;
                pointers[in == &c.x ? 0 : in == &c.w ? 1 : 2] = all.data;
                assert_int_equal(c.run({1, 2, 3}, pointers, nullptr), CUDNN_STATUS_BAD_PARAM);
            }
        }
        must(c.run({1, 2, 3}, {all.data, c.w.data, c.y.data}, nullptr));
        must(c.run({1, 2, 3}, {all.data, c.w.data, far}, nullptr)); /* beside each other is right */
        must(cudaStreamSynchronize(stream));
    }
}

static void test_workspace(void **) {
    Ready c(FORWARD, true);
    Array enough((c.bytes + 3) / 4);
    Array all(c.x.count + enough.count);
    void *shorter = nullptr;
    must(cudaMalloc(&shorter, c.bytes - 1));
    std::vector<char> host(c.bytes);
    assert_int_equal(c.run(nullptr), CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    assert_int_equal(c.run(shorter), CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    assert_int_equal(c.run(host.data()), CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    assert_int_equal(c.run({1, 2, 3}, {all.data, c.w.data, c.y.data}, shifted(all, 16)),
                     CUDNN_STATUS_BAD_PARAM);
    enough.set(std::vector<float>(enough.count, 0.0f));
    must(c.run(enough.data));
    must(cudaStreamSynchronize(stream));
    std::vector<float> after = enough.get();
    for (size_t i = 0; i < c.bytes / 4; i++) {
        assert_true(after[i] != after[i]); /* all of it was used */
    }
    must(cudaFree(shorter));
}

/* Two streams, whose order only an event can give. */
static void on_two_streams(Ready &a, Ready &b, void *first, void *second, bool ordered) {
    cudaStream_t other = nullptr;
    cudaEvent_t event = nullptr;
    must(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    must(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    must(a.run(first));
    must(cudaEventRecord(event, stream));
    if (ordered) {
        must(cudaStreamWaitEvent(other, event, 0));
    }
    must(cudnnSetStream(handle, other));
    must(b.run(second));
    must(cudaStreamSynchronize(stream));
    must(cudaStreamSynchronize(other));
    must(cudnnSetStream(handle, stream));
    must(cudaEventDestroy(event));
    must(cudaStreamDestroy(other));
}

static void test_shared_workspace(void **) {
    Ready a(FORWARD, true), b(FILTER, true);
    Array one((a.bytes + b.bytes) / 4 + 1), two(b.bytes / 4 + 1);
    assert_true(dies([&] { on_two_streams(a, b, one.data, one.data, false); },
                     "scratch memory is that of cudnn:forward"));
    on_two_streams(a, b, one.data, two.data, false);
    on_two_streams(a, b, one.data, one.data, true);
}

static void test_failure(void **) {
    Ready c(FORWARD, false);
    softgpu_fail("execute", 1);
    assert_int_equal(c.run(nullptr), CUDNN_STATUS_EXECUTION_FAILED);
    must(c.run(nullptr));
    must(cudaStreamSynchronize(stream));
}

/* In capture a convolution is one node, and runs at each launch. */
static void test_capture(void **) {
    Ready c(FORWARD, true);
    Array workspace(c.bytes / 4 + 1);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t program = nullptr;
    size_t nodes = 0;
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    must(c.run(workspace.data));
    must(cudaStreamEndCapture(stream, &graph));
    must(cudaGraphGetNodes(graph, nullptr, &nodes));
    assert_int_equal(nodes, 1);
    must(cudaGraphInstantiateWithFlags(&program, graph, 0));
    std::vector<float> none(c.y.count, 77.0f);
    c.y.set(none);
    must(cudaGraphLaunch(program, stream));
    must(cudaStreamSynchronize(stream));
    for (float v : c.y.get()) {
        assert_true(v != 77.0f);
    }
    must(cudaGraphExecDestroy(program));
    must(cudaGraphDestroy(graph));
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack),    cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_aliases), cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_failure), cmocka_unit_test(test_shared_workspace),
        cmocka_unit_test(test_capture),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
