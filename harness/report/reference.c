#include "harness/report/reference.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/paths.h"

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

/* Equal as numbers ("1e-4" and "0.0001") or as text. */
static bool same_value(const char *a, const char *b) {
    char *end_a, *end_b;
    double x = strtod(a, &end_a), y = strtod(b, &end_b);
    if (*a && *b && *end_a == '\0' && *end_b == '\0')
        return x == y;
    return strcmp(a, b) == 0;
}

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

/* The nets of the table are the paper's: any other width, block or model has no counterpart. */
static bool is_papers_net(const Results *results, int row) {
    const CsvTable *csv = &results->runs_csv;
    return cell_is(csv, row, "model", "resnet_cifar") && is_or_missing(csv, row, "width", "16") &&
           is_or_missing(csv, row, "block", "basic");
}

PaperValue reference_find(const CsvTable *reference, const Results *results, int row,
                          const char *metric) {
    PaperValue none = {.value = NAN, .spread = NAN, .source = "", .table = "", .note = ""};
    const char *family = run_text(results, row, "family");
    const char *shortcut =
        strcmp(family, "plain") == 0 ? "none" : run_text(results, row, "shortcut");
    if (!is_papers_net(results, row))
        return none;
    for (int r = 0; r < reference->rows; r++) {
        if (!cell_is(reference, r, "dataset", run_text(results, row, "dataset")) ||
            !cell_is(reference, r, "model", family) ||
            !cell_is(reference, r, "depth", run_text(results, row, "depth")) ||
            !cell_is(reference, r, "shortcut", shortcut) ||
            !cell_is(reference, r, "metric", metric) || cell_is(reference, r, "value", ""))
            continue;
        return (PaperValue){.value = cell_value(reference, r, "value"),
                            .spread = cell_value(reference, r, "spread"),
                            .source = csv_get(reference, r, "source"),
                            .table = csv_get(reference, r, "table"),
                            .note = csv_get(reference, r, "note")};
    }
    return none;
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
        bool seen = same_value(cell, value);
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
