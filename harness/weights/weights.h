/* A State's numbers as safetensors files.
 *
 * weights:    every parameter and statistic under its name in the net, which is that of PyTorch's
 *             state_dict, and beside each running_var its num_batches_tracked, so that
 *             load_state_dict(strict=True) takes the file as it is.
 * optimizer:  conv1.weight.momentum_buffer and so on for SGD, .exp_avg and .exp_avg_sq for Adam,
 *             and `updates`, the steps taken. With the weights, all that training goes on from.
 *
 * A file that does not fit is refused with the list of differences, and nothing is changed. */
#ifndef HARNESS_WEIGHTS_WEIGHTS_H
#define HARNESS_WEIGHTS_WEIGHTS_H

#include "net/backend.h"

/* What the files' metadata say beside format, net and commit. */
typedef struct WeightsInfo {
    const char *model;   /* the column's value: "resnet_cifar" */
    const char *columns; /* "name=value" lines; "" when there are none */
    int64_t iteration;   /* steps of training done; also written as num_batches_tracked */
} WeightsInfo;

/* Whole or not at all. */
Status weights_save(const char *path, State *state, const WeightsInfo *info);
/* F32 tensors of the net's names and shapes; num_batches_tracked may be left out, and is not used.
 * STATUS_BAD_INPUT: damaged, or does not fit. */
Status weights_load(const char *path, State *state);
/* Whether weights_load() would take the file. */
Status weights_check(const char *path, const Net *net);

Status optimizer_save(const char *path, State *state, const WeightsInfo *info);
/* Also sets state->updates. A file of another kind of optimiser is refused. */
Status optimizer_load(const char *path, State *state);

#endif
