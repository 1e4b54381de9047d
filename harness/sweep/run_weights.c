#include "harness/sweep/run_weights.h"

#include <string.h>

#include "harness/data/digest.h"
#include "harness/weights/weights.h"

Status run_weights_load(const RunConfig *config, const char *sha256, State *state) {
    const char *path = config_init_weights(config);
    char digest[DIGEST_TEXT];
    if (!path)
        return STATUS_OK;
    TRY(weights_load(path, state));
    TRY(digest_file(path, digest));
    if (strcmp(digest, sha256) != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "init_weights: %s has changed since the command began; start it again",
                           path);
    return STATUS_OK;
}

Status run_weights_save(const Output *output, const char *key, const RunConfig *config,
                        int64_t iterations, State *state) {
    char path[OUTPUT_PATH_SIZE], columns[CANONICAL_SIZE];
    WeightsInfo info = {.model = config->model, .columns = columns, .iteration = iterations};
    config_canonical(config, columns);
    output_path(output, key, OUTPUT_WEIGHTS, path);
    TRY(weights_save(path, state, &info));
    output_path(output, key, OUTPUT_OPTIMIZER, path);
    return optimizer_save(path, state, &info);
}
