/* The engines, which of them each heuristic mode proposes, and which of their plans finalise. Like
 * the real lists these hold entries that never finalise, entries whose results differ from run to
 * run, and for some shapes no entry of the kind that is looked for. */
#include <cstring>

#include "cudnn_objects.h"

namespace softdnn {
namespace {

constexpr int64_t knob_values = 8; /* each knob takes 0 to 7; none changes a result */
constexpr int64_t tensor_core_alignment = 16;

const EngineInfo engines[] = {
    {0, "direct", true, true, false, 0, {}, {}, {}},
    {1,
     "implicit product",
     true,
     true,
     false,
     2,
     {CUDNN_KNOB_TYPE_TILE_SIZE, CUDNN_KNOB_TYPE_SPLIT_K},
     {},
     {CUDNN_BEHAVIOR_NOTE_SUPPORTS_CUDA_GRAPH_NATIVE_API}},
    {5, "Winograd", false, true, false, 2, {}, {CUDNN_NUMERICAL_NOTE_WINOGRAD}, {}},
    {7,
     "split sums with atomics",
     true,
     false,
     false,
     0,
     {CUDNN_KNOB_TYPE_SPLIT_K},
     {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC},
     {}},
    {28,
     "tensor cores, implicit product",
     true,
     true,
     true,
     2,
     {CUDNN_KNOB_TYPE_TILE_SIZE, CUDNN_KNOB_TYPE_STAGES, CUDNN_KNOB_TYPE_EDGE},
     {CUDNN_NUMERICAL_NOTE_TENSOR_CORE},
     {}},
    {34,
     "tensor cores",
     true,
     true,
     true,
     1,
     {CUDNN_KNOB_TYPE_KERNEL_CFG},
     {CUDNN_NUMERICAL_NOTE_TENSOR_CORE},
     {}},
    {36,
     "tensor cores, split sums with atomics",
     true,
     false,
     true,
     1,
     {CUDNN_KNOB_TYPE_SPLIT_K, CUDNN_KNOB_TYPE_TILE_SIZE},
     {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC},
     {}},
    {57,
     "tensor cores, compiled when used",
     false,
     true,
     true,
     0,
     {},
     {CUDNN_NUMERICAL_NOTE_TENSOR_CORE},
     {CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION}},
};

const EngineInfo *find_engine(int64_t index) {
    for (const EngineInfo &engine : engines) {
        if (engine.index == index) {
            return &engine;
        }
    }
    return nullptr;
}

uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

/* Depends on kind, shape and types only, so that the same convolution gets the same list. */
uint64_t hash(const Operation &op) {
    uint64_t h = mix(1, (uint64_t)op.kind);
    for (const Tensor *t : {&op.x, &op.w, &op.y}) {
        h = mix(h, (uint64_t)t->type);
        for (int64_t n : t->dim) {
            h = mix(h, (uint64_t)n);
        }
    }
    for (int i = 0; i < 2; i++) {
        h = mix(mix(h, (uint64_t)op.conv.pre[i]), (uint64_t)op.conv.post[i]);
        h = mix(mix(h, (uint64_t)op.conv.stride[i]), (uint64_t)op.conv.dilation[i]);
    }
    return mix(h, h >> 32);
}

/* All types equal; bf16 from compute capability 8.0. In particular no fp32 filter gradient from
 * bf16 inputs. */
bool supported(const Operation &op, const Device &device) {
    return op.x.type == op.w.type && op.x.type == op.y.type &&
           (op.x.type == CUDNN_DATA_FLOAT || device.capability >= 80);
}

std::vector<int64_t> mode_a(uint64_t h, const Device &device) {
    bool no_plain = h % 3 == 0;  /* nothing without tensor cores that one could take */
    bool no_tensor = h % 7 == 3; /* nothing with them */
    std::vector<int64_t> list = {57, 36, 7, no_plain ? 5 : 1};
    if (!no_tensor) {
        list.push_back(28);
        list.push_back(34);
    }
    for (size_t i = list.size(); i > 1; i--) {
        std::swap(list[i - 1], list[mix(h, i) % i]);
    }
    if (device.capability < 80) {
        std::vector<int64_t> plain;
        for (int64_t index : list) {
            if (!find_engine(index)->tensor_core) {
                plain.push_back(index);
            }
        }
        return plain;
    }
    return list;
}

std::vector<int64_t> fallback(uint64_t h) {
    return h % 2 ? std::vector<int64_t>{0, 7} : std::vector<int64_t>{7, 0};
}

size_t workspace_of(const Engine &engine) {
    uint64_t h = hash(engine.graph.op);
    switch (engine.info->workspace) {
    case 0:
        return 0;
    case 1:
        return 1024 * (1 + h % 7) + 131;
    default:
        return engine.graph.op.w.bytes() / 2 + 4096 * (1 + h % 5) + 3;
    }
}

template <class T>
void put_list(Descriptor &d, int name, cudnnBackendAttributeType_t type,
              const std::vector<T> &list) {
    const char *p = (const char *)list.data();
    d.values[name] =
        Value{type, (int64_t)list.size(), std::vector<char>(p, p + list.size() * sizeof(T)), {}};
}

void put_engine(Descriptor &d, const Engine &engine) {
    put(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, engine.info->index);
    put_list(d, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
             engine.info->numerical);
    put_list(d, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, engine.info->behavior);
    d.meaning = engine;
}

Descriptor blank(cudnnBackendDescriptorType_t type) {
    Descriptor d;
    d.type = type;
    d.finalized = true;
    return d;
}

Descriptor describe(const Config &config) {
    Descriptor engine = blank(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    put_engine(engine, config.engine);
    Descriptor d = blank(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    d.values[CUDNN_ATTR_ENGINECFG_ENGINE] = Value{CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {engine}};
    Value &knobs = d.values[CUDNN_ATTR_ENGINECFG_KNOB_CHOICES];
    knobs = Value{CUDNN_TYPE_BACKEND_DESCRIPTOR, (int64_t)config.knobs.size(), {}, {}};
    for (const Knob &knob : config.knobs) {
        Descriptor choice = blank(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
        put(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, knob.type);
        put(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, knob.value);
        choice.meaning = knob;
        knobs.children.push_back(choice);
    }
    d.meaning = config;
    return d;
}

Config propose(const Graph &graph, int64_t index, uint64_t h) {
    Config config = {{graph, find_engine(index)}, {}};
    for (cudnnBackendKnobType_t type : config.engine.info->knobs) {
        int64_t value = (int64_t)(mix(h, (uint64_t)(index * 64 + type)) % knob_values);
        config.knobs.push_back({type, value});
    }
    return config;
}

/* The capability of the device that heuristics and plans are for: from device properties, or from a
 * handle. */
cudnnStatus_t device_of(const Descriptor &d, int properties, bool has_handle, Device *device) {
    *device = {0};
    if (d.values.count(properties)) {
        *device = std::get<Device>(d.values.at(properties).children[0].meaning);
    } else if (!has_handle) {
        return fail(CUDNN_STATUS_BAD_PARAM, "the %s has neither a handle nor device properties",
                    type_name(d.type));
    }
    if (device->capability == 0) {
        int major = 0, minor = 0;
        if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) != cudaSuccess ||
            cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0) != cudaSuccess) {
            return fail(CUDNN_STATUS_INTERNAL_ERROR, "the device does not answer");
        }
        device->capability = 10 * major + minor;
    }
    return CUDNN_STATUS_SUCCESS;
}

} // namespace

cudnnStatus_t finalize_heuristics(Descriptor &d) {
    const Value &child = d.values.at(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    Graph graph = std::get<Graph>(child.children[0].meaning);
    cudnnBackendHeurMode_t mode = first<cudnnBackendHeurMode_t>(d, CUDNN_ATTR_ENGINEHEUR_MODE);
    Device device;
    cudnnStatus_t status =
        device_of(d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, graph.has_handle, &device);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    uint64_t h = hash(graph.op);
    std::vector<int64_t> list;
    switch (mode) {
    case CUDNN_HEUR_MODE_A:
    case CUDNN_HEUR_MODE_B:
    case CUDNN_HEUR_MODE_INSTANT:
        list = mode_a(h, device);
        break;
    case CUDNN_HEUR_MODE_FALLBACK:
        list = fallback(h);
        break;
    default:
        return fail(CUDNN_STATUS_BAD_PARAM, "heuristic mode %d", (int)mode);
    }
    if (!supported(graph.op, device)) {
        list.clear(); /* what cuDNN 9.19 does: no error, nothing to choose from */
    }
    Value results = {CUDNN_TYPE_BACKEND_DESCRIPTOR, (int64_t)list.size(), {}, {}};
    for (int64_t index : list) {
        results.children.push_back(describe(propose(graph, index, h)));
    }
    d.values[CUDNN_ATTR_ENGINEHEUR_RESULTS] = results;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_engine(Descriptor &d) {
    const Value &child = d.values.at(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    int64_t index = first<int64_t>(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
    Engine engine = {std::get<Graph>(child.children[0].meaning), find_engine(index)};
    if (!engine.info) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED, "there is no engine %lld", (long long)index);
    }
    put_engine(d, engine);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_config(Descriptor &d) {
    const Value &child = d.values.at(CUDNN_ATTR_ENGINECFG_ENGINE);
    Config config = {std::get<Engine>(child.children[0].meaning), {}};
    if (d.values.count(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) {
        for (const Descriptor &choice : d.values.at(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES).children) {
            Knob knob = std::get<Knob>(choice.meaning);
            bool known = false;
            for (cudnnBackendKnobType_t type : config.engine.info->knobs) {
                known = known || type == knob.type;
            }
            if (!known || knob.value < 0 || knob.value >= knob_values) {
                return fail(CUDNN_STATUS_NOT_SUPPORTED, "engine %lld: knob %d, value %lld",
                            (long long)config.engine.info->index, (int)knob.type,
                            (long long)knob.value);
            }
            config.knobs.push_back(knob);
        }
    }
    d.meaning = config;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_plan(Descriptor &d) {
    const Value &child = d.values.at(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    Plan plan = {std::get<Config>(child.children[0].meaning), 0};
    const Engine &engine = plan.config.engine;
    bool has_handle = d.values.count(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) > 0;
    if (has_handle) {
        handle_stream(first<cudnnHandle_t>(d, CUDNN_ATTR_EXECUTION_PLAN_HANDLE),
                      "cudnnBackendFinalize");
    }
    Device device;
    cudnnStatus_t status = device_of(d, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, has_handle, &device);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    if (softgpu_fails("plan")) {
        return fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "no memory for the plan");
    }
    const Operation &op = engine.graph.op;
    bool aligned = true;
    for (const Tensor *t : {&op.x, &op.w, &op.y}) {
        aligned = aligned && t->alignment >= tensor_core_alignment;
    }
    bool cores = engine.info->tensor_core;
    if (!engine.info->finalizes || !supported(op, device) ||
        (cores && (!aligned || device.capability < 80))) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED, "engine %lld (%s) cannot do this convolution",
                    (long long)engine.info->index, engine.info->name);
    }
    plan.workspace = workspace_of(engine);
    put(d, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, (int64_t)plan.workspace);
    d.meaning = plan;
    return CUDNN_STATUS_SUCCESS;
}

} // namespace softdnn
