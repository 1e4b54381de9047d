/* Images stay in the caller's arrays; a batch is gathered, cropped, flipped and normalised in one
 * pass; where they are to be resized, an image at a time before that. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "net/resize.h"

typedef struct CpuDataset {
    Dataset base;
    ResizeAxis rows, columns; /* when images are resized */
    int threads;
    size_t scratch_bytes; /* of one thread: a resized image, and one resized in width only */
    uint8_t *scratch;
} CpuDataset;

static Status prepare_resize(CpuDataset *data) {
    const DatasetSpec *spec = &data->base.spec;
    size_t width = (size_t)spec->shape.c * (size_t)spec->resize_w;
    TRY(resize_axis_create(spec->shape.h, spec->resize_h, &data->rows));
    TRY(resize_axis_create(spec->shape.w, spec->resize_w, &data->columns));
    data->scratch_bytes = width * (size_t)(spec->resize_h + spec->shape.h);
    data->scratch = malloc(data->scratch_bytes * (size_t)data->threads);
    return data->scratch ? STATUS_OK
                         : status_fail(STATUS_NO_MEMORY, "no memory to resize images to %dx%d",
                                       spec->resize_h, spec->resize_w);
}

Status cpu_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **result) {
    CpuDataset *data = calloc(1, sizeof *data);
    if (!data)
        return status_fail(STATUS_NO_MEMORY, "no memory for a data set");
    data->base = (Dataset){backend, *spec};
    data->threads = cpu_backend_of(backend)->threads;
    Status status = spec->resize_h ? prepare_resize(data) : STATUS_OK;
    if (status == STATUS_OK)
        *result = &data->base;
    else
        cpu_dataset_destroy(&data->base);
    return status;
}

void cpu_dataset_destroy(Dataset *base) {
    CpuDataset *data = (CpuDataset *)base;
    resize_axis_free(&data->rows);
    resize_axis_free(&data->columns);
    free(data->scratch);
    free(data);
}

/* The whole image, resized, in this thread's scratch: columns first, then rows, as the definition
 * says. */
static const uint8_t *resized(const CpuDataset *data, int index) {
    const DatasetSpec *spec = &data->base.spec;
    Shape in = spec->shape, out = dataset_shape(spec);
    uint8_t *to = data->scratch + data->scratch_bytes * (size_t)omp_get_thread_num();
    uint8_t *wide = to + shape_count(out);
    const uint8_t *from = spec->bytes + (size_t)index * shape_count(in);
    for (int line = 0; line < in.c * in.h; line++)
        for (int x = 0; x < out.w; x++)
            wide[line * out.w + x] =
                resize_one(data->columns.entries + x * data->columns.stride, from + line * in.w, 1);
    for (int line = 0; line < out.c * out.h; line++)
        for (int x = 0; x < out.w; x++)
            to[line * out.w + x] = resize_one(data->rows.entries + line % out.h * data->rows.stride,
                                              wide + line / out.h * in.h * out.w + x, out.w);
    return to;
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

/* As if the data set were this one resized image. */
static void gather_resized(float *x, Shape shape, const CpuDataset *data, const Sample *sample) {
    DatasetSpec one = data->base.spec;
    Sample first = *sample;
    one.shape = dataset_shape(&data->base.spec);
    one.bytes = resized(data, sample->index);
    first.index = 0;
    gather_image(x, shape, &one, &first);
}

void cpu_gather(float *x, const Batch *batch, Shape shape) {
    size_t image = shape_count(shape);
    const CpuDataset *data = (const CpuDataset *)batch->data;
    const DatasetSpec *spec = &data->base.spec;
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)batch->count * image))
    for (int n = 0; n < batch->count; n++) {
        if (spec->resize_h)
            gather_resized(x + (size_t)n * image, shape, data, &batch->samples[n]);
        else
            gather_image(x + (size_t)n * image, shape, spec, &batch->samples[n]);
    }
}
