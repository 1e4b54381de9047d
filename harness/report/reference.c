#include "harness/report/reference.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/paths.h"
#include "harness/sweep/values.h"

/* He et al. 2015, section 4.2. Columns that the file lacks are not compared. */
static const struct {
    const char *column, *value;
} protocol[] = {
    {"model", "resnet_cifar"},
    {"block", "basic"},
    {"width", "16"},
    {"dataset", "cifar10"},
    {"train_images", "50000"},
    {"test_images", "10000"},
    {"normalize", "pixel"},
    {"augment", "crop_flip"},
    {"batch", "128"},
    {"iterations", "64000"},
    {"optimizer", "sgd"},
    {"lr", "0.1"},
    {"schedule", "32000:0.1 48000:0.01"},
    {"momentum", "0.9"},
    {"nesterov", "0"},
    {"weight_decay", "0.0001"},
};

Status reference_open(CsvTable *reference) {
    char path[PATH_MAX];
    *reference = (CsvTable){0};
    TRY(resource_path("experiments/reference/paper_tables.csv", path, sizeof path));
    return csv_read(path, reference);
}

static bool cell_is(const CsvTable *table, int row, const char *column, const char *text) {
    const char *cell = csv_get(table, row, column);
    return cell && strcmp(cell, text) == 0;
}

static double cell_value(const CsvTable *table, int row, const char *column) {
    const char *cell = csv_get(table, row, column);
    return cell && *cell ? strtod(cell, NULL) : NAN;
}

static bool is_or_missing(const CsvTable *csv, int row, const char *column, const char *text) {
    return csv_column(csv, column) < 0 || cell_is(csv, row, column, text);
}

/* The nets of the table are the papers': any other width or model has no counterpart. */
static bool is_papers_net(const Results *results, int row) {
    const CsvTable *csv = &results->runs_csv;
    return cell_is(csv, row, "model", "resnet_cifar") && is_or_missing(csv, row, "width", "16");
}

/* A column's number; `standard` where the file lacks it. */
static double number_or(const Results *results, int row, const char *column, double standard) {
    const char *text = run_text(results, row, column);
    return *text ? strtod(text, NULL) : standard;
}

/* What He et al. 2016 (arXiv 1603.05027) call a run's departures from the original block; "": none.
 * Two at once have no name there: "?". */
static void departure_name(const Results *results, int row, char *name, size_t size) {
    static const char *const orders[][2] = {{"bn_after_add", "BN after addition"},
                                            {"relu_before_add", "ReLU before addition"},
                                            {"relu_preact", "ReLU-only pre-activation"},
                                            {"full_preact", "full pre-activation"}};
    const char *activation = run_text(results, row, "activation");
    const char *gate = run_text(results, row, "gate");
    double bias = number_or(results, row, "gate_bias", 0);
    double shortcut = number_or(results, row, "shortcut_scale", 1);
    double residual = number_or(results, row, "residual_scale", 1);
    double dropout = number_or(results, row, "shortcut_dropout", 0);
    int departures = 0;
    name[0] = '\0';
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(activation, orders[i][0]) == 0 && ++departures)
            snprintf(name, size, "%s", orders[i][1]);
    if ((strcmp(gate, "exclusive") == 0 || strcmp(gate, "shortcut") == 0) && ++departures)
        snprintf(name, size, "%s gating b=%g", *gate == 'e' ? "exclusive" : "shortcut-only", bias);
    if ((shortcut != 1 || residual != 1) && ++departures)
        snprintf(name, size, "constant scaling %g/%g", shortcut, residual);
    if (dropout > 0 && ++departures)
        snprintf(name, size, "dropout shortcut %g", dropout);
    if (departures > 1)
        snprintf(name, size, "?");
}

/* The row of the table for a net whose shortcut is called `shortcut` there; -1: none has a value.
 */
static int find_row(const CsvTable *reference, const Results *results, int row,
                    const char *shortcut, const char *metric) {
    for (int r = 0; r < reference->rows; r++)
        if (cell_is(reference, r, "dataset", run_text(results, row, "dataset")) &&
            cell_is(reference, r, "model", run_text(results, row, "family")) &&
            cell_is(reference, r, "depth", run_text(results, row, "depth")) &&
            cell_is(reference, r, "shortcut", shortcut) &&
            cell_is(reference, r, "metric", metric) && !cell_is(reference, r, "value", ""))
            return r;
    return -1;
}

/* The same net goes by several names: A is "original" in the later paper, C its 1x1 convolutions.
 */
static int find_names(const CsvTable *reference, const Results *results, int row,
                      const char *metric) {
    const char *shortcut = run_text(results, row, "shortcut");
    bool bottlenecks = strcmp(run_text(results, row, "block"), "bottleneck") == 0;
    char departure[64];
    int found = -1;
    departure_name(results, row, departure, sizeof departure);
    if (departure[0])
        return find_row(reference, results, row, departure, metric);
    if (strcmp(run_text(results, row, "family"), "plain") == 0)
        return find_row(reference, results, row, "none", metric);
    if (!bottlenecks)
        found = find_row(reference, results, row, shortcut, metric);
    if (found < 0 && strcmp(shortcut, bottlenecks ? "B" : "A") == 0)
        found = find_row(reference, results, row, "original", metric);
    if (found < 0 && strcmp(shortcut, "C") == 0)
        found = find_row(reference, results, row, "1x1 conv shortcut", metric);
    return found;
}

PaperValue reference_find(const CsvTable *reference, const Results *results, int row,
                          const char *metric) {
    int r = is_papers_net(results, row) ? find_names(reference, results, row, metric) : -1;
    if (r < 0)
        return (PaperValue){.value = NAN, .spread = NAN, .source = "", .table = "", .note = ""};
    return (PaperValue){.value = cell_value(reference, r, "value"),
                        .spread = cell_value(reference, r, "spread"),
                        .source = csv_get(reference, r, "source"),
                        .table = csv_get(reference, r, "table"),
                        .note = csv_get(reference, r, "note")};
}

bool reference_is_fig6_net(const Results *results, int row) {
    const CsvTable *csv = &results->runs_csv;
    char departure[64];
    departure_name(results, row, departure, sizeof departure);
    return is_papers_net(results, row) && cell_is(csv, row, "dataset", "cifar10") &&
           is_or_missing(csv, row, "block", "basic") && !departure[0] &&
           (strcmp(run_text(results, row, "family"), "plain") == 0 ||
            strcmp(run_text(results, row, "shortcut"), "A") == 0);
}

static void append(char *text, size_t size, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

/* The distinct values of a column that are not `value`, joined by " and "; false: none. */
static bool other_values(const Results *results, const char *column, const char *value, char *text,
                         size_t size) {
    int column_number = csv_column(&results->runs_csv, column);
    text[0] = '\0';
    for (int a = 0; column_number >= 0 && a < results->run_count; a++) {
        const char *cell = run_text(results, a, column);
        bool seen = value_same(cell, value);
        for (int b = 0; b < a && !seen; b++)
            seen = strcmp(cell, run_text(results, b, column)) == 0;
        if (seen)
            continue;
        if (text[0])
            append(text, size, " and ");
        append(text, size, *cell ? cell : "none");
    }
    return text[0] != '\0';
}

void protocol_differences(const Results *results, char *text, size_t size) {
    text[0] = '\0';
    for (size_t i = 0; i < sizeof protocol / sizeof protocol[0]; i++) {
        char values[256], clean[256], part[400];
        if (!other_values(results, protocol[i].column, protocol[i].value, values, sizeof values))
            continue;
        label_clean(values, clean, sizeof clean);
        snprintf(part, sizeof part, "%s%s %s (%s)", text[0] ? ", " : "", protocol[i].column, clean,
                 protocol[i].value);
        append(text, size, part);
    }
}
