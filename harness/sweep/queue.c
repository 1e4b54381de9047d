#include "harness/sweep/queue.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum Place { TO_DO, BUSY, OVER } Place;

typedef struct Queue {
    Sweep *sweep;
    Progress progress;
    SweepHooks hooks;
    bool retry;
    Place *places; /* one a run */
    int *failed;
} Queue;

/* A finished run is not trained again, so what it did not write then it will not write now. One
 * that diverged has no weights to write. */
static void note_missing(const Queue *queue, int run, bool diverged) {
    const SweepLogs *logs = &queue->hooks.logs;
    const char *key = queue->sweep->runs[run].key;
    const char *const names[] = {logs->save_weights && !diverged ? OUTPUT_WEIGHTS : NULL,
                                 logs->log_every ? OUTPUT_STEPS : NULL,
                                 logs->layers ? OUTPUT_LAYERS : NULL};
    for (int i = 0; i < 3; i++) {
        char path[OUTPUT_PATH_SIZE];
        if (!names[i])
            continue;
        output_path(&queue->sweep->output, key, names[i], path);
        if (access(path, F_OK) != 0)
            fprintf(stderr,
                    "harness: %s is not there: the run was finished without it; remove its folder "
                    "to train it again, or take another --out\n",
                    path);
    }
}

static void pass_over(Queue *queue, int run) {
    char status[32], why[128];
    const Sweep *sweep = queue->sweep;
    output_cell(&sweep->output, sweep->runs[run].key, "status", status, sizeof status);
    bool failed = strcmp(status, "failed") == 0 || strcmp(status, "crashed") == 0;
    snprintf(why, sizeof why, "%s before; --retry tries it again", status);
    queue->places[run] = OVER;
    *queue->failed += failed;
    progress_skip(&queue->progress, run, failed ? why : "finished already");
    if (!failed)
        note_missing(queue, run, strcmp(status, "diverged") == 0);
}

/* Trains a run whose lock is held. */
static Status train(Queue *queue, int run) {
    TrainResult result = {0};
    progress_run(&queue->progress, run);
    Status status = sweep_train(queue->sweep, run, &queue->hooks, &result);
    progress_end_run(&queue->progress, status, &result);
    if (status == STATUS_INTERRUPTED || status == STATUS_IO)
        return status; /* the next run would fare no better */
    queue->places[run] = OVER;
    if (status == STATUS_OK)
        return STATUS_OK;
    ++*queue->failed;
    return sweep_record_failure(queue->sweep, run, "failed", status_message());
}

static Status attempt(Queue *queue, int run) {
    Claim claim;
    if (output_is_over(&queue->sweep->output, queue->sweep->runs[run].key, queue->retry)) {
        pass_over(queue, run);
        return STATUS_OK;
    }
    TRY(output_claim(&queue->sweep->output, queue->sweep->runs[run].key, queue->retry, &claim));
    if (claim.state == CLAIM_FINISHED) {
        pass_over(queue, run);
        return STATUS_OK;
    }
    if (claim.state == CLAIM_BUSY) {
        if (queue->places[run] == TO_DO)
            progress_skip(&queue->progress, run, "another process is training it");
        queue->places[run] = BUSY;
        return STATUS_OK;
    }
    Status status = train(queue, run);
    output_release(&claim);
    return status;
}

/* One look at every run that is not over; *busy counts those of other processes. */
static Status round_of(Queue *queue, int *busy) {
    *busy = 0;
    for (int i = 0; i < queue->sweep->count; i++) {
        if (queue->places[i] == OVER)
            continue;
        if (queue->hooks.stop && *queue->hooks.stop)
            return status_fail(STATUS_INTERRUPTED, "stopped before run %d", i + 1);
        TRY(attempt(queue, i));
        *busy += queue->places[i] == BUSY;
    }
    return STATUS_OK;
}

static Status all_rounds(Queue *queue) {
    static const struct timespec pause = {.tv_nsec = 200000000};
    int busy;
    for (;;) {
        TRY(round_of(queue, &busy));
        if (busy == 0)
            return STATUS_OK;
        nanosleep(&pause, NULL);
    }
}

Status queue_train(Sweep *sweep, const SweepLogs *logs, bool quiet, bool retry,
                   const volatile sig_atomic_t *stop, int *failed) {
    Queue queue = {.sweep = sweep, .retry = retry, .failed = failed};
    queue.places = calloc((size_t)sweep->count + 1, sizeof *queue.places);
    if (!queue.places)
        return status_fail(STATUS_NO_MEMORY, "no memory for %d runs", sweep->count);
    for (int i = 0; i < sweep->count; i++)
        queue.places[i] = sweep->runs[i].selected ? TO_DO : OVER;
    progress_begin(&queue.progress, sweep, quiet);
    queue.hooks = (SweepHooks){.context = &queue.progress,
                               .curve = progress_curve,
                               .progress = progress_step,
                               .note = progress_note,
                               .stop = stop,
                               .logs = *logs};
    Status status = all_rounds(&queue);
    free(queue.places);
    return status;
}
