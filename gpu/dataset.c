/* Images and labels in device memory, as the caller has them: bytes stay bytes. */
#include <stdlib.h>
#include <string.h>

#include "gpu/gpu.h"
#include "net/resize.h"

enum { PIECE = 16 << 20 }; /* bytes copied at a time, through pinned memory */

static Status copy_in(GpuBackend *gpu, const void *from, size_t bytes, void **to) {
    TRY(gpu_allocate(gpu, bytes, false, "the data set", 0, to));
    TRY(gpu_stage(gpu, bytes < PIECE ? bytes : PIECE));
    for (size_t at = 0; at < bytes; at += PIECE) {
        size_t piece = bytes - at < PIECE ? bytes - at : PIECE;
        memcpy(gpu->staging, (const uint8_t *)from + at, piece);
        TRY(gpu_upload(gpu, (uint8_t *)*to + at, piece, "the data set"));
    }
    return STATUS_OK;
}

void gpu_dataset_destroy(Dataset *base) {
    GpuDataset *data = (GpuDataset *)base;
    gpu_free(data->bytes);
    gpu_free(data->floats);
    gpu_free(data->labels);
    gpu_free(data->mean);
    gpu_free(data->scale);
    gpu_free(data->rows);
    gpu_free(data->columns);
    free(data);
}

/* The table of one axis. */
static Status copy_axis(GpuBackend *gpu, int in, int out, int32_t **entries, int *stride) {
    ResizeAxis axis;
    TRY(resize_axis_create(in, out, &axis));
    *stride = axis.stride;
    Status status =
        copy_in(gpu, axis.entries, (size_t)out * (size_t)axis.stride * sizeof *axis.entries,
                (void **)entries);
    resize_axis_free(&axis);
    return status;
}

Status gpu_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **result) {
    GpuBackend *gpu = gpu_backend_of(backend);
    size_t image = shape_count(dataset_shape(spec));
    size_t values = (size_t)spec->count * shape_count(spec->shape);
    GpuDataset *data = calloc(1, sizeof *data);
    if (!data)
        return status_fail(STATUS_NO_MEMORY, "no memory for a data set");
    data->base = (Dataset){backend, *spec};
    Status status = STATUS_OK;
    if (spec->bytes)
        CHECK(copy_in(gpu, spec->bytes, values, (void **)&data->bytes));
    if (spec->floats)
        CHECK(copy_in(gpu, spec->floats, values * sizeof(float), (void **)&data->floats));
    if (spec->mean)
        CHECK(copy_in(gpu, spec->mean, image * sizeof(float), (void **)&data->mean));
    if (spec->scale)
        CHECK(copy_in(gpu, spec->scale, (size_t)spec->shape.c * sizeof(float),
                      (void **)&data->scale));
    if (spec->resize_h) {
        CHECK(copy_axis(gpu, spec->shape.h, spec->resize_h, &data->rows, &data->row_stride));
        CHECK(copy_axis(gpu, spec->shape.w, spec->resize_w, &data->columns, &data->column_stride));
    }
    CHECK(
        copy_in(gpu, spec->labels, (size_t)spec->count * sizeof(int32_t), (void **)&data->labels));
    *result = &data->base;
out:
    if (status != STATUS_OK)
        gpu_dataset_destroy(&data->base);
    return status;
}
