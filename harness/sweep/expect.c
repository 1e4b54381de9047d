#include "harness/sweep/expect.h"

#include <stdio.h>
#include <string.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/values.h"

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
