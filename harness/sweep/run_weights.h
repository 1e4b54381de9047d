/* The weights that a run starts from and those that it leaves behind. */
#ifndef HARNESS_SWEEP_RUN_WEIGHTS_H
#define HARNESS_SWEEP_RUN_WEIGHTS_H

#include "harness/sweep/config.h"
#include "harness/sweep/output.h"

/* Loads init_weights, where the configuration has one. `sha256` is the file's sum as it is in the
 * run's key: another one by now is STATUS_BAD_INPUT, or the row would tell of another run. */
Status run_weights_load(const RunConfig *config, const char *sha256, State *state);
/* Writes the run's weights.safetensors and optimizer.safetensors after `iterations` steps. */
Status run_weights_save(const Output *output, const char *key, const RunConfig *config,
                        int64_t iterations, State *state);

#endif
