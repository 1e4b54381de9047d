/* table.csv, and the table `harness run` prints. */
#include "harness/report/table.h"

#include <math.h>
#include <string.h>

static void put_number(FILE *file, double value) {
    fputc(',', file);
    if (!isnan(value))
        fprintf(file, "%.10g", value);
}

static void put_summary(FILE *file, const Summary *s) {
    put_number(file, s->mean);
    put_number(file, s->sd);
    put_number(file, s->least);
    put_number(file, s->greatest);
}

static void put_text(FILE *file, const char *text) {
    fputc(',', file);
    csv_put(file, text);
}

static void put_paper(FILE *file, const CsvTable *reference, const Results *results, int row) {
    PaperValue test = reference_find(reference, results, row, "test_error_pct");
    PaperValue train = reference_find(reference, results, row, "train_error_pct");
    put_number(file, test.value);
    put_text(file, test.source);
    put_text(file, test.table);
    put_text(file, test.note);
    put_number(file, train.value);
    put_text(file, train.source);
    put_text(file, train.table);
    put_text(file, train.note);
}

/* A row of runs.csv that stands for the cell. */
static int cell_row(const Results *results, const Cell *cell) {
    int i = 0;
    while (results->runs[i].series != cell->series || results->runs[i].depth != cell->depth)
        i++;
    return results->runs[i].row;
}

void table_csv(FILE *file, const Results *results, const CsvTable *reference) {
    static const char *const errors[] = {"test_error_pct", "train_error_pct",
                                         "train_eval_error_pct"};
    fprintf(file, "series,model,family,shortcut,dataset,depth,runs,diverged,parameters,seconds");
    for (int i = 0; i < 3; i++)
        fprintf(file, ",%s,%s_sd,%s_min,%s_max", errors[i], errors[i], errors[i], errors[i]);
    for (int i = 0; i < 2; i++)
        fprintf(file, ",paper_%s,paper_%s_source,paper_%s_place,paper_%s_note", errors[i],
                errors[i], errors[i], errors[i]);
    fputc('\n', file);
    for (int i = 0; i < results->cell_count; i++) {
        const Cell *cell = &results->cells[i];
        const Series *series = &results->series[cell->series];
        int row = cell_row(results, cell);
        csv_put(file, series->label);
        put_text(file, run_text(results, row, "model"));
        put_text(file, run_text(results, row, "family"));
        put_text(file, series->plain ? "" : run_text(results, row, "shortcut"));
        put_text(file, run_text(results, row, "dataset"));
        fprintf(file, ",%d,%d,%d", cell->depth, cell->runs, cell->diverged);
        put_number(file, cell->parameters.mean);
        put_number(file, cell->seconds.mean);
        put_summary(file, &cell->test_error);
        put_summary(file, &cell->train_error);
        put_summary(file, &cell->train_eval_error);
        put_paper(file, reference, results, row);
        fputc('\n', file);
    }
}

static void print_error(FILE *file, const Cell *cell, const Summary *error) {
    char text[32] = "";
    if (error->n > 0)
        snprintf(text, sizeof text, "%.2f", error->mean);
    else if (cell->diverged > 0)
        snprintf(text, sizeof text, "diverged");
    fprintf(file, "  %9s", text);
}

void table_print(FILE *file, const Results *results) {
    int width = 6;
    for (int i = 0; i < results->series_count; i++) {
        int length = (int)strlen(results->series[i].label);
        width = length > width ? length : width;
    }
    fprintf(file, "%-*s  %5s  %4s  %9s  %9s  %9s  %9s\n", width, "", "", "", "test", "train",
            "train", "");
    fprintf(file, "%-*s  %5s  %4s  %9s  %9s  %9s  %9s\n", width, "net", "depth", "runs", "error %",
            "error %", "eval. %", "seconds");
    for (int i = 0; i < results->cell_count; i++) {
        const Cell *cell = &results->cells[i];
        fprintf(file, "%-*s  %5d  %4d", width, results->series[cell->series].label, cell->depth,
                cell->runs);
        print_error(file, cell, &cell->test_error);
        print_error(file, cell, &cell->train_error);
        print_error(file, cell, &cell->train_eval_error);
        if (cell->seconds.n > 0)
            fprintf(file, "  %9.1f", cell->seconds.mean);
        if (cell->diverged > 0 && cell->diverged < cell->runs)
            fprintf(file, "  (%d diverged)", cell->diverged);
        fputc('\n', file);
    }
}
