/* cuDNN's backend descriptors with fewer words. Source: NVIDIA cuDNN backend API reference. */
#ifndef GPU_DESCRIPTOR_H
#define GPU_DESCRIPTOR_H

#include <cudnn.h>
#include <stdint.h>

#include "net/status.h"

typedef cudnnBackendDescriptor_t Descriptor;

/* A descriptor under construction. The first failure sticks: later calls do nothing, finish()
 * reports it. */
typedef struct Building {
    Descriptor descriptor;
    cudnnStatus_t error;
    const char *what, *call; /* for the message; the last call */
} Building;

Building descriptor_begin(cudnnBackendDescriptorType_t type, const char *what);
void descriptor_set(Building *building, cudnnBackendAttributeName_t name,
                    cudnnBackendAttributeType_t type, int64_t count, const void *values);
void descriptor_set_int(Building *building, cudnnBackendAttributeName_t name, int64_t value);
void descriptor_set_float(Building *building, cudnnBackendAttributeName_t name, float value);
void descriptor_set_descriptor(Building *building, cudnnBackendAttributeName_t name,
                               Descriptor value);
/* Finalises. On failure the descriptor is destroyed and *out is NULL. */
Status descriptor_finish(Building *building, Descriptor *out);
/* Accepts NULL; sets it to NULL. */
void descriptor_destroy(Descriptor *descriptor);

#endif
