/* What the figures and tables are made of: runs.csv and curves.csv of an output folder, read by
 * column name and put into groups. */
#ifndef HARNESS_REPORT_RESULTS_H
#define HARNESS_REPORT_RESULTS_H

#include <stdbool.h>

#include "harness/base/csv.h"
#include "harness/report/stats.h"
#include "net/status.h"

enum { LABEL_MAX = 96 };

/* One evaluation; NaN where the cell is empty. */
typedef struct Point {
    double iteration;
    double epoch;
    double train_error, test_error; /* per cent; train: running, in training mode */
    double train_loss;              /* of the same */
} Point;

/* A convolution larger than 1x1 at an evaluation (layers.csv): the layers of He et al. 2015,
 * Fig. 7. NaN where the cell is empty. */
typedef struct LayerPoint {
    double iteration, response_std, gradient_norm;
} LayerPoint;

typedef struct Run {
    int row; /* of runs.csv */
    int series, depth;
    bool diverged;
    double diverged_at;                               /* iteration; NaN: unknown or not diverged */
    double test_error, train_error, train_eval_error; /* final, per cent */
    double seconds, parameters, energy;               /* energy: joules */
    Point *points;                                    /* in the order of curves.csv */
    int point_count;
    LayerPoint *layers; /* in the order of layers.csv: by evaluation, then by layer; may be NULL */
    int layer_count;
} Run;

/* Runs that differ in nothing but depth and seed: "plain", "resnet A". A column other than family
 * and shortcut separates series only when it varies at one and the same depth; a warm-up that only
 * the deepest net has does not. A label names the separating columns; where there are several, only
 * those that are not at their default. */
typedef struct Series {
    char label[LABEL_MAX]; /* "resnet A, lr=0.05"; letters, digits, harmless punctuation only */
    int row;               /* a row of runs.csv that stands for it */
    bool plain;
} Series;

/* One series at one depth: the runs of all seeds. A diverged run counts only in `diverged`. */
typedef struct Cell {
    int series, depth;
    int runs, diverged;
    Summary test_error, train_error, train_eval_error, seconds, parameters, energy;
} Cell;

typedef struct Results {
    CsvTable runs_csv; /* without the rows of runs that failed or crashed */
    int failed;        /* how many those are */
    Run *runs;
    int run_count;
    Series *series; /* plain ones first, else in the order of runs.csv */
    int series_count;
    Cell *cells; /* by series, then depth */
    int cell_count;
    int *depths; /* all of them, ascending */
    int depth_count;
    char mixed[LABEL_MAX]; /* columns that vary with depth within a series: "warmup"; may be "" */
} Results;

/* Reads DIR/runs.csv, DIR/curves.csv and, where there is one, DIR/layers.csv. STATUS_BAD_INPUT when
 * a file is missing, has no rows or lacks a column, or a cell should be a number and is not (file,
 * line, column). On failure there is nothing to free. */
Status results_read(const char *dir, Results *results);
void results_free(Results *results);

/* Reads layers.csv into the runs; part of results_read(). No file: nothing to do. */
Status layers_read(const char *path, Results *results);
/* A cell as a number; an empty one is NaN. `required`: column and value must be there. */
Status cell_number(const CsvTable *table, int row, const char *column, bool required,
                   double *value);
/* The run of a row of curves.csv or layers.csv, the search begun at `guess`; -1: it is not in
 * runs.csv. */
int run_of_row(const Results *results, const CsvTable *table, int row, int guess);
/* Puts the runs into series and cells; part of results_read(). */
Status results_group(Results *results);
/* A run's cell of a column; "" when runs.csv has no such column. */
const char *run_text(const Results *results, int row, const char *column);
/* The cell of a series at a depth; NULL when nothing ran there. */
const Cell *results_cell(const Results *results, int series, int depth);
/* A run's test error, or with `train` its training error, at an iteration; NaN: none. */
typedef double RunError(const Run *run, double iteration, bool train);
/* The mean of `error` over the cell's runs that did not diverge and have one; NaN: no run has. */
double cell_mean(const Results *results, const Cell *cell, RunError *error, double iteration,
                 bool train);
/* The position of a depth in results->depths. */
int depth_index(const Results *results, int depth);
/* Copies text; every byte but letters, digits, space and .,:;=+-_/()% becomes '?', so that a label
 * means nothing to gnuplot, SVG or Markdown. */
void label_clean(const char *text, char *label, size_t size);

#endif
