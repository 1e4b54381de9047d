/* A net on a backend with random parameters and one random batch: what comparisons start from. */
#ifndef HARNESS_CHECK_RIG_H
#define HARNESS_CHECK_RIG_H

#include "net/backend.h"

enum { RIG_BATCH_MAX = 128 };

/* ProgramSpec.seed of programs that are compared. */
#define RIG_SEED UINT64_C(0x9e3779b97f4a7c15)

typedef struct Rig {
    Net *net;         /* borrowed */
    Backend *backend; /* borrowed */
    State *state;
    Dataset *data;
    int batch;
    uint32_t draw;                 /* of parameters, images and labels; 0 */
    Sample samples[RIG_BATCH_MAX]; /* image i, uncropped */
    int32_t labels[RIG_BATCH_MAX];
    float *images; /* uniform in (-1, 1) */
    float *dy;     /* uniform in (-1, 1), as large as the last node's output */
} Rig;

/* Weights are uniform with variance 1 / fan_in, batch-norm weights and variances in (0.5, 1.5),
 * biases and means in (-0.5, 0.5). optimizer NULL: SGD without momentum. rig_end() also after a
 * failure. */
Status rig_begin(Rig *rig, Backend *backend, Net *net, int batch, const Optimizer *optimizer);
/* Frees everything but the net and the backend. */
void rig_end(Rig *rig);
/* Writes the random parameters again. */
Status rig_write_parameters(Rig *rig);
/* Other random parameters, images and labels. */
Status rig_redraw(Rig *rig, uint32_t draw);
/* After images or labels have been changed: a backend may hold a copy of them. */
Status rig_write_data(Rig *rig);
Batch rig_batch(const Rig *rig);
/* dy for program_backward(): NULL when the net ends in a loss. */
const float *rig_dy(const Rig *rig);

/* Into a new array that the caller frees. It is full of NaN beforehand and has a guard band behind:
 * STATUS_BACKEND when the backend has written there. *values is NULL on an error. */
Status rig_fetch_param(const Rig *rig, Section section, int param, float **values);
/* The same for a tap; *count receives how many. */
Status rig_fetch_tap(const Rig *rig, Program *program, int tap, float **values, size_t *count);

#endif
