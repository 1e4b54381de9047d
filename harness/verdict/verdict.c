#include "harness/verdict/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/files.h"

Status verdicts_add(Verdicts *verdicts, const VerdictRow *row) {
    if (verdicts->count == verdicts->capacity) {
        int capacity = verdicts->capacity ? 2 * verdicts->capacity : 16;
        VerdictRow *rows = realloc(verdicts->rows, (size_t)capacity * sizeof *rows);
        if (!rows)
            return status_fail(STATUS_NO_MEMORY, "no memory for %d verdicts", capacity);
        verdicts->rows = rows;
        verdicts->capacity = capacity;
    }
    verdicts->rows[verdicts->count++] = *row;
    return STATUS_OK;
}

Status verdicts_read(const char *dir, Level level, Verdicts *verdicts) {
    Status status = STATUS_OK;
    *verdicts = (Verdicts){.level = level};
    TRY(results_read(dir, &verdicts->results));
    CHECK(groups_make(&verdicts->results, &verdicts->groups));
    CHECK(expectations_judge(dir, verdicts));
    CHECK(claims_judge(dir, verdicts));
    CHECK(selection_judge(verdicts));
out:
    if (status != STATUS_OK)
        verdicts_free(verdicts);
    return status;
}

void verdicts_free(Verdicts *verdicts) {
    free(verdicts->rows);
    free(verdicts->selection);
    groups_free(&verdicts->groups);
    results_free(&verdicts->results);
    *verdicts = (Verdicts){0};
}

int verdicts_count(const Verdicts *verdicts, Verdict outcome) {
    int count = 0;
    for (int i = 0; i < verdicts->count; i++)
        count += verdicts->rows[i].decision.outcome == outcome;
    return count;
}

const char *method_name(Method method) {
    static const char *const names[] = {"one sample", "paired by seed", "Welch"};
    return names[method];
}

void verdict_words(const VerdictRow *row, char *text, size_t size) {
    decision_text(&row->decision, text, size);
    size_t used = strlen(text);
    if (row->diverged > 0)
        snprintf(text + used, size - used, " (%d of %d diverged)", row->diverged, row->runs);
}

typedef struct CsvFile {
    const Verdicts *verdicts;
    void (*put)(FILE *file, const Verdicts *verdicts);
} CsvFile;

static Status write_csv(FILE *file, void *context) {
    const CsvFile *csv = context;
    csv->put(file, csv->verdicts);
    return STATUS_OK;
}

Status verdicts_write(const char *dir, const Verdicts *verdicts) {
    CsvFile verdict = {verdicts, verdicts_csv}, selection = {verdicts, selection_csv};
    TRY(file_replace(dir, "verdict.csv", write_csv, &verdict));
    return file_replace(dir, "selection_bias.csv", write_csv, &selection);
}

Status verdicts_conclude(const char *dir) {
    Verdicts verdicts;
    TRY(verdicts_read(dir, LEVEL_DEFAULT, &verdicts));
    Status status = verdicts_write(dir, &verdicts);
    if (status == STATUS_OK && verdicts.count > 0) {
        printf("\n");
        verdicts_print_verdicts(stdout, &verdicts);
    }
    verdicts_free(&verdicts);
    return status;
}
