/* Loss and error of a set of images. */
#ifndef HARNESS_TRAIN_EVALUATE_H
#define HARNESS_TRAIN_EVALUATE_H

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
/* True when every learned parameter and statistic is finite; *bad receives the first that is not.
 */
Status parameters_finite(State *state, bool *finite, int *bad);

#endif
