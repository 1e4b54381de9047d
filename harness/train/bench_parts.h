/* What bench.c and bench_verify.c share. */
#ifndef HARNESS_TRAIN_BENCH_PARTS_H
#define HARNESS_TRAIN_BENCH_PARTS_H

#include "harness/train/bench.h"

struct Bench {
    BenchSpec spec;
    const Net *net;
    Backend *backend;
    State *state;
    Dataset *data;
    Program *train, *infer;
    uint8_t *bytes;
    int32_t *labels;
    float *scale;
    Sample *samples;
    int64_t steps; /* done: each draws its own dropout */
};

/* The generated images on a backend. */
Status bench_dataset(const Bench *bench, Backend *backend, Dataset **data);
/* In the benchmark's precision and algorithm; in the oracle's for a State that is not the
 * benchmark's. */
ProgramSpec bench_program(const Bench *bench, const State *state, Mode mode, int batch);
/* Compiles the program of a phase once. */
Status bench_compile(Bench *bench, BenchPhase phase);
/* A forward pass of a new program over the first `count` images; the mean loss. */
Status bench_pass(const Bench *bench, State *state, const Dataset *data, Mode mode, int count,
                  double *loss);

#endif
