/* Fig. 6 of He et al. 2015, digitised (experiments/reference/paper_fig6.csv): behind our curves,
 * and how far ours are from it. */
#ifndef HARNESS_REPORT_FIG6_H
#define HARNESS_REPORT_FIG6_H

#include <stdio.h>

#include "harness/report/reference.h"

/* One curve of the paper; NaN where a point was hidden by another curve. */
typedef struct PaperCurve {
    double *iterations, *test, *train; /* one piece of memory, freed through `iterations` */
    int count;
} PaperCurve;

/* Opens the project's own copy. */
Status fig6_open(CsvTable *fig6);
/* The curve of a cell's net, as far as the cell's learning rate drops with the paper's: of a
 * shorter schedule to its first drop. count 0: the figure has none. fig6_free() it. */
Status fig6_curve(const CsvTable *fig6, const Results *results, const Cell *cell,
                  PaperCurve *curve);
void fig6_free(PaperCurve *curve);

/* The distance between ours and the paper's in a stage of the training: between drops of the
 * learning rate, as single digitised points are noisy. */
typedef struct Distance {
    double from, to; /* iterations */
    int points;      /* the paper's points that ours reach */
    double ours,
        paper;     /* medians over these points, per cent; ours: mean over seeds, interpolated */
    double median; /* of ours minus paper's */
} Distance;

enum { FIG6_STAGES = 3 };
/* points 0: none in that stage. */
Status fig6_distance(const CsvTable *fig6, const Results *results, const Cell *cell, bool train,
                     Distance distances[FIG6_STAGES]);
/* True when any cell has a distance. */
bool fig6_applies(const CsvTable *fig6, const Results *results);
/* fig6_distance.csv: one row a net, error and stage. */
void fig6_csv(FILE *file, const Results *results, const CsvTable *fig6);

#endif
