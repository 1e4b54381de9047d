/* Images stay where the caller has them; a batch is gathered, cropped, mirrored and normalised. */
#include <stdlib.h>

#include "ref/internal.h"

Status ref_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data) {
    *data = calloc(1, sizeof **data);
    if (!*data)
        return status_fail(STATUS_NO_MEMORY, "no memory for a data set");
    (*data)->backend = backend;
    (*data)->spec = *spec;
    return STATUS_OK;
}

void ref_dataset_destroy(Dataset *data) {
    free(data);
}

/* The normalised pixel, 0 outside the image. In float, as the contract says. */
static double pixel(const DatasetSpec *data, int image, int c, int h, int w) {
    Shape shape = data->shape;
    if (h < 0 || h >= shape.h || w < 0 || w >= shape.w)
        return 0;
    size_t at = ((size_t)c * shape.h + h) * shape.w + w;
    size_t from = (size_t)image * shape_count(shape) + at;
    float value = data->bytes ? (float)data->bytes[from] : data->floats[from];
    float centred = value - (data->mean ? data->mean[at] : 0.0f);
    return centred * (data->scale ? data->scale[c] : 1.0f);
}

void ref_gather(double *x, int32_t *labels, const Batch *batch, Shape shape) {
    const DatasetSpec *data = &batch->data->spec;
    for (int n = 0; n < batch->count; n++) {
        Sample sample = batch->samples[n];
        labels[n] = data->labels[sample.index];
        for (int c = 0; c < shape.c; c++)
            for (int h = 0; h < shape.h; h++)
                for (int w = 0; w < shape.w; w++)
                    *x++ = pixel(data, sample.index, c, h + sample.dy,
                                 (sample.flip ? shape.w - 1 - w : w) + sample.dx);
    }
}
