/* Which runs belong together. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/results.h"
#include "harness/sweep/columns.h"

void label_clean(const char *text, char *label, size_t size) {
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   " .,:;=+-_/()%";
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < size; i++)
        label[i] = strchr(harmless, text[i]) ? text[i] : '?';
    label[i] = '\0';
}

int depth_index(const Results *results, int depth) {
    int i = 0;
    while (results->depths[i] != depth)
        i++;
    return i;
}

const Cell *results_cell(const Results *results, int series, int depth) {
    for (int i = 0; i < results->cell_count; i++) {
        if (results->cells[i].series == series && results->cells[i].depth == depth)
            return &results->cells[i];
    }
    return NULL;
}

static bool row_is_plain(const Results *results, int row) {
    return strcmp(run_text(results, row, "family"), "plain") == 0;
}

static bool same_text(const Results *results, int a, int b, const char *column) {
    return strcmp(run_text(results, a, column), run_text(results, b, column)) == 0;
}

/* Family and, for nets that have shortcuts, shortcut. */
static bool same_kind(const Results *results, int a, int b) {
    return same_text(results, a, b, "family") &&
           (row_is_plain(results, a) || same_text(results, a, b, "shortcut"));
}

/* The independent columns stand before `status`; these are dealt with by name. */
static bool is_special(const char *column) {
    static const char *const names[] = {"key",   "family", "shortcut", "pad_side",
                                        "depth", "seed",   "threads"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], column) == 0)
            return true;
    }
    return false;
}

typedef enum Variation { FIXED, WITH_DEPTH, SEPARATES } Variation;

static Variation column_variation(const Results *results, const char *column) {
    Variation variation = FIXED;
    for (int a = 0; a < results->run_count; a++) {
        for (int b = 0; b < a; b++) {
            if (!same_kind(results, a, b) || same_text(results, a, b, column))
                continue;
            if (results->runs[a].depth == results->runs[b].depth)
                return SEPARATES;
            variation = WITH_DEPTH;
        }
    }
    return variation;
}

static void append(char *text, size_t size, const char *separator, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? separator : "", more);
}

/* separates[c]: whether column c sets series apart. */
static void classify_columns(Results *results, bool *separates) {
    const CsvTable *csv = &results->runs_csv;
    int end = csv_column(csv, "status");
    for (int c = 0; c < csv->columns; c++) {
        separates[c] = false;
        if (c >= end || is_special(csv->header[c]))
            continue;
        Variation variation = column_variation(results, csv->header[c]);
        separates[c] = variation == SEPARATES;
        if (variation == WITH_DEPTH)
            append(results->mixed, sizeof results->mixed, ", ", csv->header[c]);
    }
}

static bool same_series(const Results *results, const bool *separates, int a, int b) {
    if (!same_kind(results, a, b))
        return false;
    for (int c = 0; c < results->runs_csv.columns; c++) {
        if (separates[c] && !same_text(results, a, b, results->runs_csv.header[c]))
            return false;
    }
    return true;
}

/* What a run does when nobody chooses: not worth a word where several columns set series apart. */
static bool is_default(const char *column, const char *value) {
    const Column *known = columns_find(column);
    return known && strcmp(known->fallback, value) == 0;
}

static void make_label(const Results *results, const bool *separates, Series *series) {
    char text[2 * LABEL_MAX] = "", part[LABEL_MAX];
    bool several_shortcuts = false;
    int separating = 0;
    for (int c = 0; c < results->runs_csv.columns; c++)
        separating += separates[c];
    append(text, sizeof text, "", run_text(results, series->row, "family"));
    for (int row = 0; row < results->run_count; row++)
        several_shortcuts |= !row_is_plain(results, row) && !series->plain &&
                             !same_text(results, row, series->row, "shortcut");
    if (several_shortcuts)
        append(text, sizeof text, " ", run_text(results, series->row, "shortcut"));
    for (int c = 0; c < results->runs_csv.columns; c++) {
        const char *column = results->runs_csv.header[c];
        const char *value = run_text(results, series->row, column);
        if (!separates[c] || (separating > 1 && is_default(column, value)))
            continue;
        snprintf(part, sizeof part, "%s=%s", column, value);
        append(text, sizeof text, ", ", part);
    }
    label_clean(text, series->label, sizeof series->label);
}

/* Plain nets first: two passes over the runs. */
static void make_series(Results *results, const bool *separates) {
    for (int pass = 0; pass < 2; pass++) {
        for (int row = 0; row < results->run_count; row++) {
            bool plain = row_is_plain(results, row);
            if (plain != (pass == 0))
                continue;
            int s = 0;
            while (s < results->series_count &&
                   !same_series(results, separates, results->series[s].row, row))
                s++;
            results->runs[row].series = s;
            if (s < results->series_count)
                continue;
            results->series[s] = (Series){.row = row, .plain = plain};
            make_label(results, separates, &results->series[s]);
            results->series_count++;
        }
    }
}

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void make_depths(Results *results) {
    int *depths = results->depths, count = 0;
    for (int i = 0; i < results->run_count; i++)
        depths[i] = results->runs[i].depth;
    qsort(depths, (size_t)results->run_count, sizeof *depths, compare_ints);
    for (int i = 0; i < results->run_count; i++) {
        if (count == 0 || depths[i] != depths[count - 1])
            depths[count++] = depths[i];
    }
    results->depth_count = count;
}

/* `values` has room for all runs. */
static Cell make_cell(const Results *results, int series, int depth, double *values) {
    Cell cell = {.series = series, .depth = depth};
    const struct {
        size_t from;
        Summary *to;
    } fields[] = {{offsetof(Run, test_error), &cell.test_error},
                  {offsetof(Run, train_error), &cell.train_error},
                  {offsetof(Run, train_eval_error), &cell.train_eval_error},
                  {offsetof(Run, seconds), &cell.seconds},
                  {offsetof(Run, energy), &cell.energy},
                  {offsetof(Run, parameters), &cell.parameters}};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        int count = 0;
        cell.runs = cell.diverged = 0;
        for (int i = 0; i < results->run_count; i++) {
            const Run *run = &results->runs[i];
            if (run->series != series || run->depth != depth)
                continue;
            cell.runs++;
            cell.diverged += run->diverged;
            /* The size of a net does not depend on how its training went. */
            if (!run->diverged || fields[f].to == &cell.parameters)
                memcpy(&values[count++], (const char *)run + fields[f].from, sizeof *values);
        }
        *fields[f].to = summarize(values, count);
    }
    return cell;
}

double cell_mean(const Results *results, const Cell *cell, RunError *error, double iteration,
                 bool train) {
    double sum = 0;
    int n = 0;
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        if (run->series != cell->series || run->depth != cell->depth || run->diverged)
            continue;
        double y = error(run, iteration, train);
        if (!isnan(y)) {
            sum += y;
            n++;
        }
    }
    return n ? sum / n : NAN;
}

Status results_group(Results *results) {
    size_t count = (size_t)results->run_count;
    Status status = STATUS_OK;
    bool *separates = calloc((size_t)results->runs_csv.columns, sizeof *separates);
    double *values = calloc(count, sizeof *values);
    results->series = calloc(count, sizeof *results->series);
    results->cells = calloc(count, sizeof *results->cells);
    results->depths = calloc(count, sizeof *results->depths);
    if (!separates || !values || !results->series || !results->cells || !results->depths) {
        status = status_fail(STATUS_NO_MEMORY, "no memory for a table of %zu runs", count);
        goto out;
    }
    classify_columns(results, separates);
    make_series(results, separates);
    make_depths(results);
    for (int s = 0; s < results->series_count; s++) {
        for (int d = 0; d < results->depth_count; d++) {
            Cell cell = make_cell(results, s, results->depths[d], values);
            if (cell.runs > 0)
                results->cells[results->cell_count++] = cell;
        }
    }
out:
    free(separates);
    free(values);
    return status;
}
