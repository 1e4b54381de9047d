/* How fast a net trains and infers on a backend, on generated input. */
#ifndef HARNESS_TRAIN_BENCH_H
#define HARNESS_TRAIN_BENCH_H

#include "net/backend.h"

typedef struct BenchSpec {
    int batch, steps, warmup; /* steps timed, after `warmup` untimed ones */
    int verify_count;         /* images of the step that is compared with the oracle */
    Precision precision;
    ConvAlgorithm conv;
    uint64_t seed;
} BenchSpec;

typedef enum BenchPhase { BENCH_TRAIN, BENCH_INFER } BenchPhase;

typedef struct BenchRow {
    double ms_median, ms_min, ms_max; /* of a step of `batch` images */
    double images_per_s, gflop_per_s; /* from the median */
    double peak_mib;                  /* resident, from this phase's start on (Linux) */
} BenchRow;

/* Relative norms over the gradients of parameters, the largest of them. */
typedef struct Verification {
    double worst;    /* what the backend's gradients are away from the oracle's */
    double rounding; /* what rounding moves the oracle's; 0 where nobody needed to ask */
} Verification;

typedef struct Bench Bench;

/* A net with He initial values and one generated data set, cropped and mirrored as in training. */
Status bench_create(const BenchSpec *spec, const Net *net, Backend *backend, Bench **bench);
void bench_destroy(Bench *bench);
/* On verify_count images, against ref: one step of the very training program that is timed, the
 * loss and the gradient of every parameter; and the loss of inference. STATUS_BACKEND when they
 * differ by more than what is usual in the precision and, in fp32, by more than three times what
 * rounding of that size does to the oracle's own gradients. Uses neither time nor memory once it
 * has returned. */
Status bench_verify(Bench *bench, Verification *found);
/* What one train step moves, after `steps` of them. */
Status bench_account(Bench *bench, int steps, Account *account);
/* What the phase's program, the state and the generated images hold. */
Status bench_memory(Bench *bench, BenchPhase phase, Memory *memory);
Status bench_time(Bench *bench, BenchPhase phase, BenchRow *row);

#endif
