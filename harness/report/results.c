#include "harness/report/results.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Status cell_number(const CsvTable *table, int row, const char *column, bool required,
                   double *value) {
    const char *text = csv_get(table, row, column);
    *value = NAN;
    if (!text && required)
        return status_fail(STATUS_BAD_INPUT, "%s: no column '%s'", table->path, column);
    if (!text || text[0] == '\0') {
        if (required)
            return status_fail(STATUS_BAD_INPUT, "%s:%d: column '%s' is empty", table->path,
                               table->lines[row], column);
        return STATUS_OK;
    }
    char *end;
    *value = strtod(text, &end);
    if (*end != '\0' || (required && !isfinite(*value)))
        return status_fail(STATUS_BAD_INPUT, "%s:%d: column '%s' is not a number: '%.40s'",
                           table->path, table->lines[row], column, text);
    if (!isfinite(*value)) /* a diverged loss: no value to draw */
        *value = NAN;
    return STATUS_OK;
}

/* A run that failed or crashed has a row, but nothing to show. */
static void drop_failed(Results *results) {
    CsvTable *csv = &results->runs_csv;
    for (int row = csv->rows - 1; row >= 0; row--) {
        const char *status = csv_get(csv, row, "status");
        if (!status || (strcmp(status, "failed") != 0 && strcmp(status, "crashed") != 0))
            continue;
        csv_drop_row(csv, row);
        results->failed++;
    }
}

static Status read_run(const CsvTable *csv, int row, Run *run) {
    double depth;
    TRY(cell_number(csv, row, "depth", true, &depth));
    if (depth < 1 || depth > INT_MAX || depth != floor(depth))
        return status_fail(STATUS_BAD_INPUT,
                           "%s:%d: column 'depth' is no positive integer: '%.40s'", csv->path,
                           csv->lines[row], csv_get(csv, row, "depth"));
    const char *status = csv_get(csv, row, "status");
    if (!status || (strcmp(status, "done") != 0 && strcmp(status, "diverged") != 0))
        return status_fail(STATUS_BAD_INPUT,
                           "%s:%d: column 'status' is '%.40s', expected done or diverged",
                           csv->path, csv->lines[row], status ? status : "missing");
    run->row = row;
    run->depth = (int)depth;
    run->diverged = strcmp(status, "diverged") == 0;
    TRY(cell_number(csv, row, "diverged_at", false, &run->diverged_at));
    TRY(cell_number(csv, row, "test_error_pct", !run->diverged, &run->test_error));
    TRY(cell_number(csv, row, "train_error_pct", false, &run->train_error));
    TRY(cell_number(csv, row, "train_eval_error_pct", false, &run->train_eval_error));
    TRY(cell_number(csv, row, "seconds", false, &run->seconds));
    TRY(cell_number(csv, row, "energy_j", false, &run->energy));
    return cell_number(csv, row, "parameters", false, &run->parameters);
}

/* Whether a row of curves.csv belongs to a row of runs.csv: equal in every column of identity that
 * both files have. */
static bool same_run(const CsvTable *runs, int run, const CsvTable *curves, int row) {
    static const char *const identity[] = {"key", "model", "family", "depth", "shortcut", "seed"};
    for (size_t i = 0; i < sizeof identity / sizeof identity[0]; i++) {
        const char *a = csv_get(runs, run, identity[i]), *b = csv_get(curves, row, identity[i]);
        if (a && b && strcmp(a, b) != 0)
            return false;
    }
    return true;
}

int run_of_row(const Results *results, const CsvTable *table, int row, int guess) {
    for (int i = 0; i < results->run_count; i++) {
        int run = (guess + i) % results->run_count;
        if (same_run(&results->runs_csv, run, table, row))
            return run;
    }
    return -1;
}

static Status add_point(Run *run, Point point) {
    if ((run->point_count & (run->point_count - 1)) == 0) { /* full at powers of two */
        size_t capacity = run->point_count ? 2 * (size_t)run->point_count : 1;
        Point *points = realloc(run->points, capacity * sizeof *points);
        if (!points)
            return status_fail(STATUS_NO_MEMORY, "no memory for curves");
        run->points = points;
    }
    run->points[run->point_count++] = point;
    return STATUS_OK;
}

/* Rows of runs that are not in runs.csv (unfinished ones) are left out. */
static Status read_curves(const char *path, Results *results) {
    CsvTable curves;
    Status status = STATUS_OK;
    int current = 0; /* rows of one run stand together */
    TRY(csv_read(path, &curves));
    for (int row = 0; row < curves.rows; row++) {
        int run = run_of_row(results, &curves, row, current);
        if (run < 0)
            continue;
        current = run;
        Point point;
        CHECK(cell_number(&curves, row, "iteration", true, &point.iteration));
        CHECK(cell_number(&curves, row, "epoch", false, &point.epoch));
        CHECK(cell_number(&curves, row, "train_loss", false, &point.train_loss));
        CHECK(cell_number(&curves, row, "train_error_pct", false, &point.train_error));
        CHECK(cell_number(&curves, row, "test_error_pct", false, &point.test_error));
        CHECK(add_point(&results->runs[run], point));
    }
out:
    csv_table_free(&curves);
    return status;
}

static Status join(const char *dir, const char *name, char *path, size_t size) {
    if (snprintf(path, size, "%s/%s", dir, name) >= (int)size)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", dir);
    return STATUS_OK;
}

Status results_read(const char *dir, Results *results) {
    Status status = STATUS_OK;
    char path[PATH_MAX];
    *results = (Results){0};
    TRY(join(dir, "runs.csv", path, sizeof path));
    TRY(csv_read(path, &results->runs_csv));
    drop_failed(results);
    int count = results->runs_csv.rows;
    if (count == 0) {
        status = results->failed
                     ? status_fail(STATUS_BAD_INPUT,
                                   "%s: no run has a result; see the column 'status'", path)
                     : status_fail(STATUS_BAD_INPUT,
                                   "%s: no finished run; 'harness run' makes some", path);
        goto out;
    }
    results->runs = calloc((size_t)count, sizeof *results->runs);
    if (!results->runs) {
        status = status_fail(STATUS_NO_MEMORY, "no memory for %d runs", count);
        goto out;
    }
    results->run_count = count;
    for (int row = 0; row < count; row++)
        CHECK(read_run(&results->runs_csv, row, &results->runs[row]));
    CHECK(join(dir, "curves.csv", path, sizeof path));
    CHECK(read_curves(path, results));
    CHECK(join(dir, "layers.csv", path, sizeof path));
    CHECK(layers_read(path, results));
    CHECK(results_group(results));
out:
    if (status != STATUS_OK)
        results_free(results);
    return status;
}

void results_free(Results *results) {
    for (int i = 0; i < results->run_count; i++) {
        free(results->runs[i].points);
        free(results->runs[i].layers);
    }
    free(results->runs);
    free(results->series);
    free(results->cells);
    free(results->depths);
    csv_table_free(&results->runs_csv);
    *results = (Results){0};
}

const char *run_text(const Results *results, int row, const char *column) {
    const char *text = csv_get(&results->runs_csv, row, column);
    return text ? text : "";
}
