/* Images stay where the caller has them; a batch is gathered, cropped, mirrored and normalised. */
#include <stdlib.h>

#include "net/resize.h"
#include "ref/internal.h"

typedef struct RefDataset {
    Dataset base;
    ResizeAxis rows, columns; /* when images are resized */
} RefDataset;

Status ref_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **result) {
    RefDataset *data = calloc(1, sizeof *data);
    if (!data)
        return status_fail(STATUS_NO_MEMORY, "no memory for a data set");
    data->base = (Dataset){backend, *spec};
    Status status = STATUS_OK;
    if (spec->resize_h) {
        CHECK(resize_axis_create(spec->shape.h, spec->resize_h, &data->rows));
        CHECK(resize_axis_create(spec->shape.w, spec->resize_w, &data->columns));
    }
    *result = &data->base;
out:
    if (status != STATUS_OK)
        ref_dataset_destroy(&data->base);
    return status;
}

void ref_dataset_destroy(Dataset *base) {
    RefDataset *data = (RefDataset *)base;
    resize_axis_free(&data->rows);
    resize_axis_free(&data->columns);
    free(data);
}

/* The stored or resized value. */
static float raw_pixel(const RefDataset *data, int image, int c, int h, int w) {
    const DatasetSpec *spec = &data->base.spec;
    int width = spec->shape.w;
    size_t plane = ((size_t)image * spec->shape.c + c) * spec->shape.h * width;
    if (spec->resize_h)
        return resize_pixel(data->rows.entries + h * data->rows.stride,
                            data->columns.entries + w * data->columns.stride, spec->bytes + plane,
                            width);
    size_t at = plane + (size_t)h * width + w;
    return spec->bytes ? (float)spec->bytes[at] : spec->floats[at];
}

/* The normalised pixel, 0 outside the image. In float, as the contract says. */
static double pixel(const RefDataset *data, int image, int c, int h, int w) {
    const DatasetSpec *spec = &data->base.spec;
    Shape shape = dataset_shape(spec);
    if (h < 0 || h >= shape.h || w < 0 || w >= shape.w)
        return 0;
    size_t at = ((size_t)c * shape.h + h) * shape.w + w;
    float centred = raw_pixel(data, image, c, h, w) - (spec->mean ? spec->mean[at] : 0.0f);
    return centred * (spec->scale ? spec->scale[c] : 1.0f);
}

void ref_gather(double *x, int32_t *labels, const Batch *batch, Shape shape) {
    const RefDataset *data = (const RefDataset *)batch->data;
    for (int n = 0; n < batch->count; n++) {
        Sample sample = batch->samples[n];
        labels[n] = data->base.spec.labels[sample.index];
        for (int c = 0; c < shape.c; c++)
            for (int h = 0; h < shape.h; h++)
                for (int w = 0; w < shape.w; w++)
                    *x++ = pixel(data, sample.index, c, h + sample.dy,
                                 (sample.flip ? shape.w - 1 - w : w) + sample.dx);
    }
}
