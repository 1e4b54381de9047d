#include <cstring>

#include "cudnn_objects.h"

namespace softdnn {

size_t Tensor::elements() const {
    return (size_t)(dim[0] * dim[1] * dim[2] * dim[3]);
}

size_t Tensor::bytes() const {
    return elements() * (type == CUDNN_DATA_FLOAT ? 4 : 2);
}

const Tensor &Operation::output() const {
    return kind == Kind::forward ? y : kind == Kind::backward_data ? x : w;
}

std::vector<Tensor> Operation::inputs() const {
    switch (kind) {
    case Kind::forward:
        return {x, w};
    case Kind::backward_data:
        return {w, y};
    default:
        return {x, y};
    }
}

namespace {

constexpr int64_t largest = (int64_t)1 << 40; /* bytes; keeps products within 64 bits */

std::vector<int64_t> numbers(const Descriptor &d, int name) {
    const Value &value = d.values.at(name);
    const int64_t *p = (const int64_t *)value.bytes.data();
    return std::vector<int64_t>(p, p + value.count);
}

cudnnStatus_t check_required(const Descriptor &d) {
    for (const Rule &rule : rules()) {
        if (rule.descriptor == d.type && rule.use == Rule::required && !d.values.count(rule.name)) {
            return fail(CUDNN_STATUS_BAD_PARAM, "%s of the %s is not set", rule.text,
                        type_name(d.type));
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_layout(const Tensor &t, const std::vector<int64_t> &stride) {
    const int64_t *n = t.dim;
    const int64_t packed[4] = {n[1] * n[2] * n[3], 1, n[1] * n[3], n[1]};
    for (int i = 0; i < 4; i++) {
        if (stride[i] != packed[i]) {
            return fail(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT,
                        "tensor %lld: stride %d is %lld; packed with channels fastest it is %lld",
                        (long long)t.uid, i, (long long)stride[i], (long long)packed[i]);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_tensor(Descriptor &d) {
    Tensor t = {};
    t.uid = first<int64_t>(d, CUDNN_ATTR_TENSOR_UNIQUE_ID);
    t.type = first<cudnnDataType_t>(d, CUDNN_ATTR_TENSOR_DATA_TYPE);
    t.alignment = first<int64_t>(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
    std::vector<int64_t> dim = numbers(d, CUDNN_ATTR_TENSOR_DIMENSIONS);
    std::vector<int64_t> stride = numbers(d, CUDNN_ATTR_TENSOR_STRIDES);
    long long uid = t.uid;
    if (t.type != CUDNN_DATA_FLOAT && t.type != CUDNN_DATA_BFLOAT16) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "tensor %lld: data type %d", uid,
                    (int)t.type);
    }
    int64_t size = t.type == CUDNN_DATA_FLOAT ? 4 : 2;
    if (t.alignment < size || (t.alignment & (t.alignment - 1)) != 0) {
        return fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld: alignment %lld", uid,
                    (long long)t.alignment);
    }
    if (dim.size() != 4 || stride.size() != 4) {
        return fail(CUDNN_STATUS_BAD_PARAM,
                    "tensor %lld: %zu dimensions, %zu strides; 4 are needed", uid, dim.size(),
                    stride.size());
    }
    int64_t total = size;
    for (int i = 0; i < 4; i++) {
        if (dim[i] <= 0 || dim[i] > largest / total) {
            return fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld: dimension %d is %lld", uid, i,
                        (long long)dim[i]);
        }
        total *= dim[i];
        t.dim[i] = dim[i];
    }
    if (first_or<char>(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) ||
        first_or<char>(d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0)) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED, "tensor %lld: virtual or given by value", uid);
    }
    d.meaning = t;
    return check_layout(t, stride);
}

/* One list of two numbers, height and width, each at least `least`. */
cudnnStatus_t pair(const Descriptor &d, int name, int64_t least, int64_t out[2]) {
    std::vector<int64_t> list = numbers(d, name);
    if (list.size() != 2 || list[0] < least || list[1] < least || list[0] > 1 << 20 ||
        list[1] > 1 << 20) {
        return fail(CUDNN_STATUS_BAD_PARAM,
                    "attribute %d of the convolution: two numbers from %lld", name,
                    (long long)least);
    }
    out[0] = list[0];
    out[1] = list[1];
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_convolution(Descriptor &d) {
    if (first<int64_t>(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) != 2) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED, "convolutions over other than 2 dimensions");
    }
    if (first<cudnnDataType_t>(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE) != CUDNN_DATA_FLOAT) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "convolutions compute in fp32");
    }
    if (first<cudnnConvolutionMode_t>(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE) !=
        CUDNN_CROSS_CORRELATION) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED, "a convolution that turns its filter around");
    }
    Convolution c = {};
    cudnnStatus_t status = pair(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 0, c.pre);
    if (status == CUDNN_STATUS_SUCCESS) {
        status = pair(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 0, c.post);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = pair(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1, c.stride);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = pair(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, 1, c.dilation);
    }
    d.meaning = c;
    return status;
}

cudnnStatus_t check_shapes(const Operation &op) {
    const int64_t *x = op.x.dim, *w = op.w.dim, *y = op.y.dim;
    const Convolution &c = op.conv;
    if (x[0] != y[0] || x[1] != w[1] || y[1] != w[0]) {
        return fail(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                    "x is %lld x %lld, w %lld x %lld, y %lld x %lld (images or filters x channels)",
                    (long long)x[0], (long long)x[1], (long long)w[0], (long long)w[1],
                    (long long)y[0], (long long)y[1]);
    }
    for (int i = 0; i < 2; i++) {
        int64_t room = x[2 + i] + c.pre[i] + c.post[i] - ((w[2 + i] - 1) * c.dilation[i] + 1);
        int64_t size = room < 0 ? 0 : room / c.stride[i] + 1;
        if (size != y[2 + i]) {
            return fail(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                        "spatial dimension %d: the convolution makes %lld of %lld, y has %lld", i,
                        (long long)size, (long long)x[2 + i], (long long)y[2 + i]);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

float factor(const Descriptor &d, int name) {
    const Value &value = d.values.at(name);
    return value.type == CUDNN_TYPE_FLOAT ? first<float>(d, name) : (float)first<double>(d, name);
}

/* The attributes of one kind of convolution. */
struct Names {
    Kind kind;
    int conv, x, w, y, alpha, beta;
};

Names names_of(cudnnBackendDescriptorType_t type) {
    switch (type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        return {Kind::forward,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        return {Kind::backward_data,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    default:
        return {Kind::backward_filter,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    }
}

template <class T> const T &child(const Descriptor &d, int name) {
    return std::get<T>(d.values.at(name).children[0].meaning);
}

cudnnStatus_t finalize_operation(Descriptor &d) {
    Names n = names_of(d.type);
    Operation op = {n.kind,
                    child<Convolution>(d, n.conv),
                    child<Tensor>(d, n.x),
                    child<Tensor>(d, n.w),
                    child<Tensor>(d, n.y),
                    factor(d, n.alpha),
                    factor(d, n.beta)};
    d.meaning = op;
    return check_shapes(op);
}

cudnnStatus_t finalize_graph(Descriptor &d) {
    const std::vector<Descriptor> &ops = d.values.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).children;
    if (ops.size() != 1) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, "a graph of %zu operations",
                    ops.size());
    }
    Graph g = {std::get<Operation>(ops[0].meaning), false};
    if (g.op.x.uid == g.op.w.uid || g.op.x.uid == g.op.y.uid || g.op.w.uid == g.op.y.uid) {
        return fail(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES,
                    "the tensors' unique ids are %lld, %lld, %lld", (long long)g.op.x.uid,
                    (long long)g.op.w.uid, (long long)g.op.y.uid);
    }
    if (d.values.count(CUDNN_ATTR_OPERATIONGRAPH_HANDLE)) {
        handle_stream(first<cudnnHandle_t>(d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE),
                      "cudnnBackendFinalize");
        g.has_handle = true;
    }
    d.meaning = g;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_device(Descriptor &d) {
    Device device = {90};
    if (d.values.count(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)) {
        if (d.values[CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION].bytes[0] != '{') {
            return fail(CUDNN_STATUS_BAD_PARAM, "the description of the device is no JSON object");
        }
    } else if (d.values.count(CUDNN_ATTR_DEVICEPROP_HANDLE)) {
        handle_stream(first<cudnnHandle_t>(d, CUDNN_ATTR_DEVICEPROP_HANDLE),
                      "cudnnBackendFinalize");
        device.capability = 0;
    } else if (first_or<int32_t>(d, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, -1) == 0) {
        device.capability = 0;
    } else {
        return fail(CUDNN_STATUS_BAD_PARAM, "device properties of no device");
    }
    d.meaning = device;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_pack(Descriptor &d) {
    Pack pack = {numbers(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS), {}, nullptr};
    const Value &pointers = d.values.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    void *const *p = (void *const *)pointers.bytes.data();
    pack.pointers.assign(p, p + pointers.count);
    pack.workspace = first_or<void *>(d, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, nullptr);
    if (pack.uids.size() != pack.pointers.size()) {
        return fail(CUDNN_STATUS_BAD_PARAM, "%zu unique ids and %zu pointers", pack.uids.size(),
                    pack.pointers.size());
    }
    for (size_t i = 0; i < pack.uids.size(); i++) {
        for (size_t j = 0; j < i; j++) {
            if (pack.uids[i] == pack.uids[j]) {
                return fail(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES,
                            "unique id %lld is twice in the pack", (long long)pack.uids[i]);
            }
        }
    }
    d.meaning = pack;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_knob(Descriptor &d) {
    d.meaning = Knob{first<cudnnBackendKnobType_t>(d, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE),
                     first<int64_t>(d, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)};
    return CUDNN_STATUS_SUCCESS;
}

} // namespace

cudnnStatus_t finalize(Descriptor &d) {
    cudnnStatus_t status = check_required(d);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return finalize_tensor(d);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return finalize_convolution(d);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return finalize_graph(d);
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
        return finalize_device(d);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return finalize_heuristics(d);
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        return finalize_engine(d);
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        return finalize_config(d);
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
        return finalize_knob(d);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return finalize_plan(d);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        return finalize_pack(d);
    default:
        return finalize_operation(d);
    }
}

} // namespace softdnn
