/* experiment_read(): every run of an experiment that is taken is a whole configuration, distinct
 * from the others. */
#include <string.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/experiment.h"
#include "harness/sweep/key.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Experiment experiment;
    char text[CANONICAL_SIZE];
    if (experiment_read(fuzz_file(0, data, size), NULL, 0, NULL, &experiment) != STATUS_OK)
        return 0;
    REQUIRE(experiment.count >= 1 && experiment.count <= EXPERIMENT_RUNS_MAX);
    for (int i = 0; i < experiment.count; i++) {
        REQUIRE(experiment.runs[i].selected && experiment.runs[i].line >= 1);
        config_canonical(&experiment.runs[i].config, text);
        REQUIRE(strlen(text) < sizeof text - 1);
    }
    experiment_free(&experiment);
    return 0;
}
