#include "harness/sweep/rerun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/columns.h"

/* ---- the run of a row ---- */

static Status set_columns(const CsvTable *runs, int row, RunConfig *config) {
    int count;
    const Column *columns = columns_independent(&count);
    config_default(config);
    for (int i = 0; i < count; i++) {
        const char *cell = csv_get(runs, row, columns[i].name);
        if (cell && *cell)
            TRY(config_set(config, columns[i].name, cell));
    }
    return run_check(config);
}

Status rerun_experiment(const CsvTable *runs, int row, Experiment *experiment) {
    const char *status = csv_get(runs, row, "status");
    *experiment = (Experiment){0};
    if (!status || (strcmp(status, "done") != 0 && strcmp(status, "diverged") != 0))
        return status_fail(STATUS_BAD_INPUT,
                           "%s:%d: its status is '%.40s': there is no result to compare with",
                           runs->path, runs->lines[row], status ? status : "missing");
    experiment->runs = calloc(1, sizeof *experiment->runs);
    if (!experiment->runs)
        return status_fail(STATUS_NO_MEMORY, "no memory for a run");
    experiment->count = 1;
    snprintf(experiment->path, sizeof experiment->path, "%s", runs->path);
    snprintf(experiment->name, sizeof experiment->name, "rerun");
    experiment->runs[0].line = runs->lines[row];
    experiment->runs[0].selected = true;
    Status set = set_columns(runs, row, &experiment->runs[0].config);
    if (set == STATUS_OK)
        return STATUS_OK;
    experiment_free(experiment);
    return status_context(set, "%s:%d", runs->path, runs->lines[row]);
}

/* ---- comparing ---- */

/* Who computed, not what came out. */
static bool is_provenance(const char *column) {
    static const char *const names[] = {"commit", "compiler",  "flags",     "device",
                                        "isa",    "libraries", "algorithms"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(column, names[i]) == 0)
            return true;
    return false;
}

void rerun_compare(const CsvTable *before, int row, const CsvTable *now, int now_row,
                   Differences *differences) {
    for (int i = 0; i < before->columns; i++) {
        const char *name = before->header[i], *was = before->cells[row][i];
        const char *is = csv_get(now, now_row, name);
        /* A column of another version of the program, or of more than one run. */
        if (!is || columns_is_volatile(name) || strcmp(was, is) == 0)
            continue;
        bool provenance = is_provenance(name);
        differences->provenance += provenance;
        differences->results += !provenance;
        printf("%s:%d: %s was '%s', is '%s'\n", before->path, before->lines[row], name, was, is);
    }
}

/* The next row of the run from `row` on; the number of rows when there is none. */
static int next_row(const CsvTable *table, const char *key, int row) {
    for (; row < table->rows; row++) {
        const char *cell = csv_get(table, row, "key");
        if (cell && strcmp(cell, key) == 0)
            break;
    }
    return row;
}

void rerun_compare_curves(const CsvTable *before, const char *key, const CsvTable *now, int *rows,
                          Differences *differences) {
    int theirs = next_row(before, key, 0), ours = 0;
    for (*rows = 0; theirs < before->rows; ++*rows, ours++) {
        if (ours < now->rows)
            rerun_compare(before, theirs, now, ours, differences);
        theirs = next_row(before, key, theirs + 1);
    }
    if (*rows && *rows != now->rows) {
        printf("%s: %d rows of %s, now %d\n", before->path, *rows, key, now->rows);
        differences->results++;
    }
}
