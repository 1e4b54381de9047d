/* A net on a backend with random parameters and one random batch: what most tests start from.
 * Everything here fails the running cmocka test on an error. */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "net/backend.h"

enum { RIG_BATCH_MAX = 64 };

typedef struct Rig {
    Net *net; /* owned */
    Backend *backend;
    State *state;
    Dataset *data;
    int batch;
    Sample samples[RIG_BATCH_MAX]; /* image i, uncropped */
    int32_t labels[RIG_BATCH_MAX];
    float *images; /* uniform in (-1, 1) */
    float *dy;     /* uniform in (-1, 1), as large as the last node's output */
} Rig;

/* Takes the net. Weights are uniform with variance 1 / fan_in, batch-norm weights and variances in
 * (0.5, 1.5), biases and means in (-0.5, 0.5). optimizer NULL: SGD without momentum. */
void rig_open(Rig *rig, const char *backend, int threads, Net *net, int batch,
              const Optimizer *optimizer);
void rig_close(Rig *rig);
/* After images or labels have been changed: a backend may hold a copy of them. */
void rig_reload(Rig *rig);
/* Writes the random parameters again. */
void rig_reset(Rig *rig);
Program *rig_program(Rig *rig, Mode mode, int bn_group, const Tap *taps, int tap_count);
Batch rig_batch(const Rig *rig);
/* dy for program_backward(): NULL when the net ends in a loss. */
const float *rig_dy(const Rig *rig);
/* A parameter's values in a new array. */
float *rig_read(const Rig *rig, Section section, int param);
/* A tap's values in a new array, *count of them. */
float *rig_tap(const Rig *rig, Program *program, int tap, size_t *count);

/* Fails the test with the recorded message. */
void rig_check(Status status, const char *what);
#define OK(call) rig_check(call, #call)

#endif
