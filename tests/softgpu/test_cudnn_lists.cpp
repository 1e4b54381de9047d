/* The software GPU's lists of engines, and the plans they lead to. */
#include "cmocka_cpp.h"
#include "dnn_case.h"

static const Shape shape = {2, 8, 6, 5, 4, 3, 3, 1, 1, 1};

struct Tally {
    int entries, noted, failing, loose, plain, cores; /* noted: with tensor cores */
};

static Tally tally(Descriptors &d, cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode) {
    Tally t = {};
    for (cudnnBackendDescriptor_t config : d.list(graph, mode)) {
        cudnnStatus_t status;
        bool loose = has_note(config, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
        bool cores = has_note(config, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
        t.entries++;
        t.loose += loose;
        t.noted += cores;
        if (!d.plan(config, &status)) {
            assert_int_equal(status, CUDNN_STATUS_NOT_SUPPORTED);
            t.failing++;
        } else if (!loose) {
            *(cores ? &t.cores : &t.plain) += 1;
        }
    }
    return t;
}

/* What makes the lists hard is there: failing and nondeterministic entries always; for some shapes
 * no plain entry in mode A, for some no tensor cores; the fallback always has a plain one. */
static void test_lists(void **) {
    int no_plain = 0, no_cores = 0, first_fails = 0, count = 0;
    for (int k = 1; k <= 48; k++) {
        Descriptors d;
        Shape z = {2, 8, 8, 8, k, 3, 3, 1, 1, 1};
        cudnnBackendDescriptor_t graph =
            d.graph(z, (Way)(k % 3), CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, 1, 0);
        Tally a = tally(d, graph, CUDNN_HEUR_MODE_A);
        assert_true(a.entries >= 4 && a.failing >= 1 && a.loose >= 2);
        assert_true(tally(d, graph, CUDNN_HEUR_MODE_FALLBACK).plain >= 1);
        std::vector<cudnnBackendDescriptor_t> list = d.list(graph, CUDNN_HEUR_MODE_A);
        std::vector<cudnnBackendDescriptor_t> again = d.list(graph, CUDNN_HEUR_MODE_A);
        for (size_t i = 0; i < list.size(); i++) {
            assert_int_equal(engine_index(list[i]), engine_index(again[i]));
        }
        cudnnStatus_t status;
        count++;
        no_plain += a.plain == 0;
        no_cores += a.cores == 0;
        first_fails += !d.plan(list[0], &status);
    }
    assert_true(no_plain > 4 && no_plain < count / 2);
    assert_true(no_cores > 0 && no_cores < count / 3);
    assert_true(first_fails > 4 && first_fails < count / 2);
}

/* Before it is fetched, the length of a list is only bounded. */
static void test_list_length(void **) {
    Descriptors d;
    cudnnBackendDescriptor_t graph =
        d.graph(shape, FORWARD, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, 1, 0);
    size_t length = d.list(graph, CUDNN_HEUR_MODE_A).size();
    cudnnBackendDescriptor_t heuristics = d.make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    must(set(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
             &graph));
    must(set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
    must(cudnnBackendFinalize(heuristics));
    int64_t count = 0;
    must(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr));
    assert_true((size_t)count > length);
    cudnnBackendDescriptor_t one = d.make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    must(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &one));
    assert_int_equal(count, 1);
}

/* An engine and its knobs, read from a list, can be asked for again by hand: the same plan. */
static void test_choice_repeated(void **) {
    Descriptors d;
    cudnnBackendDescriptor_t graph =
        d.graph(shape, FORWARD, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, 1, 0);
    for (cudnnBackendDescriptor_t config : d.list(graph, CUDNN_HEUR_MODE_A)) {
        cudnnStatus_t status;
        cudnnBackendDescriptor_t plan = d.plan(config, &status);
        cudnnBackendDescriptor_t knobs[8];
        for (cudnnBackendDescriptor_t &knob : knobs) {
            knob = d.make(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
        }
        int64_t count = 0, index = engine_index(config);
        must(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, 8, &count, knobs));
        assert_in_range(count, 0, 3);
        cudnnBackendDescriptor_t engine = d.make(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
        must(set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                 &graph));
        must(set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index));
        must(cudnnBackendFinalize(engine));
        cudnnBackendDescriptor_t again = d.make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        must(set(again, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine));
        if (count > 0) {
            must(set(again, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, count,
                     knobs));
        }
        must(cudnnBackendFinalize(again));
        cudnnBackendDescriptor_t second = d.plan(again, &status);
        assert_int_equal(second != nullptr, plan != nullptr);
        if (plan) {
            assert_int_equal(workspace_size(plan), workspace_size(second));
        }
    }
}

/* Plans for a described card need neither handle nor device. */
static void test_deviceless(void **) {
    Descriptors d;
    cudnnBackendDescriptor_t properties = d.make(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    must(set(properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 2, "{}"));
    must(cudnnBackendFinalize(properties));
    Shape z = shape;
    cudnnBackendDescriptor_t x = d.tensor(1, CUDNN_DATA_FLOAT, z.n, z.c, z.h, z.w);
    cudnnBackendDescriptor_t w = d.tensor(2, CUDNN_DATA_FLOAT, z.k, z.c, z.r, z.s);
    cudnnBackendDescriptor_t y = d.tensor(3, CUDNN_DATA_FLOAT, z.n, z.k, z.p(), z.q());
    must(cudnnBackendFinalize(x));
    must(cudnnBackendFinalize(w));
    must(cudnnBackendFinalize(y));
    cudnnBackendDescriptor_t op = d.operation(FORWARD, d.convolution(z), x, w, y, 1, 0);
    must(cudnnBackendFinalize(op));
    cudnnBackendDescriptor_t graph = d.make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    must(set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op));
    must(cudnnBackendFinalize(graph));
    cudnnBackendDescriptor_t heuristics = d.make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_FALLBACK;
    must(set(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
             &graph));
    must(set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
    assert_int_equal(cudnnBackendFinalize(heuristics), CUDNN_STATUS_BAD_PARAM); /* which card? */
    must(set(heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
             &properties));
    must(cudnnBackendFinalize(heuristics));
    cudnnBackendDescriptor_t config = d.make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    int64_t count = 0;
    must(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &config));
    cudnnBackendDescriptor_t plan = d.make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    must(set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
             &config));
    must(set(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
             &properties));
    must(cudnnBackendFinalize(plan));
}

/* bf16 on an older card, and a filter gradient in fp32 from bf16: an empty list, and no plan. */
static void test_unsupported(void **) {
    Descriptors d;
    cudnnBackendDescriptor_t graph =
        d.graph(shape, FILTER, CUDNN_DATA_BFLOAT16, CUDNN_DATA_FLOAT, 1, 0);
    for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        assert_int_equal(d.list(graph, mode).size(), 0);
    }
    cudnnBackendDescriptor_t engine = d.make(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    int64_t index = 0;
    must(set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph));
    must(set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index));
    must(cudnnBackendFinalize(engine));
    cudnnBackendDescriptor_t config = d.make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    must(set(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine));
    must(cudnnBackendFinalize(config));
    cudnnStatus_t status;
    assert_null(d.plan(config, &status));
    assert_int_equal(status, CUDNN_STATUS_NOT_SUPPORTED);

    softgpu_capability(7, 5);
    cudnnBackendDescriptor_t shorter =
        d.graph(shape, FORWARD, CUDNN_DATA_BFLOAT16, CUDNN_DATA_BFLOAT16, 1, 0);
    cudnnBackendDescriptor_t plain =
        d.graph(shape, FORWARD, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, 1, 0);
    size_t bf16_entries = d.list(shorter, CUDNN_HEUR_MODE_A).size();
    Tally old = tally(d, plain, CUDNN_HEUR_MODE_A);
    softgpu_capability(9, 0);
    assert_int_equal(bf16_entries, 0);
    assert_true(old.entries > 0 && old.noted == 0);
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),           cmocka_unit_test(test_list_length),
        cmocka_unit_test(test_choice_repeated), cmocka_unit_test(test_deviceless),
        cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
