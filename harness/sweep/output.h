/* The output folder of a sweep.
 *
 *   DIR/runs.csv, DIR/curves.csv, and DIR/layers.csv where a run has one:
 *                                  rebuilt from the folders below, always whole, by renaming
 *   DIR/runs/KEY/lock              held by the process that trains the run
 *   DIR/runs/KEY/checkpoint.safetensors   where an unfinished run goes on
 *   DIR/runs/KEY/curves.csv        grows row by row while the run trains
 *   DIR/runs/KEY/algorithms.txt    what the backend chose, where it had a choice
 *   DIR/runs/KEY/steps.csv         where asked for: the losses of the steps; grows, too
 *   DIR/runs/KEY/layers.csv        where asked for: the layers at each evaluation; grows, too
 *   DIR/runs/KEY/weights.safetensors, optimizer.safetensors   where asked for, at the end
 *   DIR/runs/KEY/failure.txt       why a run failed or crashed
 *   DIR/runs/KEY/run.csv           header and one row; there once the run is finished
 *
 * A folder without run.csv is a run that did not finish: it goes on from its checkpoint. The
 * folders are the truth; whoever knows the keys can put the files of DIR together again. */
#ifndef HARNESS_SWEEP_OUTPUT_H
#define HARNESS_SWEEP_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "harness/base/whole_file.h"
#include "harness/sweep/key.h"
#include "net/status.h"

typedef struct Output {
    char folder[512];
} Output;

/* Makes the folder (and its parents) and sees that it can be written to. An existing runs.csv or
 * curves.csv with another header than this program's: STATUS_BAD_INPUT, nothing is touched. */
Status output_open(const char *folder, Output *output);

/* The same of a folder that must be there. */
Status output_open_existing(const char *folder, Output *output);
/* Whether runs.csv and the others, where they are there, have our headers. */
Status output_check_top(const Output *output);

enum { OUTPUT_PATH_SIZE = 640 };
#define OUTPUT_STEPS      "steps.csv"
#define OUTPUT_LAYERS     "layers.csv"
#define OUTPUT_WEIGHTS    "weights.safetensors"
#define OUTPUT_OPTIMIZER  "optimizer.safetensors"
#define OUTPUT_CHECKPOINT "checkpoint.safetensors"
#define OUTPUT_CURVES     "curves.csv"
#define OUTPUT_FAILURE    "failure.txt"
#define OUTPUT_LOCK       "lock"

/* A file of a run's folder; key NULL: of the output folder. */
void output_path(const Output *output, const char *key, const char *name,
                 char path[OUTPUT_PATH_SIZE]);
/* Whether the run has its row: run.csv is there and whole. */
bool output_finished(const Output *output, const char *key);
/* Whether there is nothing left to do: it has its row, and if it is to be tried again (retry), a
 * row that says `done`. */
bool output_is_over(const Output *output, const char *key, bool retry);
/* The cell `column` of the run's row; "" when it has none. */
void output_cell(const Output *output, const char *key, const char *column, char *text,
                 size_t size);

/* ---- one process a run ---- */

typedef enum ClaimState {
    CLAIM_MINE,     /* nobody else trains it until it is released */
    CLAIM_BUSY,     /* another process is training it */
    CLAIM_FINISHED, /* it is over: somebody finished it since output_is_over() said no */
} ClaimState;

typedef struct Claim {
    ClaimState state;
    int lock; /* -1: not held */
} Claim;

/* Makes the run's folder and takes its lock; does not wait. What a killed process left half-written
 * goes, and so does a row that is to be tried again. A process that ends, however it ends, gives
 * its claims back. */
Status output_claim(const Output *output, const char *key, bool retry, Claim *claim);
void output_release(Claim *claim);
/* Removes what killed processes left half-written of the file (NULL: of any) in a folder whose lock
 * the caller holds. */
void output_sweep_up(const char *folder, const char *name);

/* ---- rows of one run: curves.csv, steps.csv, layers.csv ---- */

/* Begins the file anew with the given text: its header, or all that a checkpoint says it had. The
 * caller ends it with output_end_rows(). */
Status output_begin_rows(const Output *output, const char *key, const char *name, const void *text,
                         size_t size, FILE **file);
/* All that the file has, for the caller to free. */
Status output_rows(const Output *output, const char *key, const char *name, char **text,
                   size_t *size);
/* Nothing is said of a file that is not there. */
void output_remove(const Output *output, const char *key, const char *name);
/* Hands the row just written to the operating system; a full disk is told here. */
Status output_flush(const char *what, FILE *file);
/* Accepts NULL. Brings the file to the disk and closes it. */
Status output_end_rows(FILE *file);

/* Writes run.csv as a whole: to a temporary name, to the disk, then renamed. */
Status output_run(const Output *output, const char *key, WriteFn *write, void *context);
/* The same for another of its files. */
Status output_file(const Output *output, const char *key, const char *name, WriteFn *write,
                   void *context);

/* Builds the top-level files: the finished runs of `keys` in that order, then whatever other
 * finished runs the folder has, by key. */
Status output_rebuild(const Output *output, char (*keys)[KEY_SIZE], int count);

#endif
