/* A tiny training, on the oracle unless said otherwise: bytes whose brightness hints at the label,
 * ResNet-8 of width 2. */
#ifndef TESTS_TRAIN_PROBLEM_H
#define TESTS_TRAIN_PROBLEM_H

#include "harness/train/trainer.h"

enum { IMAGES = 24, TESTS = 11, CLASSES = 3, ITERATIONS = 7, BATCH = 5, ROWS_MAX = 16 };

extern const Shape problem_shape;
extern const char *problem_backend; /* "ref" unless a test says otherwise */

typedef struct Problem {
    ImageSet train, test;
    int32_t train_indices[IMAGES], test_indices[TESTS];
    Normalization normalization;
    Net *net;
    Backend *backend;
    TrainSpec spec; /* a test may change it */
    CurveRow rows[ROWS_MAX];
    int row_count;
} Problem;

/* For cmocka: *state is the Problem. */
int problem_set_up(void **state);
int problem_tear_down(void **state);
/* Adam with its usual constants and rate 0.01. */
void problem_use_adam(Problem *p);
/* The trainer's curve hook, with the Problem as its context: keeps the row. */
Status problem_keep_row(void *context, const CurveRow *row);
/* Trains by the spec; the rows are those of this training. */
TrainResult problem_train(Problem *p);

#endif
