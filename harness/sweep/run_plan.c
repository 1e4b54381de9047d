#include "harness/sweep/run_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/lock.h"
#include "harness/sweep/values.h"

static const char plan_name[] = "plan.csv";

static Status write_rows(FILE *file, void *context) {
    const RunPlan *plan = context;
    fputs("run,key,title,iterations,work\n", file);
    for (int i = 0; i < plan->count; i++) {
        const PlannedRun *run = &plan->runs[i];
        fprintf(file, "%d,%s,", i + 1, run->key);
        csv_put(file, run->title);
        fprintf(file, ",%" PRId64 ",%.6g\n", run->iterations, run->work);
    }
    return STATUS_OK;
}

/* Many processes with the same experiment come along at the same time. */
static bool says_the_same(const char *path, const RunPlan *plan) {
    char *text = NULL, *there = NULL;
    size_t size = 0, room = 0;
    FILE *file = fopen(path, "re"), *memory = open_memstream(&text, &size);
    if (memory) {
        write_rows(memory, (void *)plan);
        fclose(memory);
    }
    ssize_t got = file && memory ? getdelim(&there, &room, '\0', file) : -1;
    bool same = got >= 0 && (size_t)got == size && memcmp(there, text, size) == 0;
    if (file)
        fclose(file);
    free(text);
    free(there);
    return same;
}

Status run_plan_write(const Output *output, const RunPlan *plan) {
    char path[OUTPUT_PATH_SIZE], lock_path[OUTPUT_PATH_SIZE];
    int lock;
    output_path(output, NULL, plan_name, path);
    output_path(output, NULL, "runs/.lock", lock_path);
    if (says_the_same(path, plan))
        return STATUS_OK;
    TRY(lock_wait(lock_path, NULL, &lock));
    Status status = whole_file_write(path, write_rows, (void *)plan);
    lock_release(lock);
    return status;
}

static Status read_row(const CsvTable *table, int row, PlannedRun *run) {
    const char *key = csv_get(table, row, "key"), *title = csv_get(table, row, "title");
    const char *iterations = csv_get(table, row, "iterations"), *work = csv_get(table, row, "work");
    if (!key || !title || !iterations || !work || strlen(key) != KEY_SIZE - 1 ||
        strspn(key, "0123456789abcdef") != KEY_SIZE - 1 ||
        !value_int(iterations, &run->iterations) || !value_real(work, &run->work))
        return status_fail(STATUS_BAD_INPUT,
                           "%s:%d: no row of a plan; 'harness run' with the experiment writes it "
                           "anew",
                           table->path, table->lines[row]);
    memcpy(run->key, key, KEY_SIZE);
    snprintf(run->title, sizeof run->title, "%s", title);
    return STATUS_OK;
}

Status run_plan_read(const Output *output, RunPlan *plan) {
    char path[OUTPUT_PATH_SIZE];
    CsvTable table;
    Status status = STATUS_OK;
    *plan = (RunPlan){0};
    output_path(output, NULL, plan_name, path);
    TRY(csv_read(path, &table));
    plan->runs = calloc((size_t)table.rows + 1, sizeof *plan->runs);
    if (!plan->runs) {
        status = status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
        goto out;
    }
    for (; plan->count < table.rows; plan->count++)
        CHECK(read_row(&table, plan->count, &plan->runs[plan->count]));
out:
    csv_table_free(&table);
    if (status != STATUS_OK)
        run_plan_free(plan);
    return status;
}

void run_plan_free(RunPlan *plan) {
    free(plan->runs);
    *plan = (RunPlan){0};
}
