/* A case of the table trained for a few steps on gpu/, on the software GPU: what the tests of its
 * failures and of its schedules do again and again. */
#ifndef TESTS_SOFTGPU_GPU_CASE_H
#define TESTS_SOFTGPU_GPU_CASE_H

#include "harness/check/cases.h"
#include "harness/check/rig.h"

typedef struct GpuCase {
    Net *net;
    Backend *backend;
    Rig rig;
    Program *train, *eval;
    unsigned char *bits; /* everything that was read: parameters, gradients, momentum, taps, sums */
    size_t count;        /* bytes */
} GpuCase;

const Case *gpu_case_named(const char *name);
/* Opens the backend, trains three steps, passes once forward and backward with an update, once in
 * inference, and reads everything. The first failure ends it. Nets with a loss only. */
Status gpu_case_run(GpuCase *run, const Case *test, Precision precision);
/* Also after a failure. Keeps the bits, which the caller frees. */
void gpu_case_end(GpuCase *run);

#endif
