/* What cuDNN's opaque descriptors stand for here, and what its files share.
 *
 * cudnn_handle.cpp       handles, versions, error texts
 * cudnn_schema.cpp       which attributes a descriptor has
 * cudnn_descriptors.cpp  create, destroy, set, get
 * cudnn_finalize.cpp     from attributes to meaning, with the checks
 * cudnn_heuristics.cpp   engines, the lists of each mode, plans
 * cudnn_execute.cpp      the variant pack's checks, and the operation in its stream
 * cudnn_convolve.cpp     the arithmetic
 *
 * A descriptor that is set as another's attribute is copied at that moment, as cuDNN 9.19 does: it
 * may be destroyed afterwards. Using a destroyed descriptor, or one of the wrong kind where memory
 * would be misread, is fatal. */
#ifndef SOFTGPU_CUDNN_OBJECTS_H
#define SOFTGPU_CUDNN_OBJECTS_H

#include <cstddef>
#include <map>
#include <variant>
#include <vector>

#include "cudnn.h"
#include "softgpu.h"

namespace softdnn {

/* NHWC, fully packed; dim in the order N C H W, for weights K C R S. */
struct Tensor {
    int64_t uid;
    cudnnDataType_t type;
    int64_t dim[4];
    int64_t alignment;
    size_t elements() const;
    size_t bytes() const;
};

struct Convolution {
    int64_t pre[2], post[2], stride[2], dilation[2]; /* height, width */
};

enum class Kind { forward, backward_data, backward_filter };

/* y = alpha conv(x, w) + beta y, and its gradients: x, w or y is the output by the kind. */
struct Operation {
    Kind kind;
    Convolution conv;
    Tensor x, w, y;
    float alpha, beta;
    const Tensor &output() const;
    std::vector<Tensor> inputs() const;
};

/* The card that lists and plans are made for. Capability: 10 * major + minor, or 0: ask the device.
 */
struct Device {
    int capability;
};

struct Graph {
    Operation op;
    bool has_handle;
};

struct Knob {
    cudnnBackendKnobType_t type;
    int64_t value;
};

/* One way to compute a convolution. */
struct EngineInfo {
    int64_t index;
    const char *name;
    bool finalizes;
    bool deterministic;
    bool tensor_core;
    int workspace; /* 0: none; 1: some KiB; 2: grows with the filter */
    std::vector<cudnnBackendKnobType_t> knobs;
    std::vector<cudnnBackendNumericalNote_t> numerical;
    std::vector<cudnnBackendBehaviorNote_t> behavior;
};

struct Engine {
    Graph graph;
    const EngineInfo *info;
};

struct Config {
    Engine engine;
    std::vector<Knob> knobs;
};

struct Plan {
    Config config;
    size_t workspace;
};

struct Pack {
    std::vector<int64_t> uids;
    std::vector<void *> pointers;
    void *workspace;
};

struct Descriptor;

/* An attribute as it was set: raw elements, or copies of descriptors. */
struct Value {
    cudnnBackendAttributeType_t type;
    int64_t count;
    std::vector<char> bytes;
    std::vector<Descriptor> children;
};

using Meaning = std::variant<std::monostate, Tensor, Convolution, Operation, Device, Graph, Knob,
                             Engine, Config, Plan, Pack>;

struct Descriptor {
    cudnnBackendDescriptorType_t type;
    bool finalized = false;
    bool destroyed = false;
    std::map<int, Value> values;
    Meaning meaning;
};

/* One attribute of a kind of descriptor. An attribute may have two rules, for two types. */
struct Rule {
    cudnnBackendDescriptorType_t descriptor;
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t least, most; /* number of elements */
    enum { required, optional, result } use;
    cudnnBackendDescriptorType_t child; /* kind of descriptor it holds, for BACKEND_DESCRIPTOR */
    const char *text;
};

const std::vector<Rule> &rules();
/* The rule for this attribute and type; one of another type when none fits; NULL: no such one. */
const Rule *find_rule(cudnnBackendDescriptorType_t descriptor, int name, int type);
size_t element_size(cudnnBackendAttributeType_t type);
const char *type_name(cudnnBackendDescriptorType_t type);

/* Remembers the text for cudnnGetLastErrorString() and returns the status. */
cudnnStatus_t fail(cudnnStatus_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The live descriptor behind a pointer; anything else is fatal. `call` names the caller. */
Descriptor &live(cudnnBackendDescriptor_t descriptor, const char *call);
/* The stream of a live handle; anything else is fatal. */
cudaStream_t handle_stream(cudnnHandle_t handle, const char *call);

/* The first element of an attribute that is set and has this type. */
template <class T> T first(const Descriptor &d, int name) {
    return *(const T *)d.values.at(name).bytes.data();
}
template <class T> T first_or(const Descriptor &d, int name, T otherwise) {
    return d.values.count(name) ? first<T>(d, name) : otherwise;
}
template <class T> void put(Descriptor &d, int name, cudnnBackendAttributeType_t type, T value) {
    const char *p = (const char *)&value;
    d.values[name] = Value{type, 1, std::vector<char>(p, p + sizeof value), {}};
}

cudnnStatus_t finalize(Descriptor &d);

/* The parts of finalize() that engines matter to. */
cudnnStatus_t finalize_heuristics(Descriptor &d);
cudnnStatus_t finalize_engine(Descriptor &d);
cudnnStatus_t finalize_config(Descriptor &d);
cudnnStatus_t finalize_plan(Descriptor &d);
/* The bare convolutions over fp32 arrays, NHWC and KRSC; results overwrite `out`. */
void convolve(const Operation &op, const float *a, const float *b, float *out);

} // namespace softdnn

#endif
