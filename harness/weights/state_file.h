/* Shared by weights.c and optimizer_file.c: tensors of a State, to the file and back. */
#ifndef HARNESS_WEIGHTS_STATE_FILE_H
#define HARNESS_WEIGHTS_STATE_FILE_H

#include "harness/weights/safetensors.h"
#include "harness/weights/weights.h"

/* Adds the parameter's tensor under `name`, without data: what a file should have. */
Status state_file_expect(TensorFile *file, const char *name, const Param *param);
/* Metadata of every file. */
Status state_file_notes(TensorFile *file, const State *state, const WeightsInfo *info);
/* A section of a parameter into `values` (as many as the parameter has), which become the tensor's
 * data. */
Status state_file_read(State *state, Section section, int param, float *values, Tensor *tensor);
/* The other way: from a tensor that is known to fit. */
Status state_file_put(State *state, Section section, int param, const Tensor *tensor);

#endif
