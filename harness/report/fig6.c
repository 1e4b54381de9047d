#include "harness/report/fig6.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/paths.h"
#include "harness/base/sorted.h"

/* The paper's learning rate drops at 32,000 and 48,000 iterations. */
#define PAPER_SCHEDULE "32000:0.1 48000:0.01"
#define PAPER_IMAGES   50000
static const double stages[FIG6_STAGES][2] = {{0, 32000}, {32000, 48000}, {48000, 64000}};

Status fig6_open(CsvTable *fig6) {
    char path[PATH_MAX];
    *fig6 = (CsvTable){0};
    TRY(resource_path("experiments/reference/paper_fig6.csv", path, sizeof path));
    return csv_read(path, fig6);
}

static int row_of_cell(const Results *results, const Cell *cell) {
    int i = 0;
    while (results->runs[i].series != cell->series || results->runs[i].depth != cell->depth)
        i++;
    return results->runs[i].row;
}

/* How far a run's learning rate is the paper's: to the first drop of either. Files without the
 * column are taken for the paper's protocol. */
static double shared_iterations(const Results *results, int row) {
    const char *schedule = run_text(results, row, "schedule");
    double batch = strtod(run_text(results, row, "batch"), NULL);
    char *end;
    if (!*schedule || strcmp(schedule, PAPER_SCHEDULE) == 0)
        return INFINITY;
    double first = strtod(schedule, &end);
    if (end == schedule) /* none */
        first = INFINITY;
    else if (*end == 'e')
        first = batch > 0 ? first * PAPER_IMAGES / batch : 0;
    return fmin(first, stages[0][1]);
}

Status fig6_curve(const CsvTable *fig6, const Results *results, const Cell *cell,
                  PaperCurve *curve) {
    size_t rows = (size_t)fig6->rows + 1;
    int row = row_of_cell(results, cell);
    *curve = (PaperCurve){.iterations = calloc(3 * rows, sizeof(double))};
    if (!curve->iterations)
        return status_fail(STATUS_NO_MEMORY, "no memory for the paper's curves");
    curve->test = curve->iterations + rows;
    curve->train = curve->test + rows;
    double shared = shared_iterations(results, row);
    for (int r = 0; reference_is_fig6_net(results, row) && r < fig6->rows; r++) {
        double depth, values[3];
        Status status = cell_number(fig6, r, "depth", true, &depth);
        if (status == STATUS_OK)
            status = cell_number(fig6, r, "iter", true, &values[0]);
        if (status == STATUS_OK)
            status = cell_number(fig6, r, "test_err_pct", false, &values[1]);
        if (status == STATUS_OK)
            status = cell_number(fig6, r, "train_err_pct", false, &values[2]);
        if (status != STATUS_OK) {
            fig6_free(curve);
            return status;
        }
        if (depth != cell->depth || values[0] > shared ||
            strcmp(csv_get(fig6, r, "family"), run_text(results, row, "family")) != 0)
            continue;
        curve->iterations[curve->count] = values[0];
        curve->test[curve->count] = values[1];
        curve->train[curve->count++] = values[2];
    }
    return STATUS_OK;
}

void fig6_free(PaperCurve *curve) {
    free(curve->iterations);
    *curve = (PaperCurve){0};
}

/* A run's error at an iteration, between its evaluations on the straight line; NaN outside. */
static double interpolate(const Run *run, double iteration, bool train) {
    double x0 = NAN, y0 = NAN;
    for (int i = 0; i < run->point_count; i++) {
        double x = run->points[i].iteration;
        double y = train ? run->points[i].train_error : run->points[i].test_error;
        if (isnan(y))
            continue;
        if (x == iteration)
            return y;
        if (x > iteration)
            return isnan(x0) ? NAN : y0 + (y - y0) * (iteration - x0) / (x - x0);
        x0 = x;
        y0 = y;
    }
    return NAN;
}

Status fig6_distance(const CsvTable *fig6, const Results *results, const Cell *cell, bool train,
                     Distance distances[FIG6_STAGES]) {
    PaperCurve curve;
    TRY(fig6_curve(fig6, results, cell, &curve));
    size_t room = (size_t)curve.count + 1;
    double *ours = calloc(3 * room, sizeof *ours), *paper = ours + room, *between = paper + room;
    if (!ours) {
        fig6_free(&curve);
        return status_fail(STATUS_NO_MEMORY, "no memory for a distance");
    }
    for (int s = 0; s < FIG6_STAGES; s++) {
        int n = 0;
        distances[s] = (Distance){stages[s][0], stages[s][1], 0, NAN, NAN, NAN};
        for (int i = 0; i < curve.count; i++) {
            double x = curve.iterations[i], theirs = (train ? curve.train : curve.test)[i];
            double y = cell_mean(results, cell, interpolate, x, train);
            if (!(x > stages[s][0] && x <= stages[s][1]) || isnan(y) || isnan(theirs))
                continue;
            ours[n] = y;
            paper[n] = theirs;
            between[n++] = y - theirs;
        }
        if (n > 0)
            distances[s] = (Distance){stages[s][0],
                                      stages[s][1],
                                      n,
                                      sorted_median(ours, n),
                                      sorted_median(paper, n),
                                      sorted_median(between, n)};
    }
    free(ours);
    fig6_free(&curve);
    return STATUS_OK;
}

bool fig6_applies(const CsvTable *fig6, const Results *results) {
    Distance distances[FIG6_STAGES];
    for (int c = 0; c < results->cell_count; c++)
        for (int train = 0; train < 2; train++)
            if (fig6_distance(fig6, results, &results->cells[c], train, distances) == STATUS_OK)
                for (int s = 0; s < FIG6_STAGES; s++)
                    if (distances[s].points > 0)
                        return true;
    return false;
}

void fig6_csv(FILE *file, const Results *results, const CsvTable *fig6) {
    Distance distances[FIG6_STAGES];
    fprintf(file, "series,depth,error,from,to,points,ours,paper,median_difference\n");
    for (int c = 0; c < results->cell_count; c++) {
        const Cell *cell = &results->cells[c];
        for (int train = 0; train < 2; train++) {
            if (fig6_distance(fig6, results, cell, train, distances) != STATUS_OK)
                continue;
            for (int s = 0; s < FIG6_STAGES; s++) {
                const Distance *d = &distances[s];
                if (d->points == 0)
                    continue;
                csv_put(file, results->series[cell->series].label);
                fprintf(file, ",%d,%s,%.0f,%.0f,%d,%.6g,%.6g,%.6g\n", cell->depth,
                        train ? "train" : "test", d->from, d->to, d->points, d->ours, d->paper,
                        d->median);
            }
        }
    }
}
