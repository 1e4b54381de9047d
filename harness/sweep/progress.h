/* What a user sees while a sweep trains: one line that renews itself on a terminal, plain lines
 * with the time of day otherwise. All of it goes to stderr. */
#ifndef HARNESS_SWEEP_PROGRESS_H
#define HARNESS_SWEEP_PROGRESS_H

#include "harness/sweep/sweep.h"

typedef struct Progress {
    const Sweep *sweep;
    bool quiet, terminal;
    int run;           /* which, of sweep->runs */
    int number, total; /* the how-manieth of the selected ones, from 1 */
    double work_done;  /* of the runs that this process has trained */
    double work_left;  /* of those after the present one */
    double seconds;    /* that the work done took */
    double next_line;  /* plain lines: when the next one is due, on the monotonic clock */
    char title[96];    /* "resnet-20 A, seed 1" */
} Progress;

void progress_begin(Progress *progress, const Sweep *sweep, bool quiet);
void progress_run(Progress *progress, int run);
void progress_skip(Progress *progress, int run, const char *why);
/* status and result of sweep_train() */
void progress_end_run(Progress *progress, Status status, const TrainResult *result);
/* For SweepHooks; context is the Progress. */
void progress_curve(void *context, const CurveRow *row);
void progress_note(void *context, const char *text);
void progress_step(void *context, const TrainProgress *step);

/* "42 s", "3 min 07 s", "5 h 12 min", "2 d 3 h" */
void format_duration(double seconds, char *text, size_t size);
/* "resnet-20 A, seed 1" */
void run_title(const RunConfig *config, char *text, size_t size);

#endif
