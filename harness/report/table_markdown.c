/* table.md. */
#include <math.h>
#include <string.h>

#include "harness/report/table.h"

enum { NOTES_MAX = 32 };

/* Where the paper's numbers are from; each once, in the order of use. */
typedef struct Notes {
    PaperValue items[NOTES_MAX];
    int count;
} Notes;

/* The number of the footnote, from 1; 0 when there are too many. */
static int note_number(Notes *notes, const PaperValue *value) {
    for (int i = 0; i < notes->count; i++) {
        if (strcmp(notes->items[i].source, value->source) == 0 &&
            strcmp(notes->items[i].table, value->table) == 0 &&
            strcmp(notes->items[i].note, value->note) == 0)
            return i + 1;
    }
    if (notes->count == NOTES_MAX)
        return 0;
    notes->items[notes->count++] = *value;
    return notes->count;
}

static void put_error(FILE *file, const Cell *cell, const Summary *error) {
    if (error->n > 1)
        fprintf(file, " %.2f ± %.2f", error->mean, error->sd);
    else if (error->n == 1)
        fprintf(file, " %.2f", error->mean);
    else if (cell->diverged > 0)
        fprintf(file, " diverged");
    fprintf(file, " |");
}

static void put_paper(FILE *file, Notes *notes, const PaperValue *value) {
    if (!isnan(value->value)) {
        fprintf(file, " %.10g", value->value);
        if (!isnan(value->spread))
            fprintf(file, " ± %.10g", value->spread);
        fprintf(file, " [%d]", note_number(notes, value));
    }
    fprintf(file, " |");
}

static PaperValue paper(const CsvTable *reference, const Results *results, const Cell *cell,
                        const char *metric) {
    int i = 0;
    while (results->runs[i].series != cell->series || results->runs[i].depth != cell->depth)
        i++;
    return reference_find(reference, results, results->runs[i].row, metric);
}

static bool any_paper(const CsvTable *reference, const Results *results) {
    for (int i = 0; i < results->cell_count; i++) {
        PaperValue test = paper(reference, results, &results->cells[i], "test_error_pct");
        PaperValue train = paper(reference, results, &results->cells[i], "train_error_pct");
        if (!isnan(test.value) || !isnan(train.value))
            return true;
    }
    return false;
}

static void put_row(FILE *file, const Results *results, const Cell *cell) {
    fprintf(file, "| %s | %d | %d", results->series[cell->series].label, cell->depth, cell->runs);
    if (cell->diverged > 0)
        fprintf(file, " (%d diverged)", cell->diverged);
    fprintf(file, " |");
    put_error(file, cell, &cell->test_error);
    put_error(file, cell, &cell->train_error);
    put_error(file, cell, &cell->train_eval_error);
    if (cell->parameters.n > 0)
        fprintf(file, " %.0f", cell->parameters.mean);
    fprintf(file, " |");
    if (cell->seconds.n > 0)
        fprintf(file, " %.1f", cell->seconds.mean);
    fprintf(file, " |");
}

static void put_notes(FILE *file, const Results *results, const Notes *notes) {
    char differences[1024];
    protocol_differences(results, differences, sizeof differences);
    fprintf(file,
            "\nErrors are final values in per cent: mean (± sample standard deviation) over the "
            "runs that did not diverge.\n"
            "Train: running, of the training batches since the last evaluation; train, eval "
            "mode: on clean training images with running statistics.\n");
    if (results->mixed[0])
        fprintf(file, "\nColumns that vary with depth within a net: %s.\n", results->mixed);
    if (differences[0])
        fprintf(file,
                "\nThe protocol is not that of He et al. 2015, section 4.2 (its values in "
                "brackets): %s.\n",
                differences);
    for (int i = 0; i < notes->count; i++)
        fprintf(file, "\n[%d] %s, %s%s%s\n", i + 1, notes->items[i].source, notes->items[i].table,
                notes->items[i].note[0] ? ": " : "", notes->items[i].note);
}

void table_markdown(FILE *file, const Results *results, const CsvTable *reference) {
    Notes notes = {.count = 0};
    bool with_paper = any_paper(reference, results);
    fprintf(file,
            "| net | depth | runs | test error %% | train error %% | train error, eval mode %% "
            "| parameters | seconds |%s\n",
            with_paper ? " paper: test % | paper: train % |" : "");
    fprintf(file, "|---|--:|--:|--:|--:|--:|--:|--:|%s\n", with_paper ? "--:|--:|" : "");
    for (int i = 0; i < results->cell_count; i++) {
        const Cell *cell = &results->cells[i];
        put_row(file, results, cell);
        if (with_paper) {
            PaperValue test = paper(reference, results, cell, "test_error_pct");
            PaperValue train = paper(reference, results, cell, "train_error_pct");
            put_paper(file, &notes, &test);
            put_paper(file, &notes, &train);
        }
        fputc('\n', file);
    }
    put_notes(file, results, &notes);
}
