#include "harness/verdict/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool groups_tell_apart(const Results *results, int column) {
    const CsvTable *csv = &results->runs_csv;
    int key = csv_column(csv, "key");
    return (key < 0 || column < key) && strcmp(csv->header[column], "seed") != 0 &&
           strcmp(csv->header[column], "threads") != 0;
}

static const char *cell(const Results *results, int run, int column) {
    return results->runs_csv.cells[results->runs[run].row][column];
}

/* The first column in which two runs differ as runs of one group may not; -1: none. */
static int difference(const Results *results, int a, int b) {
    for (int c = 0; c < results->runs_csv.columns; c++)
        if (groups_tell_apart(results, c) && strcmp(cell(results, a, c), cell(results, b, c)) != 0)
            return c;
    return -1;
}

static const char *seed_of(const Results *results, int run) {
    return run_text(results, results->runs[run].row, "seed");
}

static void add(const Results *results, Group *group, int run) {
    for (int i = 0; i < group->count; i++) {
        if (csv_column(&results->runs_csv, "seed") >= 0 &&
            strcmp(seed_of(results, group->runs[i]), seed_of(results, run)) == 0) {
            group->repeated++;
            return;
        }
    }
    group->runs[group->count++] = run;
    group->diverged += results->runs[run].diverged;
}

static void put_label(const Results *results, Group *group) {
    const Run *run = &results->runs[group->runs[0]];
    snprintf(group->label, sizeof group->label, "%s, %d layers", results->series[run->series].label,
             run->depth);
}

static Status allocate(const Results *results, Groups *groups) {
    size_t count = (size_t)results->run_count;
    *groups = (Groups){.items = calloc(count, sizeof *groups->items),
                       .members = calloc(count, sizeof *groups->members)};
    if (groups->items && groups->members)
        return STATUS_OK;
    groups_free(groups);
    return status_fail(STATUS_NO_MEMORY, "no memory for groups of %zu runs", count);
}

static int by_series_and_depth(const Results *results, int a, int b) {
    const Run *p = &results->runs[a], *q = &results->runs[b];
    return p->series != q->series ? p->series - q->series : p->depth - q->depth;
}

/* Few enough that insertion does. */
static void sort(const Results *results, Groups *groups) {
    for (int i = 1; i < groups->count; i++) {
        Group moved = groups->items[i];
        int k = i;
        for (;
             k > 0 && by_series_and_depth(results, groups->items[k - 1].runs[0], moved.runs[0]) > 0;
             k--)
            groups->items[k] = groups->items[k - 1];
        groups->items[k] = moved;
    }
}

Status groups_make(const Results *results, Groups *groups) {
    int used = 0;
    TRY(allocate(results, groups));
    for (int first = 0; first < results->run_count; first++) {
        bool known = false;
        for (int r = 0; r < first && !known; r++)
            known = difference(results, r, first) < 0;
        if (known)
            continue;
        Group *group = &groups->items[groups->count++];
        group->runs = groups->members + used;
        for (int r = first; r < results->run_count; r++)
            if (difference(results, first, r) < 0)
                add(results, group, r);
        used += group->count;
        put_label(results, group);
    }
    sort(results, groups);
    return STATUS_OK;
}

Status group_select(const Results *results, const bool *take, Groups *groups) {
    TRY(allocate(results, groups));
    Group *group = &groups->items[0];
    groups->count = 1;
    group->runs = groups->members;
    int first = -1;
    for (int r = 0; r < results->run_count; r++) {
        if (!take[r])
            continue;
        first = first < 0 ? r : first;
        int column = difference(results, first, r);
        if (column >= 0) {
            groups_free(groups);
            return status_fail(STATUS_BAD_INPUT,
                               "these runs differ in %s (%.40s and %.40s); say which",
                               results->runs_csv.header[column], cell(results, first, column),
                               cell(results, r, column));
        }
        add(results, group, r);
    }
    if (group->count > 0)
        put_label(results, group);
    return STATUS_OK;
}

void groups_free(Groups *groups) {
    free(groups->items);
    free(groups->members);
    *groups = (Groups){0};
}

Status sample_take(const Results *results, const Group *group, const char *metric,
                   MetricSample *sample) {
    size_t room = (size_t)group->count + 1;
    *sample = (MetricSample){.values = calloc(room, sizeof *sample->values),
                             .seeds = calloc(room, sizeof *sample->seeds)};
    if (!sample->values || !sample->seeds) {
        sample_free(sample);
        return status_fail(STATUS_NO_MEMORY, "no memory for %d values", group->count);
    }
    for (int i = 0; i < group->count; i++) {
        const Run *run = &results->runs[group->runs[i]];
        double value;
        Status status = cell_number(&results->runs_csv, run->row, metric, false, &value);
        if (status != STATUS_OK) {
            sample_free(sample);
            return status;
        }
        if (run->diverged || isnan(value))
            continue;
        sample->values[sample->count] = value;
        sample->seeds[sample->count++] = seed_of(results, group->runs[i]);
    }
    return STATUS_OK;
}

void sample_free(MetricSample *sample) {
    free(sample->values);
    free(sample->seeds);
    *sample = (MetricSample){0};
}
