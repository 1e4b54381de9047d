/* Rows of runs.csv and curves.csv, as text. */
#ifndef HARNESS_SWEEP_RECORD_H
#define HARNESS_SWEEP_RECORD_H

#include <stdio.h>

#include "harness/sweep/config.h"
#include "harness/sweep/key.h"
#include "harness/train/trainer.h"

/* What is known about a run besides its configuration (already resolved). */
typedef struct RunFacts {
    char key[KEY_SIZE];
    int64_t parameters, macs;
    int train_images, test_images;
    char dataset_sha256[65];
    char weights_sha256[65]; /* of init_weights; "": none */
    BackendInfo backend;
    char algorithms[17]; /* see the column of this name */
    char host[65], started[32];
    const char *outcome; /* "failed", "crashed": there is no result; NULL: the result says it */
    double joules; /* NaN: not known */
} RunFacts;

/* The header lines, with their line ends. */
void record_runs_header(FILE *file);
void record_curves_header(FILE *file);
void record_steps_header(FILE *file);
void record_layers_header(FILE *file);

/* One line each. `chosen` is the evaluation that the result columns describe; NULL of a diverged
 * run. `best` is the one with the least test error; NULL when there was none;
 * `best_validation` with the least validation error, NULL when no images are held back. */
void record_run(FILE *file, const RunConfig *config, const RunFacts *facts,
                const TrainResult *result, const CurveRow *chosen, const CurveRow *best,
                const CurveRow *best_validation);
void record_curve(FILE *file, const RunConfig *config, const char *key, const CurveRow *row);
void record_step(FILE *file, const StepRow *row);
void record_layer(FILE *file, const RunConfig *config, const char *key, int64_t iteration,
                  const LayerRow *row);

/* host, started: now and here. */
void record_begin(RunFacts *facts);

#endif
