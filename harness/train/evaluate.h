/* Loss and error of a set of images. */
#ifndef HARNESS_TRAIN_EVALUATE_H
#define HARNESS_TRAIN_EVALUATE_H

#include "harness/data/data.h"
#include "net/backend.h"

typedef struct Evaluation {
    double loss; /* mean over the images */
    int64_t errors, images;
    double error_pct;
} Evaluation;

/* Runs the program over the images in order, unmirrored, of larger ones the middle, in batches of
 * its size; the last one may be short. */
Status evaluate(Program *program, const Dataset *data, const int32_t *indices, int count,
                Evaluation *evaluation);
/* The same; after each batch `each` may look at the program's taps. */
typedef Status EvaluatedFn(void *context, Program *program, const Batch *batch);
Status evaluate_each(Program *program, const Dataset *data, const int32_t *indices, int count,
                     EvaluatedFn *each, void *context, Evaluation *evaluation);
/* The first of `count` images, in their order, as many of each class as make up `wanted`; all when
 * they are no more. The caller frees *chosen, also after a failure. */
Status clean_images(const ImageSet *set, const int32_t *images, int count, int wanted,
                    int32_t **chosen, int *chosen_count);
/* True when every learned parameter and statistic is finite; *bad receives the first that is not.
 */
Status parameters_finite(State *state, bool *finite, int *bad);

#endif
