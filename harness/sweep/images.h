/* Which images a run uses, and how they are normalised. */
#ifndef HARNESS_SWEEP_IMAGES_H
#define HARNESS_SWEEP_IMAGES_H

#include "harness/sweep/config.h"

typedef struct RunImages {
    int32_t *all;                       /* private */
    int32_t *train, *validation, *test; /* numbers within their sets; validation NULL: none */
    int train_count, validation_count, test_count;
    Normalization normalization; /* over the training images */
} RunImages;

/* On failure there is nothing to free. */
Status run_images_choose(const RunConfig *config, const DataSource *source, RunImages *images);
void run_images_free(RunImages *images);
/* How many of a run's training images are held back for validation. */
int run_held_back(const RunConfig *config, int train_count);

#endif
