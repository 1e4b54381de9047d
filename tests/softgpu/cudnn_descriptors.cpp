#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "cudnn_objects.h"

namespace softdnn {
namespace {

std::mutex mutex;
/* Destroyed ones stay (emptied), so that a later use is recognised. */
std::unordered_map<const void *, std::unique_ptr<Descriptor>> descriptors;

std::string leak_name(const Descriptor &d) {
    return std::string("cuDNN descriptor: ") + type_name(d.type);
}

bool is_operation(cudnnBackendDescriptorType_t type) {
    return type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
           type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
           type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}

/* The descriptor that an attribute is to hold, checked to be of its kind. */
Descriptor &child_of_kind(const Rule &rule, void *pointer, const char *call) {
    Descriptor &child = live(pointer, call);
    bool fits = rule.name == CUDNN_ATTR_OPERATIONGRAPH_OPS ? is_operation(child.type)
                                                           : child.type == rule.child;
    if (!fits) {
        softgpu_die("%s: %s: a descriptor of kind '%s' where another kind is needed", call,
                    rule.text, type_name(child.type));
    }
    return child;
}

cudnnStatus_t copy_children(const Rule &rule, int64_t count, const void *elements, Value *value) {
    for (int64_t i = 0; i < count; i++) {
        void *pointer = ((void *const *)elements)[i];
        if (!pointer) {
            return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "%s: element %lld is NULL", rule.text,
                        (long long)i);
        }
        Descriptor &child = child_of_kind(rule, pointer, "cudnnBackendSetAttribute");
        if (!child.finalized) {
            return fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "%s: the %s is not finalised",
                        rule.text, type_name(child.type));
        }
        value->children.push_back(child);
    }
    return CUDNN_STATUS_SUCCESS;
}

/* The attribute's rule, or why there is none. */
cudnnStatus_t look_up(const Descriptor &d, int name, int type, const Rule **rule) {
    *rule = find_rule(d.type, name, type);
    if (!*rule) {
        return fail(CUDNN_STATUS_BAD_PARAM, "a descriptor of kind '%s' has no attribute %d",
                    type_name(d.type), name);
    }
    if ((*rule)->type != type) {
        return fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "%s has elements of type %d, not %d",
                    (*rule)->text, (int)(*rule)->type, type);
    }
    return CUDNN_STATUS_SUCCESS;
}

/* Makes the caller's empty descriptors copies of the ones that the attribute holds. */
cudnnStatus_t give_children(const Rule &rule, const Value &value, int64_t count, void **out) {
    for (int64_t i = 0; i < count; i++) {
        if (!out[i]) {
            return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
                        "%s: element %lld is NULL: create a descriptor to be filled", rule.text,
                        (long long)i);
        }
        Descriptor &place = child_of_kind(rule, out[i], "cudnnBackendGetAttribute");
        if (place.finalized) {
            return fail(CUDNN_STATUS_BAD_PARAM, "%s: element %lld is in use already", rule.text,
                        (long long)i);
        }
        place = value.children[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t get(const Descriptor &d, const Rule &rule, int64_t requested, int64_t *count,
                  void *elements) {
    auto found = d.values.find(rule.name);
    int64_t present = found == d.values.end() ? 0 : found->second.count;
    if (present > 0 && found->second.type != rule.type) {
        return fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "%s was set with type %d", rule.text,
                    (int)found->second.type);
    }
    bool results = rule.name == CUDNN_ATTR_ENGINEHEUR_RESULTS;
    if (!elements) {
        if (!count) {
            return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "%s: no place for an answer",
                        rule.text);
        }
        /* As with cuDNN 9.19, the length of the list is only bounded before it is fetched. */
        *count = results ? present + 2 : present;
        return CUDNN_STATUS_SUCCESS;
    }
    int64_t given = std::min(present, requested);
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    if (rule.type == CUDNN_TYPE_BACKEND_DESCRIPTOR && given > 0) {
        status = give_children(rule, found->second, given, (void **)elements);
    } else if (given > 0) {
        memcpy(elements, found->second.bytes.data(), (size_t)given * element_size(rule.type));
    }
    if (status == CUDNN_STATUS_SUCCESS && count) {
        *count = results ? given : present;
    }
    return status;
}

} // namespace

Descriptor &live(cudnnBackendDescriptor_t descriptor, const char *call) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = descriptors.find(descriptor);
    if (found == descriptors.end()) {
        softgpu_die("%s: %p is no cuDNN descriptor", call, descriptor);
    }
    if (found->second->destroyed) {
        softgpu_die("%s: the %s descriptor %p was destroyed", call, type_name(found->second->type),
                    descriptor);
    }
    return *found->second;
}

} // namespace softdnn

using namespace softdnn;

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *descriptor) {
    if (!descriptor) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for the descriptor");
    }
    if (!type_name(type)) {
        return fail(CUDNN_STATUS_NOT_SUPPORTED, "descriptors of type %d are not known", (int)type);
    }
    if (softgpu_fails("descriptor")) {
        return fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "no memory for a %s",
                    type_name(type));
    }
    auto made = std::make_unique<Descriptor>();
    made->type = type;
    *descriptor = made.get();
    softgpu_count(leak_name(*made).c_str(), 1);
    std::lock_guard<std::mutex> lock(mutex);
    descriptors[*descriptor] = std::move(made);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
    if (!descriptor) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the descriptor is NULL");
    }
    Descriptor &d = live(descriptor, "cudnnBackendDestroyDescriptor");
    d.destroyed = true;
    d.values.clear();
    d.meaning = Meaning();
    softgpu_count(leak_name(d).c_str(), -1);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void *elements) {
    if (!descriptor || !elements) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "attribute %d: %s is NULL", (int)name,
                    descriptor ? "its value" : "the descriptor");
    }
    Descriptor &d = live(descriptor, "cudnnBackendSetAttribute");
    const Rule *rule;
    cudnnStatus_t status = look_up(d, name, type, &rule);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    if (d.finalized) {
        return fail(CUDNN_STATUS_BAD_PARAM, "%s: the %s is finalised already", rule->text,
                    type_name(d.type));
    }
    if (rule->use == Rule::result) {
        return fail(CUDNN_STATUS_BAD_PARAM, "%s can be read only", rule->text);
    }
    if (count < rule->least || count > rule->most) {
        return fail(CUDNN_STATUS_BAD_PARAM, "%s takes %lld to %lld elements, not %lld", rule->text,
                    (long long)rule->least, (long long)rule->most, (long long)count);
    }
    Value value = {type, count, {}, {}};
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        status = copy_children(*rule, count, elements, &value);
        if (status != CUDNN_STATUS_SUCCESS) {
            return status;
        }
    } else {
        const char *bytes = (const char *)elements;
        value.bytes.assign(bytes, bytes + (size_t)count * element_size(type));
    }
    d.values[name] = std::move(value);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t requested,
                                       int64_t *count, void *elements) {
    if (!descriptor) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "attribute %d: the descriptor is NULL",
                    (int)name);
    }
    const Descriptor &d = live(descriptor, "cudnnBackendGetAttribute");
    const Rule *rule;
    cudnnStatus_t status = look_up(d, name, type, &rule);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    if (!d.finalized) {
        return fail(CUDNN_STATUS_NOT_INITIALIZED, "%s: the %s is not finalised", rule->text,
                    type_name(d.type));
    }
    if (requested < 0) {
        return fail(CUDNN_STATUS_BAD_PARAM, "%s: %lld elements asked for", rule->text,
                    (long long)requested);
    }
    return get(d, *rule, requested, count, elements);
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
    if (!descriptor) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the descriptor is NULL");
    }
    Descriptor &d = live(descriptor, "cudnnBackendFinalize");
    if (d.finalized) {
        return fail(CUDNN_STATUS_BAD_PARAM, "the %s is finalised already", type_name(d.type));
    }
    cudnnStatus_t status = finalize(d);
    d.finalized = status == CUDNN_STATUS_SUCCESS;
    return status;
}
