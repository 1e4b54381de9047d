#include "harness/report/claims.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/paths.h"

Status claims_open(CsvTable *claims) {
    char path[PATH_MAX];
    *claims = (CsvTable){0};
    TRY(resource_path("experiments/reference/claims.csv", path, sizeof path));
    return csv_read(path, claims);
}

static double number(const CsvTable *table, int row, const char *column) {
    const char *cell = csv_get(table, row, column);
    return cell && *cell ? strtod(cell, NULL) : NAN;
}

static bool speaks_of(const CsvTable *claims, int claim, const Results *results, const Run *run) {
    static const char *const columns[] = {"model", "family", "dataset"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (strcmp(csv_get(claims, claim, columns[i]), run_text(results, run->row, columns[i])) !=
            0)
            return false;
    return true;
}

static bool claim_applies(const CsvTable *claims, int claim, const Results *results) {
    for (int i = 0; i < results->run_count; i++)
        if (speaks_of(claims, claim, results, &results->runs[i]))
            return true;
    return false;
}

bool claims_apply(const CsvTable *claims, const Results *results) {
    for (int claim = 0; claim < claims->rows; claim++)
        if (claim_applies(claims, claim, results))
            return true;
    return false;
}

/* The run's value at the evaluation after `epoch` epochs; NaN: there was none. */
static double value_at(const Run *run, double epoch, const char *metric) {
    for (int i = 0; i < run->point_count; i++) {
        const Point *point = &run->points[i];
        if (fabs(point->epoch - epoch) <= 1e-3)
            return strcmp(metric, "train_loss") == 0 ? point->train_loss : 100 - point->test_error;
    }
    return NAN;
}

typedef struct Finding {
    double claimed, tolerance;
    Summary measured;
    const char *verdict;
} Finding;

static Finding find(const CsvTable *claims, int claim, const Results *results) {
    Finding finding = {.claimed = number(claims, claim, "value"),
                       .tolerance = number(claims, claim, "tolerance")};
    double *values = malloc((size_t)results->run_count * sizeof *values);
    int count = 0;
    for (int i = 0; values && i < results->run_count; i++)
        if (speaks_of(claims, claim, results, &results->runs[i]))
            values[count++] = value_at(&results->runs[i], number(claims, claim, "epoch"),
                                       csv_get(claims, claim, "metric"));
    finding.measured = summarize(values, count);
    free(values);
    double away = fabs(finding.measured.mean - finding.claimed);
    finding.verdict = finding.measured.n == 0     ? "not measured"
                      : away <= finding.tolerance ? "agrees"
                                                  : "differs";
    return finding;
}

static void put(FILE *file, double value) {
    fputc(',', file);
    if (!isnan(value))
        fprintf(file, "%.6g", value);
}

void claims_csv(FILE *file, const Results *results, const CsvTable *claims) {
    static const char *const copied[] = {"source", "model", "family", "dataset", "epoch", "metric"};
    fprintf(file, "source,model,family,dataset,epoch,metric,claimed,tolerance,runs,measured,least,"
                  "greatest,verdict\n");
    for (int claim = 0; claim < claims->rows; claim++) {
        if (!claim_applies(claims, claim, results))
            continue;
        Finding f = find(claims, claim, results);
        for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
            fputs(i ? "," : "", file);
            csv_put(file, csv_get(claims, claim, copied[i]));
        }
        put(file, f.claimed);
        put(file, f.tolerance);
        fprintf(file, ",%d", f.measured.n);
        put(file, f.measured.mean);
        put(file, f.measured.least);
        put(file, f.measured.greatest);
        fprintf(file, ",%s\n", f.verdict);
    }
}

void claims_markdown(FILE *file, const Results *results, const CsvTable *claims) {
    fprintf(file, "| net | epoch | metric | claimed | measured | runs | verdict |\n"
                  "|---|--:|---|--:|--:|--:|---|\n");
    for (int claim = 0; claim < claims->rows; claim++) {
        if (!claim_applies(claims, claim, results))
            continue;
        Finding f = find(claims, claim, results);
        fprintf(file, "| %s %s | %s | %s | %g | ", csv_get(claims, claim, "model"),
                csv_get(claims, claim, "family"), csv_get(claims, claim, "epoch"),
                csv_get(claims, claim, "metric"), f.claimed);
        if (f.measured.n)
            fprintf(file, "%.4g", f.measured.mean);
        fprintf(file, " | %d | %s |\n", f.measured.n, f.verdict);
    }
    fprintf(file,
            "\nMeasured: the mean over runs at the evaluation of that epoch; train_loss is that "
            "of the training batches since the evaluation before. It agrees within 1 point of "
            "accuracy or a fifth of the loss.\n");
}
