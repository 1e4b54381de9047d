/* What the software GPU's cuDNN says of wrong descriptors. */
#include "cmocka_cpp.h"
#include "dnn_case.h"

static const Shape shape = {2, 8, 6, 5, 4, 3, 3, 1, 1, 1};

using D = cudnnBackendDescriptor_t;

/* Sets numbers of a descriptor that is not finalised yet. */
static cudnnStatus_t set_numbers(D d, cudnnBackendAttributeName_t name,
                                 const std::vector<int64_t> &values) {
    return set(d, name, CUDNN_TYPE_INT64, (int64_t)values.size(), values.data());
}

static void assert_text() {
    char text[256] = "";
    cudnnGetLastErrorString(text, sizeof text);
    assert_true(text[0] != '\0');
    cudnnGetLastErrorString(text, sizeof text);
    assert_true(text[0] == '\0'); /* reading takes it away */
}

/* Finalising must fail with this status and say why. */
static void refused(D d, cudnnStatus_t status) {
    assert_int_equal(cudnnBackendFinalize(d), status);
    assert_text();
}

static D x_tensor(Descriptors &d) {
    return d.tensor(1, CUDNN_DATA_FLOAT, 2, 8, 6, 5);
}

static void test_tensor(void **) {
    Descriptors d;
    D planar = x_tensor(d);
    must(set_numbers(planar, CUDNN_ATTR_TENSOR_STRIDES, {240, 30, 5, 1}));
    refused(planar, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    D loose = x_tensor(d);
    must(set_numbers(loose, CUDNN_ATTR_TENSOR_STRIDES, {256, 1, 40, 8}));
    refused(loose, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    D flat = x_tensor(d);
    must(set_numbers(flat, CUDNN_ATTR_TENSOR_STRIDES, {240, 1, 40}));
    refused(flat, CUDNN_STATUS_BAD_PARAM);
    D empty = x_tensor(d);
    must(set_numbers(empty, CUDNN_ATTR_TENSOR_DIMENSIONS, {2, 0, 6, 5}));
    refused(empty, CUDNN_STATUS_BAD_PARAM);
    for (int64_t alignment : {0, 2, 12, -16}) {
        D odd = x_tensor(d);
        must(set_numbers(odd, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {alignment}));
        refused(odd, CUDNN_STATUS_BAD_PARAM);
    }
    D half = d.tensor(1, CUDNN_DATA_HALF, 2, 8, 6, 5);
    refused(half, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    D hidden = x_tensor(d);
    char yes = 1;
    must(set(hidden, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes));
    refused(hidden, CUDNN_STATUS_NOT_SUPPORTED);
    D wrong = x_tensor(d); /* what was refused can be mended */
    must(set_numbers(wrong, CUDNN_ATTR_TENSOR_STRIDES, {240, 30, 5, 1}));
    refused(wrong, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    must(set_numbers(wrong, CUDNN_ATTR_TENSOR_STRIDES, {240, 1, 40, 8}));
    must(cudnnBackendFinalize(wrong));
}

static void test_convolution(void **) {
    struct {
        cudnnBackendAttributeName_t name;
        std::vector<int64_t> values;
    } bad[] = {
        {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {-1, 1}},
        {CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {0, 1}},
        {CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 0}},
        {CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {1, 1, 1}},
    };
    for (auto &b : bad) {
        Descriptors d;
        int64_t dims = 2;
        cudnnDataType_t type = CUDNN_DATA_FLOAT;
        cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
        D c = d.make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
        must(set(c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dims));
        must(set(c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
        must(set(c, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode));
        must(set_numbers(c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {1, 1}));
        must(set_numbers(c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {1, 1}));
        must(set_numbers(c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {1, 1}));
        must(set_numbers(c, CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1}));
        must(set_numbers(c, b.name, b.values));
        refused(c, CUDNN_STATUS_BAD_PARAM);
    }
}

static void finalized(const std::vector<D> &list) {
    for (D d : list) {
        must(cudnnBackendFinalize(d));
    }
}

static void test_operation(void **) {
    Descriptors d;
    D conv = d.convolution(shape), x = x_tensor(d), w = d.tensor(2, CUDNN_DATA_FLOAT, 4, 8, 3, 3);
    D y = d.tensor(3, CUDNN_DATA_FLOAT, 2, 4, 6, 5);
    D shorter = d.tensor(3, CUDNN_DATA_FLOAT, 2, 4, 5, 5);
    D narrow = d.tensor(2, CUDNN_DATA_FLOAT, 4, 7, 3, 3);
    D more = d.tensor(3, CUDNN_DATA_FLOAT, 3, 4, 6, 5);
    D twin = d.tensor(1, CUDNN_DATA_FLOAT, 2, 4, 6, 5);
    D raw = x_tensor(d);
    finalized({x, w, y, shorter, narrow, more, twin});
    for (Way way : {FORWARD, DATA, FILTER}) {
        refused(d.operation(way, conv, x, w, shorter, 1, 0), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        refused(d.operation(way, conv, x, narrow, y, 1, 0), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        refused(d.operation(way, conv, x, w, more, 1, 0), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        D doubled = d.operation(way, conv, x, w, twin, 1, 0);
        must(cudnnBackendFinalize(doubled));
        D graph = d.make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
        must(set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &doubled));
        refused(graph, CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES);
    }
    D op = d.make(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    assert_int_equal(
        set(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw),
        CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    D two[2] = {d.operation(FORWARD, conv, x, w, y, 1, 0), d.operation(DATA, conv, x, w, y, 1, 0)};
    finalized({two[0], two[1]});
    D graph = d.make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    must(set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 2, two));
    refused(graph, CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN);
}

/* Leaving out any one attribute that is needed is an error. */
static void test_missing_attributes(void **) {
    int64_t number = 16;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    int64_t dim[4] = {2, 8, 6, 5}, stride[4] = {240, 1, 40, 8};
    struct {
        cudnnBackendAttributeName_t name;
        cudnnBackendAttributeType_t type;
        int64_t count;
        const void *value;
    } tensor[] = {
        {CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &number},
        {CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &number},
        {CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type},
        {CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dim},
        {CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride},
    };
    for (size_t missing = 0; missing <= 5; missing++) {
        Descriptors d;
        D t = d.make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        for (size_t i = 0; i < 5; i++) {
            if (i != missing) {
                must(set(t, tensor[i].name, tensor[i].type, tensor[i].count, tensor[i].value));
            }
        }
        cudnnStatus_t expected = missing < 5 ? CUDNN_STATUS_BAD_PARAM : CUDNN_STATUS_SUCCESS;
        assert_int_equal(cudnnBackendFinalize(t), expected);
    }
    for (cudnnBackendDescriptorType_t kind :
         {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_BACKEND_ENGINE_DESCRIPTOR,
          CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR,
          CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
          CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
          CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
          CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR}) {
        Descriptors d;
        refused(d.make(kind), CUDNN_STATUS_BAD_PARAM);
    }
}

static void test_attributes(void **) {
    Descriptors d;
    D t = x_tensor(d);
    int64_t two[2] = {1, 2}, count = 0;
    float real = 1;
    assert_int_equal(set(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_FLOAT, 1, &real),
                     CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    assert_int_equal(set(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 2, two),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(set(t, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, two),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(set(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, nullptr),
                     CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    assert_int_equal(
        cudnnBackendGetAttribute(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &count, two),
        CUDNN_STATUS_NOT_INITIALIZED); /* not before it is finalised */
    assert_text();
    must(cudnnBackendFinalize(t));
    assert_int_equal(set(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, two),
                     CUDNN_STATUS_BAD_PARAM); /* not after */
    assert_int_equal(cudnnBackendFinalize(t), CUDNN_STATUS_BAD_PARAM);
    int64_t dim[2] = {0, 0};
    must(cudnnBackendGetAttribute(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 2, &count,
                                  dim));
    assert_true(count == 4 && dim[0] == 2 && dim[1] == 8);
    assert_int_equal(
        cudnnBackendGetAttribute(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_FLOAT, 2, &count, dim),
        CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    assert_int_equal(cudnnBackendCreateDescriptor((cudnnBackendDescriptorType_t)999, &t),
                     CUDNN_STATUS_NOT_SUPPORTED);
}

/* Where the card would read wild memory there is no way on. */
static void test_fatal(void **) {
    Descriptors d;
    D t = x_tensor(d), conv = d.convolution(shape);
    must(cudnnBackendFinalize(t));
    assert_true(dies(
        [&] {
            D op = nullptr;
            must(cudnnBackendCreateDescriptor(
                CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, &op));
            set(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                &conv);
        },
        "a descriptor of kind 'convolution' where another kind is needed"));
    assert_true(dies(
        [&] {
            must(cudnnBackendDestroyDescriptor(t));
            cudnnBackendDestroyDescriptor(t);
        },
        "the tensor descriptor"));
    assert_true(dies([&] { cudnnBackendFinalize(&t); }, "is no cuDNN descriptor"));
    assert_true(dies(
        [] {
            must(cudnnDestroy(handle));
            cudnnSetStream(handle, nullptr);
        },
        "was destroyed"));
}

/* A child may go once it is set: cuDNN has copied it. */
static void test_children_are_copied(void **) {
    Descriptors d;
    D graph = nullptr;
    {
        Descriptors parts;
        D x = x_tensor(parts), w = parts.tensor(2, CUDNN_DATA_FLOAT, 4, 8, 3, 3);
        D y = parts.tensor(3, CUDNN_DATA_FLOAT, 2, 4, 6, 5);
        finalized({x, w, y});
        D op = parts.operation(FORWARD, parts.convolution(shape), x, w, y, 1, 0);
        must(cudnnBackendFinalize(op));
        graph = d.graph(op);
    }
    assert_non_null(choose(d, graph, {true, false}));
}

static void test_leaks(void **) {
    assert_int_equal(softgpu_leaks(), 2); /* the tests' handle and stream */
    D t = nullptr;
    must(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &t));
    assert_int_equal(softgpu_leaks(), 3);
    must(cudnnBackendDestroyDescriptor(t));
    assert_int_equal(softgpu_leaks(), 2);
}

static void test_failures(void **) {
    Descriptors d;
    D graph = d.graph(shape, FORWARD, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, 1, 0);
    D config = d.list(graph, CUDNN_HEUR_MODE_FALLBACK)[0], t = nullptr;
    cudnnStatus_t status;
    softgpu_fail("plan", 2);
    assert_non_null(d.plan(config, &status));
    assert_null(d.plan(config, &status));
    assert_int_equal(status, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    softgpu_fail("descriptor", 1);
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &t),
                     CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    softgpu_fail("cudnn_create", 1);
    cudnnHandle_t second = nullptr;
    assert_int_equal(cudnnCreate(&second), CUDNN_STATUS_NOT_INITIALIZED);
    assert_text();
    softgpu_fail("cudnn_create", 0);
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_operation),
        cmocka_unit_test(test_missing_attributes),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_fatal),
        cmocka_unit_test(test_children_are_copied),
        cmocka_unit_test(test_leaks),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
