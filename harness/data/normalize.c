/* Mean image and scale. The sums are taken in integers, so they are exact and their order does not
 * matter. 32 bits hold the sum of one pixel over 16 million images. */
#include <math.h>
#include <stdlib.h>

#include "harness/data/data.h"

/* Of ImageNet's training images, on the scale 0 to 1, as torchvision uses them. */
static const double imagenet_mean[3] = {0.485, 0.456, 0.406};
static const double imagenet_deviation[3] = {0.229, 0.224, 0.225};

static void fill_channel(Normalization *out, Shape shape, int c, double mean, double scale) {
    int plane = shape.h * shape.w;
    for (int i = 0; i < plane; i++)
        out->mean[c * plane + i] = (float)mean;
    out->scale[c] = (float)scale;
}

/* mean[c,h,w] over the images; scale 1 / 255. */
static Status pixel_mean(const ImageSet *set, const int32_t *indices, int count,
                         Normalization *out) {
    size_t size = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    uint32_t *sums = calloc(size, sizeof *sums);
    if (!sums)
        return status_fail(STATUS_NO_MEMORY, "no memory for the mean image");
    for (int i = 0; i < count; i++) {
        const uint8_t *image = set->images + (size_t)indices[i] * size;
        for (size_t k = 0; k < size; k++)
            sums[k] += image[k];
    }
    for (size_t k = 0; k < size; k++)
        out->mean[k] = (float)((double)sums[k] / count);
    for (int c = 0; c < set->shape.c; c++)
        out->scale[c] = 1.0f / 255.0f;
    free(sums);
    return STATUS_OK;
}

/* Mean and population standard deviation of channel c, in pixel units. */
static void channel_statistics(const ImageSet *set, const int32_t *indices, int count, int c,
                               double *mean, double *deviation) {
    size_t plane = (size_t)set->shape.h * (size_t)set->shape.w;
    uint64_t sum = 0, squares = 0;
    for (int i = 0; i < count; i++) {
        const uint8_t *image =
            set->images + ((size_t)indices[i] * (size_t)set->shape.c + (size_t)c) * plane;
        for (size_t k = 0; k < plane; k++) {
            sum += image[k];
            squares += (uint32_t)image[k] * image[k];
        }
    }
    double n = (double)plane * count;
    *mean = (double)sum / n;
    *deviation = sqrt((double)squares / n - *mean * *mean);
}

static Status channel_mean(const ImageSet *set, const int32_t *indices, int count,
                           Normalization *out) {
    for (int c = 0; c < set->shape.c; c++) {
        double mean, deviation;
        channel_statistics(set, indices, count, c, &mean, &deviation);
        if (!(deviation > 1e-3)) /* pixel units; a real spread is far above, rounding far below */
            return status_fail(STATUS_BAD_INPUT,
                               "normalize=channel: channel %d is constant over the %d training "
                               "images; use normalize=pixel or scale",
                               c, count);
        fill_channel(out, set->shape, c, mean, 1 / deviation);
    }
    return STATUS_OK;
}

static Status fill(Normalize kind, const ImageSet *set, const int32_t *indices, int count,
                   Normalization *out) {
    switch (kind) {
    case NORMALIZE_PIXEL:
        return pixel_mean(set, indices, count, out);
    case NORMALIZE_CHANNEL:
        return channel_mean(set, indices, count, out);
    case NORMALIZE_IMAGENET:
        if (set->shape.c != 3)
            return status_fail(STATUS_BAD_INPUT,
                               "normalize=imagenet needs images of 3 channels; these have %d",
                               set->shape.c);
        for (int c = 0; c < 3; c++)
            fill_channel(out, set->shape, c, 255 * imagenet_mean[c],
                         1 / (255 * imagenet_deviation[c]));
        return STATUS_OK;
    case NORMALIZE_SCALE:
        for (int c = 0; c < set->shape.c; c++)
            fill_channel(out, set->shape, c, 0, 1.0 / 255);
        return STATUS_OK;
    }
    return status_fail(STATUS_BAD_INPUT, "normalisation number %d does not exist", (int)kind);
}

Status normalization_make(Normalize kind, const ImageSet *set, const int32_t *indices, int count,
                          Normalization *out) {
    size_t size = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    *out = (Normalization){0};
    if (count < 1)
        return status_fail(STATUS_BAD_INPUT, "no training images to normalise by");
    out->mean = malloc(size * sizeof *out->mean);
    out->scale = malloc((size_t)set->shape.c * sizeof *out->scale);
    Status status = out->mean && out->scale
                        ? fill(kind, set, indices, count, out)
                        : status_fail(STATUS_NO_MEMORY, "no memory for the mean image");
    if (status != STATUS_OK)
        normalization_free(out);
    return status;
}

void normalization_free(Normalization *normalization) {
    free(normalization->mean);
    free(normalization->scale);
    *normalization = (Normalization){0};
}
