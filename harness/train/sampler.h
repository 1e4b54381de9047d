/* Which images, cropped and flipped how, make up iteration t: a pure function of the seed.
 *
 * Iteration-exact (unless `last` says otherwise): the epochs' permutations are laid end to end and
 * cut into batches, so that no batch is short and T iterations are exactly T updates. Permutation
 * of epoch e: Fisher-Yates with draws keyed {STREAM_SHUFFLE, e, ...} (harness/base/permutation.h).
 * Crop and flip of an image in epoch e: the words of {STREAM_AUGMENT, e, image, 0}: word 0 gives dy
 * = floor(u (2 pad + 1)) - pad + centre, word 1 dx in the same way, word 2 the flip (its top bit);
 * word 3 is unused. `image` is the number in the data set, so the draw depends neither on the batch
 * size nor on which subset is used. */
#ifndef HARNESS_TRAIN_SAMPLER_H
#define HARNESS_TRAIN_SAMPLER_H

#include <stdbool.h>

#include "net/backend.h"

/* What becomes of the images that are left over when a batch does not divide an epoch. */
typedef enum LastBatch {
    LAST_BATCH_EXACT, /* epochs are laid end to end: no batch is short */
    LAST_BATCH_KEEP,  /* a short batch ends each epoch */
    LAST_BATCH_DROP,  /* they are left out */
} LastBatch;

/* Batches of an epoch; not whole when epochs are laid end to end. */
double last_batch_steps(LastBatch last, int count, int batch);

/* The first row (or column) of an image's middle that is as wide as the net's input, rounded as
 * torchvision's CenterCrop rounds: a half to the even side. Negative where the image is smaller. */
int crop_centre(int image, int input);

typedef struct SamplerSpec {
    const int32_t *indices; /* the training images; borrowed */
    int count;
    int batch;
    uint64_t seed;
    LastBatch last;
    bool shuffle;    /* false: the order of indices */
    int crop_centre; /* of the offsets dy, dx: crop_centre() */
    int crop_pad;    /* offsets uniform within crop_centre +- crop_pad; 0: no random crop */
    bool flip;       /* mirrored with probability 1/2 */
} SamplerSpec;

typedef struct Sampler Sampler;

Status sampler_create(const SamplerSpec *spec, Sampler **sampler);
/* NULL is allowed. */
void sampler_destroy(Sampler *sampler);
/* Images of iteration t's batch: less than `batch` only where a short one is kept. */
int sampler_count(const Sampler *sampler, int64_t iteration);
/* Fills samples[0..count) for iteration t = 0, 1, ...; any order of calls gives the same answer
 * (going forward is cheap). */
Status sampler_batch(Sampler *sampler, int64_t iteration, Sample *samples);
/* Epoch (from 0) in which iteration t's first image lies. */
int64_t sampler_epoch(const Sampler *sampler, int64_t iteration);

#endif
