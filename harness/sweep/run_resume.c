/* Checkpoints of a run: what is put into them, and how a run goes on from one. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/version.h"
#include "harness/sweep/training.h"
#include "harness/weights/checkpoint.h"

static const struct {
    const char *name;
    void (*header)(FILE *file);
} row_files[ROWS_FILES] = {
    [ROWS_CURVES] = {OUTPUT_CURVES, record_curves_header},
    [ROWS_STEPS] = {OUTPUT_STEPS, record_steps_header},
    [ROWS_LAYERS] = {OUTPUT_LAYERS, record_layers_header},
};

static const char point_name[] = "point";

enum { IDENTITY_SIZE = 1024 };

/* Whatever could change a bit of what follows. Threads do not. */
static void identify(const Training *t, char text[IDENTITY_SIZE]) {
    const RunFacts *facts = &t->facts;
    snprintf(text, IDENTITY_SIZE,
             "run=%s\ncommit=%s\nprogram=%s\ndevice=%s\nisa=%s\nlibraries=%s\nalgorithms=%s\n",
             facts->key, version_commit(), t->program, facts->backend.device, facts->backend.isa,
             facts->backend.libraries, facts->algorithms);
}

/* ---- writing ---- */

static Status collect_rows(const Training *t, CheckpointPart parts[ROWS_FILES], int *count) {
    for (int i = 0; i < ROWS_FILES; i++) {
        char *text;
        size_t size;
        if (!t->wanted[i])
            continue;
        TRY(output_rows(t->output, t->facts.key, row_files[i].name, &text, &size));
        parts[(*count)++] = (CheckpointPart){row_files[i].name, text, size};
    }
    return STATUS_OK;
}

Status training_checkpoint(void *context, State *state, const TrainPoint *point) {
    Training *t = context;
    CheckpointPart parts[ROWS_FILES + 1] = {{point_name, &t->point, sizeof t->point}};
    char identity[IDENTITY_SIZE], path[OUTPUT_PATH_SIZE];
    int count = 1;
    Status status = STATUS_OK;
    t->point.train = *point;
    t->point.log_every = t->spec.log_every;
    t->point.joules += energy_take(&t->meter);
    if (t->events)
        CHECK(event_file_sync(t->events, &t->point.events_size));
    CHECK(collect_rows(t, parts, &count));
    identify(t, identity);
    output_path(t->output, t->facts.key, OUTPUT_CHECKPOINT, path);
    CHECK(checkpoint_save(path, state, identity, point->iteration, parts, count));
out:
    for (int i = 1; i < count; i++)
        free((void *)parts[i].bytes);
    return status;
}

/* ---- beginning ---- */

static Status begin_rows(Training *t, int i) {
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return status_fail(STATUS_NO_MEMORY, "no memory for a header");
    row_files[i].header(memory);
    fclose(memory);
    Status status =
        output_begin_rows(t->output, t->facts.key, row_files[i].name, text, size, &t->rows[i]);
    free(text);
    return status;
}

/* What an earlier start left goes: it may have been asked for other files. */
static Status begin_anew(Training *t) {
    static const char *const leftovers[] = {OUTPUT_CHECKPOINT, OUTPUT_WEIGHTS, OUTPUT_OPTIMIZER};
    for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++)
        output_remove(t->output, t->facts.key, leftovers[i]);
    for (int i = 0; i < ROWS_FILES; i++)
        if (t->wanted[i])
            TRY(begin_rows(t, i));
        else
            output_remove(t->output, t->facts.key, row_files[i].name);
    if (t->hooks->logs.tensorboard)
        TRY(events_begin(t->hooks->logs.tensorboard, t->config, t->facts.key, &t->events));
    return STATUS_OK;
}

/* ---- going on ---- */

static Status lacks(const char *path, const char *what) {
    return status_fail(STATUS_BAD_INPUT, "%s: is of a start without %s", path, what);
}

/* Whether it has all that is asked for now; *point receives where it stands. */
static Status check_parts(const Training *t, const Checkpoint *checkpoint, const char *path,
                          RunPoint *point) {
    CheckpointPart part = checkpoint_part(checkpoint, point_name);
    if (part.size != sizeof *point)
        return status_fail(STATUS_BAD_INPUT, "%s: does not say where it stands", path);
    memcpy(point, part.bytes, sizeof *point);
    if (point->train.iteration != checkpoint->iteration ||
        point->train.iteration > t->spec.iterations)
        return status_fail(STATUS_BAD_INPUT, "%s: stands at iteration %lld of %lld", path,
                           (long long)point->train.iteration, (long long)t->spec.iterations);
    for (int i = 0; i < ROWS_FILES; i++)
        if (t->wanted[i] && !checkpoint_part(checkpoint, row_files[i].name).bytes)
            return lacks(path, row_files[i].name);
    if (t->wanted[ROWS_STEPS] && point->log_every != t->spec.log_every)
        return lacks(path, "this --log-every");
    if (t->hooks->logs.tensorboard && point->events_size == 0)
        return lacks(path, "--tensorboard");
    return STATUS_OK;
}

/* Rows that were written after the checkpoint are dropped: they will be written again. */
static Status restore_rows(Training *t, const Checkpoint *checkpoint) {
    for (int i = 0; i < ROWS_FILES; i++) {
        CheckpointPart part = checkpoint_part(checkpoint, row_files[i].name);
        if (!t->wanted[i])
            output_remove(t->output, t->facts.key, row_files[i].name);
        else
            TRY(output_begin_rows(t->output, t->facts.key, row_files[i].name, part.bytes, part.size,
                                  &t->rows[i]));
    }
    return STATUS_OK;
}

/* STATUS_BAD_INPUT: it cannot be gone on from, and the message says why; nothing has changed. */
static Status go_on(Training *t, const char *path, State *state) {
    Checkpoint checkpoint;
    RunPoint point;
    char identity[IDENTITY_SIZE];
    const char *folder = t->hooks->logs.tensorboard;
    Status status = STATUS_OK;
    identify(t, identity);
    TRY(checkpoint_open(path, identity, &checkpoint));
    CHECK(check_parts(t, &checkpoint, path, &point));
    if (folder)
        CHECK(events_continue(folder, t->config, t->facts.key, point.events_size, &t->events));
    CHECK(checkpoint_restore(&checkpoint, path, state));
    CHECK(restore_rows(t, &checkpoint));
    t->point = point;
out:
    checkpoint_close(&checkpoint);
    return status;
}

static void note(const Training *t, const char *text) {
    if (t->hooks->note)
        t->hooks->note(t->hooks->context, text);
}

Status training_resume(void *context, State *state, TrainPoint *point) {
    Training *t = context;
    char path[OUTPUT_PATH_SIZE], text[2200];
    output_path(t->output, t->facts.key, OUTPUT_CHECKPOINT, path);
    Status status = go_on(t, path, state);
    if (status == STATUS_OK) {
        *point = t->point.train;
        snprintf(text, sizeof text, "goes on after iteration %lld", (long long)point->iteration);
        note(t, text);
        return STATUS_OK;
    }
    if (status != STATUS_BAD_INPUT && status != STATUS_UNAVAILABLE)
        return status;
    if (status == STATUS_BAD_INPUT) {
        snprintf(text, sizeof text, "begins anew: %s", status_message());
        note(t, text);
    }
    event_file_close(t->events); /* it may have been opened before the rest turned out not to fit */
    t->events = NULL;
    return begin_anew(t);
}
