/* The same net, parameters and batch on a backend and on the oracle, and what can be compared. */
#ifndef HARNESS_CHECK_PAIR_H
#define HARNESS_CHECK_PAIR_H

#include "harness/check/rig.h"
#include "harness/check/tolerance.h"

typedef struct CheckSpec {
    Backend *backend; /* under test */
    Backend *oracle;  /* ref */
    Precision precision;
    bool quick; /* one optimiser of five; operations at small batches, and not timed */
} CheckSpec;

/* What several comparisons said together. All zero: nothing compared yet. */
typedef struct Verdict {
    int compared, failed;
    double share;      /* the worst error as a share of its tolerance */
    char message[256]; /* of the first that failed */
} Verdict;

void verdict_add(Verdict *verdict, const Comparison *comparison);

typedef struct Pair {
    Rig fast, slow; /* the backend under test and the oracle */
    Program *fast_program, *slow_program;
    Precision precision;
    int64_t steps; /* of training, done */
    int batch;     /* for tolerances: 0 for a case of the table */
} Pair;

/* program's precision is not looked at; optimizer NULL: SGD without momentum. pair_close() also
 * after a failure. Statuses below are errors of the machinery; differences go into the verdict. */
Status pair_open(Pair *pair, const CheckSpec *spec, Net *net, const ProgramSpec *program,
                 const Optimizer *optimizer);
void pair_close(Pair *pair);
Status pair_forward(Pair *pair);
Status pair_backward(Pair *pair);
Status pair_train_step(Pair *pair, double lr);

Status pair_compare_tap(Pair *pair, int tap, const char *name, Closeness close, Verdict *verdict);
/* The gradient, or the momentum, of every learned parameter. */
Status pair_compare_learned(Pair *pair, Section section, Verdict *verdict);
/* Every parameter, or the statistics alone; `slack` times the tolerance. wander: how far Adam may
 * have taken a bias whose gradient is zero, as it divides rounding by its own size and makes steps
 * of the learning rate of it; batch norms take such a bias away again. 0 without Adam. */
Status pair_compare_values(Pair *pair, bool statistics_only, Closeness close, double slack,
                           double wander, Verdict *verdict);
/* Loss, images and errors since the last time. */
Status pair_compare_metrics(Pair *pair, Closeness close, Verdict *verdict);

#endif
