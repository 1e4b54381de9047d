/* Which attributes each kind of descriptor has: types, numbers of elements, what must be set. */
#include "cudnn_objects.h"

namespace softdnn {
namespace {

constexpr int64_t many = 1 << 20;

#define RULE(d, a, t, least, most, use)                                                            \
    {                                                                                              \
        CUDNN_BACKEND_##d##_DESCRIPTOR, CUDNN_ATTR_##a, CUDNN_TYPE_##t, least, most, Rule::use,    \
            CUDNN_BACKEND_##d##_DESCRIPTOR, "CUDNN_ATTR_" #a                                       \
    }
#define CHILD(d, a, c, least, most, use)                                                           \
    {                                                                                              \
        CUDNN_BACKEND_##d##_DESCRIPTOR, CUDNN_ATTR_##a, CUDNN_TYPE_BACKEND_DESCRIPTOR, least,      \
            most, Rule::use, CUDNN_BACKEND_##c##_DESCRIPTOR, "CUDNN_ATTR_" #a                      \
    }
/* d: the operation's descriptor, p: its attributes' prefix, X W Y: names of the three tensors. */
#define OPERATION(d, p, X, W, Y)                                                                   \
    CHILD(d, p##_CONV_DESC, CONVOLUTION, 1, 1, required),                                          \
        CHILD(d, p##_##X, TENSOR, 1, 1, required), CHILD(d, p##_##W, TENSOR, 1, 1, required),      \
        CHILD(d, p##_##Y, TENSOR, 1, 1, required), RULE(d, p##_ALPHA, FLOAT, 1, 1, required),      \
        RULE(d, p##_ALPHA, DOUBLE, 1, 1, required), RULE(d, p##_BETA, FLOAT, 1, 1, required),      \
        RULE(d, p##_BETA, DOUBLE, 1, 1, required)

const std::vector<Rule> table = {
    RULE(TENSOR, TENSOR_UNIQUE_ID, INT64, 1, 1, required),
    RULE(TENSOR, TENSOR_DATA_TYPE, DATA_TYPE, 1, 1, required),
    RULE(TENSOR, TENSOR_BYTE_ALIGNMENT, INT64, 1, 1, required),
    RULE(TENSOR, TENSOR_DIMENSIONS, INT64, 1, 8, required),
    RULE(TENSOR, TENSOR_STRIDES, INT64, 1, 8, required),
    RULE(TENSOR, TENSOR_IS_VIRTUAL, BOOLEAN, 1, 1, optional),
    RULE(TENSOR, TENSOR_IS_BY_VALUE, BOOLEAN, 1, 1, optional),

    RULE(CONVOLUTION, CONVOLUTION_COMP_TYPE, DATA_TYPE, 1, 1, required),
    RULE(CONVOLUTION, CONVOLUTION_CONV_MODE, CONVOLUTION_MODE, 1, 1, required),
    RULE(CONVOLUTION, CONVOLUTION_SPATIAL_DIMS, INT64, 1, 1, required),
    RULE(CONVOLUTION, CONVOLUTION_PRE_PADDINGS, INT64, 1, 3, required),
    RULE(CONVOLUTION, CONVOLUTION_POST_PADDINGS, INT64, 1, 3, required),
    RULE(CONVOLUTION, CONVOLUTION_FILTER_STRIDES, INT64, 1, 3, required),
    RULE(CONVOLUTION, CONVOLUTION_DILATIONS, INT64, 1, 3, required),

    OPERATION(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD, X, W, Y),
    OPERATION(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA, DX, W, DY),
    OPERATION(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER, X, DW, DY),

    /* Only the three convolutions exist, so the kind of its children is looked at by hand. */
    CHILD(OPERATIONGRAPH, OPERATIONGRAPH_OPS, OPERATIONGRAPH, 1, many, required),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_HANDLE, HANDLE, 1, 1, optional),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, INT64, 1, 1, result),

    RULE(DEVICEPROP, DEVICEPROP_DEVICE_ID, INT32, 1, 1, optional),
    RULE(DEVICEPROP, DEVICEPROP_HANDLE, HANDLE, 1, 1, optional),
    RULE(DEVICEPROP, DEVICEPROP_JSON_REPRESENTATION, CHAR, 1, many, optional),

    CHILD(ENGINEHEUR, ENGINEHEUR_OPERATION_GRAPH, OPERATIONGRAPH, 1, 1, required),
    RULE(ENGINEHEUR, ENGINEHEUR_MODE, HEUR_MODE, 1, 1, required),
    CHILD(ENGINEHEUR, ENGINEHEUR_DEVICEPROP, DEVICEPROP, 1, 1, optional),
    CHILD(ENGINEHEUR, ENGINEHEUR_RESULTS, ENGINECFG, 1, many, result),

    CHILD(ENGINE, ENGINE_OPERATION_GRAPH, OPERATIONGRAPH, 1, 1, required),
    RULE(ENGINE, ENGINE_GLOBAL_INDEX, INT64, 1, 1, required),
    CHILD(ENGINE, ENGINE_DEVICEPROP, DEVICEPROP, 1, 1, optional),
    RULE(ENGINE, ENGINE_NUMERICAL_NOTE, NUMERICAL_NOTE, 1, 1, result),
    RULE(ENGINE, ENGINE_BEHAVIOR_NOTE, BEHAVIOR_NOTE, 1, 1, result),

    CHILD(ENGINECFG, ENGINECFG_ENGINE, ENGINE, 1, 1, required),
    CHILD(ENGINECFG, ENGINECFG_KNOB_CHOICES, KNOB_CHOICE, 1, many, optional),

    RULE(KNOB_CHOICE, KNOB_CHOICE_KNOB_TYPE, KNOB_TYPE, 1, 1, required),
    RULE(KNOB_CHOICE, KNOB_CHOICE_KNOB_VALUE, INT64, 1, 1, required),

    CHILD(EXECUTION_PLAN, EXECUTION_PLAN_ENGINE_CONFIG, ENGINECFG, 1, 1, required),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_HANDLE, HANDLE, 1, 1, optional),
    CHILD(EXECUTION_PLAN, EXECUTION_PLAN_DEVICEPROP, DEVICEPROP, 1, 1, optional),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_WORKSPACE_SIZE, INT64, 1, 1, result),

    RULE(VARIANT_PACK, VARIANT_PACK_UNIQUE_IDS, INT64, 1, many, required),
    RULE(VARIANT_PACK, VARIANT_PACK_DATA_POINTERS, VOID_PTR, 1, many, required),
    RULE(VARIANT_PACK, VARIANT_PACK_WORKSPACE, VOID_PTR, 1, 1, optional),
};

} // namespace

const std::vector<Rule> &rules() {
    return table;
}

const Rule *find_rule(cudnnBackendDescriptorType_t descriptor, int name, int type) {
    const Rule *near = nullptr;
    for (const Rule &rule : table) {
        if (rule.descriptor == descriptor && rule.name == name) {
            near = &rule;
            if (rule.type == type) {
                return near;
            }
        }
    }
    return near;
}

size_t element_size(cudnnBackendAttributeType_t type) {
    switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    default:
        return 4;
    }
}

const char *type_name(cudnnBackendDescriptorType_t type) {
    switch (type) {
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return "convolution";
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        return "engine";
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        return "engine configuration";
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return "heuristics";
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return "execution plan";
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
        return "knob choice";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        return "forward convolution";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
        return "filter gradient";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        return "data gradient";
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return "operation graph";
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        return "variant pack";
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return "tensor";
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
        return "device properties";
    }
    return nullptr;
}

} // namespace softdnn
