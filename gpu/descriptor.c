#include "gpu/descriptor.h"

#include "gpu/check.h"

Building descriptor_begin(cudnnBackendDescriptorType_t type, const char *what) {
    Building building = {.what = what, .call = "cudnnBackendCreateDescriptor"};
    building.error = cudnnBackendCreateDescriptor(type, &building.descriptor);
    return building;
}

void descriptor_set(Building *building, cudnnBackendAttributeName_t name,
                    cudnnBackendAttributeType_t type, int64_t count, const void *values) {
    if (building->error != CUDNN_STATUS_SUCCESS)
        return;
    building->error = cudnnBackendSetAttribute(building->descriptor, name, type, count, values);
    building->call = "cudnnBackendSetAttribute";
}

void descriptor_set_int(Building *building, cudnnBackendAttributeName_t name, int64_t value) {
    descriptor_set(building, name, CUDNN_TYPE_INT64, 1, &value);
}

void descriptor_set_float(Building *building, cudnnBackendAttributeName_t name, float value) {
    descriptor_set(building, name, CUDNN_TYPE_FLOAT, 1, &value);
}

void descriptor_set_descriptor(Building *building, cudnnBackendAttributeName_t name,
                               Descriptor value) {
    descriptor_set(building, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

Status descriptor_finish(Building *building, Descriptor *out) {
    *out = NULL;
    if (building->error == CUDNN_STATUS_SUCCESS) {
        building->error = cudnnBackendFinalize(building->descriptor);
        building->call = "cudnnBackendFinalize";
    }
    if (building->error != CUDNN_STATUS_SUCCESS) {
        Status status = gpu_cudnn_failure(building->error, building->call, building->what);
        descriptor_destroy(&building->descriptor);
        return status;
    }
    *out = building->descriptor;
    return STATUS_OK;
}

void descriptor_destroy(Descriptor *descriptor) {
    if (*descriptor)
        cudnnBackendDestroyDescriptor(*descriptor);
    *descriptor = NULL;
}
