/* Images stay in the caller's arrays; a batch is gathered, cropped, flipped and normalised in one
 * pass. */
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"

Status cpu_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data) {
    *data = malloc(sizeof **data);
    if (!*data)
        return status_fail(STATUS_NO_MEMORY, "no memory for a data set");
    **data = (Dataset){backend, *spec};
    return STATUS_OK;
}

void cpu_dataset_destroy(Dataset *data) {
    free(data);
}

/* x[i] = (from[i * step] - mean[i * step]) * scale for n pixels; step is 1 or -1 (mirrored). */
static void normalise_bytes(float *x, const uint8_t *from, const float *mean, float scale, int n,
                            int step) {
    for (int i = 0; i < n; i++)
        x[i] = ((float)from[i * step] - (mean ? mean[i * step] : 0)) * scale;
}

static void normalise_floats(float *x, const float *from, const float *mean, float scale, int n,
                             int step) {
    for (int i = 0; i < n; i++)
        x[i] = (from[i * step] - (mean ? mean[i * step] : 0)) * scale;
}

/* One row of the net's input: columns [begin, end) come from row `sy` of the image, the rest is 0.
 */
static void gather_row(float *x, int width, const DatasetSpec *data, const Sample *sample, int c,
                       int sy) {
    int stored = data->shape.w, step = sample->flip ? -1 : 1;
    int first = sample->flip ? width - 1 + sample->dx : sample->dx; /* image column of x[0] */
    int begin = sample->flip ? first - (stored - 1) : -first;
    int end = sample->flip ? first + 1 : stored - first;
    begin = begin < 0 ? 0 : begin > width ? width : begin;
    end = end > width ? width : end < begin ? begin : end;
    memset(x, 0, (size_t)begin * sizeof *x);
    memset(x + end, 0, (size_t)(width - end) * sizeof *x);
    if (begin == end)
        return;
    size_t plane = ((size_t)c * (size_t)data->shape.h + (size_t)sy) * (size_t)stored;
    size_t column = plane + (size_t)(first + begin * step);
    size_t image = (size_t)sample->index * shape_count(data->shape);
    const float *mean = data->mean ? data->mean + column : NULL;
    float scale = data->scale ? data->scale[c] : 1;
    if (data->bytes)
        normalise_bytes(x + begin, data->bytes + image + column, mean, scale, end - begin, step);
    else
        normalise_floats(x + begin, data->floats + image + column, mean, scale, end - begin, step);
}

static void gather_image(float *x, Shape shape, const DatasetSpec *data, const Sample *sample) {
    for (int c = 0; c < shape.c; c++)
        for (int y = 0; y < shape.h; y++, x += shape.w) {
            int sy = y + sample->dy;
            if (sy < 0 || sy >= data->shape.h)
                memset(x, 0, (size_t)shape.w * sizeof *x);
            else
                gather_row(x, shape.w, data, sample, c, sy);
        }
}

void cpu_gather(float *x, const Batch *batch, Shape shape) {
    size_t image = shape_count(shape);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)batch->count * image))
    for (int n = 0; n < batch->count; n++)
        gather_image(x + (size_t)n * image, shape, &batch->data->spec, &batch->samples[n]);
}
