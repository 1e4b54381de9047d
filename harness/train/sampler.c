#include "harness/train/sampler.h"

#include <stdlib.h>

#include "harness/base/permutation.h"
#include "net/philox.h"

double last_batch_steps(LastBatch last, int count, int batch) {
    if (last == LAST_BATCH_EXACT)
        return (double)count / batch;
    return last == LAST_BATCH_KEEP ? (count + batch - 1) / batch : count / batch;
}

int crop_centre(int image, int input) {
    int more = image - input;
    return more / 2 + (more % 4 == 3);
}

struct Sampler {
    SamplerSpec spec;
    int64_t epoch;  /* whose order is in `order`; -1: none yet */
    int32_t *order; /* positions in spec.indices; NULL without shuffle */
};

static Status check_spec(const SamplerSpec *spec) {
    if (spec->count < 1 || !spec->indices)
        return status_fail(STATUS_BAD_INPUT, "sampler: no training images (count %d)", spec->count);
    if (spec->batch < 1)
        return status_fail(STATUS_BAD_INPUT, "sampler: batch is %d; it must be at least 1",
                           spec->batch);
    if (spec->last == LAST_BATCH_DROP && spec->count < spec->batch)
        return status_fail(
            STATUS_BAD_INPUT,
            "sampler: %d images make no whole batch of %d, and short ones are dropped", spec->count,
            spec->batch);
    if (spec->crop_pad < 0 || spec->crop_pad > INT16_MAX)
        return status_fail(STATUS_BAD_INPUT, "sampler: crop_pad is %d; it must be 0 to %d",
                           spec->crop_pad, INT16_MAX);
    return STATUS_OK;
}

Status sampler_create(const SamplerSpec *spec, Sampler **sampler) {
    *sampler = NULL;
    TRY(check_spec(spec));
    Sampler *made = malloc(sizeof *made);
    int32_t *order = spec->shuffle ? malloc((size_t)spec->count * sizeof *order) : NULL;
    if (!made || (spec->shuffle && !order)) {
        free(made);
        free(order);
        return status_fail(STATUS_NO_MEMORY, "sampler: no memory for the order of %d images",
                           spec->count);
    }
    *made = (Sampler){.spec = *spec, .epoch = -1, .order = order};
    *sampler = made;
    return STATUS_OK;
}

void sampler_destroy(Sampler *sampler) {
    if (!sampler)
        return;
    free(sampler->order);
    free(sampler);
}

/* The image at a position of an epoch. Caches the epoch's order. */
static int32_t image_at(Sampler *sampler, int64_t epoch, int position) {
    const SamplerSpec *spec = &sampler->spec;
    if (!spec->shuffle)
        return spec->indices[position];
    if (sampler->epoch != epoch) {
        permutation_fill(sampler->order, spec->count, spec->seed, STREAM_SHUFFLE, (uint32_t)epoch);
        sampler->epoch = epoch;
    }
    return spec->indices[sampler->order[position]];
}

/* All three draws are always made, so that switching one kind of augmentation off leaves the others
 * as they were. */
static Sample augment(const SamplerSpec *spec, int64_t epoch, int32_t image) {
    Philox draws = philox(spec->seed, STREAM_AUGMENT, (uint32_t)epoch, (uint32_t)image, 0);
    uint32_t offsets = 2 * (uint32_t)spec->crop_pad + 1;
    int first = spec->crop_centre - spec->crop_pad;
    return (Sample){
        .index = image,
        .dy = (int16_t)((int)philox_below(draws.v[0], offsets) + first),
        .dx = (int16_t)((int)philox_below(draws.v[1], offsets) + first),
        .flip = spec->flip ? (int32_t)philox_below(draws.v[2], 2) : 0,
    };
}

/* Where iteration t's first image lies, counted over the epochs laid end to end. */
static int64_t first_image(const SamplerSpec *spec, int64_t iteration) {
    if (spec->last == LAST_BATCH_EXACT)
        return iteration * spec->batch;
    int64_t steps = (int64_t)last_batch_steps(spec->last, spec->count, spec->batch);
    return iteration / steps * spec->count + iteration % steps * spec->batch;
}

int sampler_count(const Sampler *sampler, int64_t iteration) {
    const SamplerSpec *spec = &sampler->spec;
    int64_t left = spec->count - first_image(spec, iteration) % spec->count;
    return spec->last == LAST_BATCH_KEEP && left < spec->batch ? (int)left : spec->batch;
}

Status sampler_batch(Sampler *sampler, int64_t iteration, Sample *samples) {
    const SamplerSpec *spec = &sampler->spec;
    /* Epochs are counted in one 32-bit counter word. */
    int64_t last =
        (int64_t)(UINT32_MAX * last_batch_steps(spec->last, spec->count, spec->batch)) - 1;
    if (iteration < 0 || iteration > last)
        return status_fail(STATUS_BAD_INPUT, "sampler: iteration %lld is not in 0 to %lld",
                           (long long)iteration, (long long)last);
    int64_t first = first_image(spec, iteration);
    int count = sampler_count(sampler, iteration);
    for (int i = 0; i < count; i++) {
        int64_t epoch = (first + i) / spec->count;
        int position = (int)((first + i) % spec->count);
        samples[i] = augment(spec, epoch, image_at(sampler, epoch, position));
    }
    return STATUS_OK;
}

int64_t sampler_epoch(const Sampler *sampler, int64_t iteration) {
    return first_image(&sampler->spec, iteration) / sampler->spec.count;
}
