/* Runs that differ in nothing but the seed, and the values they measured. */
#ifndef HARNESS_VERDICT_GROUPS_H
#define HARNESS_VERDICT_GROUPS_H

#include "harness/report/results.h"

/* Members are indices into results->runs, in the order of runs.csv; a seed's second run (with
 * another number of threads, say) is no new evidence and is left out. */
typedef struct Group {
    char label[LABEL_MAX + 16]; /* "plain, 56 layers" */
    int *runs, count;
    int diverged,
        repeated; /* runs that diverged (among count), that repeat a seed (not among it) */
} Group;

typedef struct Groups {
    Group *items;
    int count;
    int *members; /* memory of all runs[] */
} Groups;

/* One number a run of a group. */
typedef struct MetricSample {
    double *values; /* of the runs that did not diverge and have one; the caller frees */
    const char **seeds;
    int count;
} MetricSample;

/* results must stay; groups stand in the order of their cells: by series, then depth. */
Status groups_make(const Results *results, Groups *groups);
void groups_free(Groups *groups);

/* True for a column of runs.csv that says what was run, other than seed and threads. */
bool groups_tell_apart(const Results *results, int column);
/* A group of the runs for which take(run) is true. STATUS_BAD_INPUT when they differ in more than
 * the seed; the message names the column. Free with groups_free(). */
Status group_select(const Results *results, const bool *take, Groups *group);

Status sample_take(const Results *results, const Group *group, const char *metric,
                   MetricSample *sample);
void sample_free(MetricSample *sample);

#endif
