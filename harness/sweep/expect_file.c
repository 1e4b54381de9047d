/* What is expected of runs, beside them: DIR/expectations.csv, DIR/NAME.claims.csv. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/base/lock.h"
#include "harness/base/whole_file.h"
#include "harness/sweep/expect.h"
#include "harness/sweep/sweep.h"

#define EXPECTATIONS "expectations.csv"

static const char *cell_of(const CsvTable *table, int row, const char *column) {
    const char *cell = csv_get(table, row, column);
    return cell ? cell : "";
}

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
