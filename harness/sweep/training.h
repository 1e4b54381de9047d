/* What a training needs and who is told of it. Private to run.c, run_resume.c and
 * worker.c. */
#ifndef HARNESS_SWEEP_TRAINING_H
#define HARNESS_SWEEP_TRAINING_H

#include "harness/base/energy.h"
#include "harness/sweep/events.h"
#include "harness/sweep/images.h"
#include "harness/sweep/record.h"
#include "harness/sweep/sweep.h"

/* The files of a run that grow row by row. */
enum { ROWS_CURVES, ROWS_STEPS, ROWS_LAYERS, ROWS_FILES };

/* Where a run stands, beside its State and its rows. Members of eight bytes only, as TrainPoint. */
typedef struct RunPoint {
    TrainPoint train;
    CurveRow best, best_validation; /* the first with the least error */
    int64_t evaluated;              /* whether there is such a row */
    int64_t log_every;              /* that the rows of steps.csv are for; 0: none */
    int64_t events_size;            /* of the event file; 0: there is none */
    double joules;                  /* used so far; NaN: not known */
} RunPoint;

typedef struct Training {
    const RunConfig *config;
    const SweepHooks *hooks;
    const Output *output;
    const char *program; /* SHA-256 */
    RunFacts facts;
    RunImages images;
    TrainSpec spec;
    Net *net;
    bool wanted[ROWS_FILES];
    FILE *rows[ROWS_FILES]; /* NULL: not begun, or not asked for */
    EventFile *events;      /* NULL: none are written */
    Status events_status;
    RunPoint point;
    EnergyMeter meter;
    const TrainResult *result;
} Training;

/* Chooses images and net, and what the trainer is to do; the config is set. On failure the facts
 * that are known already stand there. The caller frees images and net, also after a failure. */
Status training_prepare(Training *t, const DataSource *source, const Backend *backend,
                        const char *key);
/* For TrainHooks; context is the Training. Opens the files of rows, from the run's checkpoint where
 * there is one that fits this program and what is asked for, else anew. */
Status training_resume(void *context, State *state, TrainPoint *point);
Status training_checkpoint(void *context, State *state, const TrainPoint *point);

#endif
