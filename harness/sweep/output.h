/* The output folder of a sweep.
 *
 *   DIR/runs.csv, DIR/curves.csv, and DIR/layers.csv where a run has one:
 *                                  rebuilt from the folders below, always whole, by renaming
 *   DIR/runs/KEY/curves.csv        grows row by row while the run trains
 *   DIR/runs/KEY/algorithms.txt    what the backend chose, where it had a choice
 *   DIR/runs/KEY/steps.csv         where asked for: the losses of the steps; grows, too
 *   DIR/runs/KEY/layers.csv        where asked for: the layers at each evaluation; grows, too
 *   DIR/runs/KEY/weights.safetensors, optimizer.safetensors   where asked for, at the end
 *   DIR/runs/KEY/run.csv           header and one row; there once the run is finished
 *
 * A folder without run.csv is a run that did not finish; it starts anew. */
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

enum { OUTPUT_PATH_SIZE = 640 };
#define OUTPUT_STEPS     "steps.csv"
#define OUTPUT_LAYERS    "layers.csv"
#define OUTPUT_WEIGHTS   "weights.safetensors"
#define OUTPUT_OPTIMIZER "optimizer.safetensors"

/* A file of a run's folder; key NULL: of the output folder. */
void output_path(const Output *output, const char *key, const char *name,
                 char path[OUTPUT_PATH_SIZE]);
bool output_finished(const Output *output, const char *key);

/* The run's own curves.csv, begun anew with its header; what an earlier start of the run left of
 * the files that are not always written goes. STATUS_UNAVAILABLE when another process is writing
 * it, or has finished it since output_finished() said no. The caller ends it with
 * output_end_curves(). */
Status output_begin_curves(const Output *output, const char *key, FILE **file);
/* steps.csv or layers.csv with its header; the caller ends it with output_end_curves(). After
 * output_begin_curves(). */
Status output_begin_rows(const Output *output, const char *key, const char *name,
                         void (*header)(FILE *file), FILE **file);
/* Hands the row just written to the operating system; a full disk is told here. */
Status output_flush(const char *what, FILE *file);
/* Accepts NULL. Brings the file to the disk and closes it. */
Status output_end_curves(FILE *file);

/* Writes run.csv as a whole: to a temporary name, to the disk, then renamed. */
Status output_run(const Output *output, const char *key, WriteFn *write, void *context);
/* The same for algorithms.txt. */
Status output_algorithms(const Output *output, const char *key, WriteFn *write, void *context);

/* Builds the top-level files: the finished runs of `keys` in that order, then whatever other
 * finished runs the folder has, by key. */
Status output_rebuild(const Output *output, char (*keys)[KEY_SIZE], int count);

#endif
