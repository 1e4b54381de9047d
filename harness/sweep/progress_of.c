#include "harness/sweep/progress_of.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/lock.h"
#include "harness/sweep/values.h"
#include "harness/weights/checkpoint.h"

static const char *const names[RUN_STATES] = {"done",    "diverged", "failed",
                                              "running", "stopped",  "left"};

const char *run_state_name(RunState state) {
    return names[state];
}

/* Of a run with a row. */
static void from_row(const Output *output, const PlannedRun *run, RunProgress *progress) {
    char seconds[32];
    output_cell(output, run->key, "status", progress->word, sizeof progress->word);
    progress->state = strcmp(progress->word, "done") == 0       ? RUN_DONE
                      : strcmp(progress->word, "diverged") == 0 ? RUN_DIVERGED
                                                                : RUN_FAILED;
    progress->iteration = progress->state == RUN_DONE ? run->iterations : 0;
    output_cell(output, run->key, "seconds", seconds, sizeof seconds);
    value_real(seconds, &progress->seconds);
}

/* The last evaluation; the line after it may be half-written. */
static void from_curves(const Output *output, const char *key, RunProgress *progress) {
    char path[OUTPUT_PATH_SIZE];
    CsvTable table;
    output_path(output, key, OUTPUT_CURVES, path);
    if (csv_read(path, &table) != STATUS_OK)
        return;
    const char *iteration = table.rows ? csv_get(&table, table.rows - 1, "iteration") : NULL;
    const char *seconds = table.rows ? csv_get(&table, table.rows - 1, "seconds") : NULL;
    if (iteration && seconds && value_int(iteration, &progress->iteration))
        value_real(seconds, &progress->seconds);
    csv_table_free(&table);
}

static bool has_checkpoint(const Output *output, const char *key, int64_t *iteration) {
    char path[OUTPUT_PATH_SIZE];
    Checkpoint checkpoint;
    output_path(output, key, OUTPUT_CHECKPOINT, path);
    if (checkpoint_open(path, NULL, &checkpoint) != STATUS_OK)
        return false;
    *iteration = checkpoint.iteration;
    checkpoint_close(&checkpoint);
    return true;
}

static void from_files(const Output *output, const PlannedRun *run, RunProgress *progress) {
    char path[OUTPUT_PATH_SIZE];
    int64_t saved = 0;
    output_path(output, run->key, OUTPUT_LOCK, path);
    bool running = lock_is_held(path), begun = has_checkpoint(output, run->key, &saved);
    progress->state = running ? RUN_RUNNING : begun ? RUN_STOPPED : RUN_LEFT;
    snprintf(progress->word, sizeof progress->word, "%s", names[progress->state]);
    if (progress->state == RUN_LEFT)
        return;
    from_curves(output, run->key, progress);
    if (!running || saved > progress->iteration) {
        double part = progress->iteration ? (double)saved / (double)progress->iteration : 0;
        progress->seconds *= part;
        progress->iteration = saved;
    }
}

RunProgress progress_of(const Output *output, const PlannedRun *run) {
    RunProgress progress = {0};
    if (output_finished(output, run->key))
        from_row(output, run, &progress);
    else
        from_files(output, run, &progress);
    return progress;
}
