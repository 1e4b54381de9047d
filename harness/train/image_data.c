#include "harness/train/image_data.h"

#include <stdlib.h>

/* The mean image where the images are resized: it is the same in all of a channel (a mean image by
 * pixel is not offered for these). */
static Status resized_mean(const Normalization *norm, const ImageSet *set, int resize,
                           float **mean) {
    size_t area = (size_t)resize * (size_t)resize;
    size_t stored = (size_t)set->shape.h * (size_t)set->shape.w;
    *mean = malloc((size_t)set->shape.c * area * sizeof **mean);
    if (!*mean)
        return status_fail(STATUS_NO_MEMORY, "no memory for a mean image of %dx%d", resize, resize);
    for (size_t i = 0; i < (size_t)set->shape.c * area; i++)
        (*mean)[i] = norm->mean[i / area * stored];
    return STATUS_OK;
}

Status image_data_open(Backend *backend, const ImageSet *set, const Normalization *normalization,
                       int resize, ImageData *images) {
    *images = (ImageData){0};
    DatasetSpec spec = {.count = set->count,
                        .shape = set->shape,
                        .resize_h = resize,
                        .resize_w = resize,
                        .bytes = set->images,
                        .labels = set->labels,
                        .mean = normalization->mean,
                        .scale = normalization->scale};
    if (resize) {
        TRY(resized_mean(normalization, set, resize, &images->mean));
        spec.mean = images->mean;
    }
    return dataset_create(backend, &spec, &images->data);
}

void image_data_close(ImageData *images) {
    dataset_destroy(images->data);
    free(images->mean);
    *images = (ImageData){0};
}
