#define _GNU_SOURCE
#include "harness/sweep/expect.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/lock.h"
#include "harness/base/whole_file.h"
#include "harness/sweep/columns.h"
#include "harness/sweep/sweep.h"
#include "harness/sweep/values.h"

#define EXPECTATIONS "expectations.csv"

#define LENGTH(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const ResultColumn expectation_columns[] = {
    {"expect", false, "the value that the source gives; empty: none"},
    {"tolerance", false, "how far from it the mean may lie and still be the same; above 0"},
    {"source", false, "where the value is from; any text"},
    {"expect_metric", false, "the column of runs.csv it speaks of; test_error_pct when left out"},
};

const ResultColumn *columns_expectation(int *count) {
    *count = LENGTH(expectation_columns);
    return expectation_columns;
}

static bool ends_in(const char *name, const char *ending) {
    size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

bool columns_is_metric(const char *name) {
    static const char *const others[] = {"seconds", "images_per_s", "peak_memory_mib", "energy_j"};
    int count;
    bool measures = ends_in(name, "_pct") || ends_in(name, "_loss");
    for (int i = 0; i < LENGTH(others); i++)
        measures |= strcmp(name, others[i]) == 0;
    const ResultColumn *results = columns_result(&count);
    for (int i = 0; measures && i < count; i++)
        if (strcmp(results[i].name, name) == 0)
            return true;
    return false;
}

bool expectation_is_column(const char *name) {
    int count;
    const ResultColumn *columns = columns_expectation(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return true;
    return false;
}

/* ---- of one row ---- */

static const char *cell_of(const CsvTable *table, int row, const char *column) {
    const char *cell = csv_get(table, row, column);
    return cell ? cell : "";
}

static Status refuse(const CsvTable *table, int row, const char *column, const char *allowed) {
    int at = csv_column(table, column);
    return status_fail(STATUS_BAD_INPUT, "%s:%d:%d: %s: '%s' is not allowed here (%s)", table->path,
                       table->lines[row], table->positions[row][at < 0 ? 0 : at], column,
                       cell_of(table, row, column), allowed);
}

static Status read_metric(const CsvTable *table, int row, Expectation *expectation) {
    const char *metric = cell_of(table, row, "expect_metric");
    if (!*metric)
        metric = "test_error_pct";
    if (!columns_is_metric(metric))
        return refuse(table, row, "expect_metric",
                      "a column of runs.csv that measures: *_pct, *_loss, seconds, ...");
    snprintf(expectation->metric, sizeof expectation->metric, "%s", metric);
    return STATUS_OK;
}

Status expectation_read(const CsvTable *table, int row, Expectation *expectation) {
    *expectation = (Expectation){0};
    const char *expect = cell_of(table, row, "expect");
    const char *tolerance = cell_of(table, row, "tolerance");
    const char *source = cell_of(table, row, "source");
    if (!*expect && *tolerance)
        return refuse(table, row, "tolerance", "the row expects nothing");
    if (!*expect && *cell_of(table, row, "expect_metric"))
        return refuse(table, row, "expect_metric", "the row expects nothing");
    if (!*expect)
        return STATUS_OK;
    expectation->given = true;
    if (!value_real(expect, &expectation->value))
        return refuse(table, row, "expect",
                      "one number; what has another expectation is a row of its own");
    if (!value_real(tolerance, &expectation->tolerance) || !(expectation->tolerance > 0))
        return refuse(table, row, csv_column(table, "tolerance") < 0 ? "expect" : "tolerance",
                      "an expectation needs a tolerance, a number above 0");
    if (strlen(source) >= sizeof expectation->source)
        return refuse(table, row, "source", "at most 255 bytes");
    snprintf(expectation->source, sizeof expectation->source, "%s", source);
    return read_metric(table, row, expectation);
}

/* ---- the file ---- */

typedef struct Writing {
    const Experiment *experiment;
    const Sweep *sweep;
    CsvTable before; /* no columns: there was no file */
    int rows;        /* written */
} Writing;

static bool of_sweep(const Sweep *sweep, const char *key) {
    for (int i = 0; i < sweep->count; i++)
        if (strcmp(sweep->runs[i].key, key) == 0)
            return true;
    return false;
}

static void put_row(FILE *file, const char *const cells[5]) {
    for (int i = 0; i < 5; i++) {
        if (i)
            fputc(',', file);
        csv_put(file, cells[i]);
    }
    fputc('\n', file);
}

static Status write_rows(FILE *file, void *context) {
    static const char *const header[] = {"key", "metric", "expect", "tolerance", "source"};
    Writing *w = context;
    w->rows = 0;
    put_row(file, header);
    for (int row = 0; row < w->before.rows; row++) {
        const char *cells[5];
        for (int i = 0; i < 5; i++)
            cells[i] = cell_of(&w->before, row, header[i]);
        if (of_sweep(w->sweep, cells[0]))
            continue;
        put_row(file, cells);
        w->rows++;
    }
    for (int i = 0; i < w->sweep->count; i++) {
        const Expectation *e = &w->experiment->runs[i].expectation;
        char value[40], tolerance[40];
        if (!e->given || !w->sweep->runs[i].key[0])
            continue;
        snprintf(value, sizeof value, "%.15g", e->value);
        snprintf(tolerance, sizeof tolerance, "%.15g", e->tolerance);
        put_row(file, (const char *const[]){w->sweep->runs[i].key, e->metric, value, tolerance,
                                            e->source});
        w->rows++;
    }
    return STATUS_OK;
}

static bool any_expected(const Experiment *experiment) {
    for (int i = 0; i < experiment->count; i++)
        if (experiment->runs[i].expectation.given)
            return true;
    return false;
}

static Status write_expectations(Writing *w) {
    char path[OUTPUT_PATH_SIZE];
    output_path(&w->sweep->output, NULL, EXPECTATIONS, path);
    if (access(path, F_OK) == 0)
        TRY(csv_read(path, &w->before));
    else if (!any_expected(w->experiment))
        return STATUS_OK;
    Status status = whole_file_write(path, write_rows, w);
    csv_table_free(&w->before);
    if (status == STATUS_OK && w->rows == 0)
        unlink(path);
    return status;
}

/* ---- claims ---- */

Status expectations_claims_path(const char *experiment, char *path, size_t size) {
    size_t length = strlen(experiment);
    if (length > 4 && strcmp(experiment + length - 4, ".csv") == 0)
        length -= 4;
    if (snprintf(path, size, "%.*s.claims.csv", (int)length, experiment) >= (int)size)
        return status_fail(STATUS_BAD_INPUT, "%s: the name is too long", experiment);
    return STATUS_OK;
}

static Status copy_bytes(FILE *to, void *context) {
    char buffer[1 << 14];
    size_t got;
    FILE *from = context;
    while ((got = fread(buffer, 1, sizeof buffer, from)) > 0)
        fwrite(buffer, 1, got, to);
    return ferror(from) ? status_fail(STATUS_IO, "the claims cannot be read: %s", strerror(errno))
                        : STATUS_OK;
}

static Status copy_claims(const Experiment *experiment, const Sweep *sweep) {
    char from[PATH_MAX], to[OUTPUT_PATH_SIZE], name[96];
    TRY(expectations_claims_path(experiment->path, from, sizeof from));
    FILE *file = fopen(from, "r");
    if (!file)
        return errno == ENOENT ? STATUS_OK
                               : status_fail(STATUS_BAD_INPUT, "%s: %s", from, strerror(errno));
    snprintf(name, sizeof name, "%s.claims.csv", experiment->name);
    output_path(&sweep->output, NULL, name, to);
    Status status = whole_file_write(to, copy_bytes, file);
    fclose(file);
    return status;
}

Status expectations_write(const Experiment *experiment, const Sweep *sweep) {
    char path[OUTPUT_PATH_SIZE];
    Writing writing = {.experiment = experiment, .sweep = sweep};
    output_path(&sweep->output, NULL, "runs/.lock", path); /* as output_rebuild() */
    int lock;
    TRY(lock_wait(path, NULL, &lock));
    Status status = write_expectations(&writing);
    if (status == STATUS_OK)
        status = copy_claims(experiment, sweep);
    lock_release(lock);
    return status;
}
