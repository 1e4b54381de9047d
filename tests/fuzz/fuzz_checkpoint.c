/* checkpoint_open() and checkpoint_restore() into a small State of the oracle. A sum guards a
 * checkpoint's contents, which no generated input gets past: so a sound file of tensors whose sum
 * is wrong is handed to checkpoint_restore() as if it had been opened. What is refused must leave
 * the State as it was, what is taken must be in it to the bit. */
#include <stdlib.h>
#include <string.h>

#include "harness/weights/checkpoint.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/small_state.h"

enum { NUMBERS_MAX = 256 };

/* Every number of the State, the parameters' sections one after the other. */
static size_t read_all(State *state, double *numbers) {
    size_t count = 0;
    for (int i = 0; i < state->net->param_count; i++) {
        const Param *param = &state->net->params[i];
        REQUIRE(count + 2 * (size_t)param->count <= NUMBERS_MAX);
        REQUIRE(state_read_wide(state, SECTION_VALUE, i, numbers + count) == STATUS_OK);
        count += param->count;
        if (param_is_statistic(param))
            continue;
        REQUIRE(state_read_wide(state, SECTION_MOMENTUM, i, numbers + count) == STATUS_OK);
        count += param->count;
    }
    return count;
}

static void require_taken(State *state, const TensorFile *file) {
    double numbers[NUMBERS_MAX];
    for (int i = 0; i < state->net->param_count; i++) {
        const Param *param = &state->net->params[i];
        char name[sizeof param->name + 16];
        snprintf(name, sizeof name, "value/%s", param->name);
        const Tensor *tensor = tensor_file_find(file, name);
        REQUIRE(tensor && tensor->size == param->count * sizeof *numbers);
        REQUIRE(state_read_wide(state, SECTION_VALUE, i, numbers) == STATUS_OK);
        REQUIRE(memcmp(numbers, tensor->data, tensor->size) == 0);
    }
    REQUIRE(memcmp(&state->updates, tensor_file_find(file, "updates")->data,
                   sizeof state->updates) == 0);
}

static void restore(const Checkpoint *checkpoint) {
    double before[NUMBERS_MAX] = {0}, after[NUMBERS_MAX] = {0};
    State *state = small_state();
    int64_t updates = state->updates;
    size_t count = read_all(state, before);
    if (checkpoint_restore(checkpoint, "input", state) == STATUS_OK) {
        require_taken(state, &checkpoint->file);
        return;
    }
    REQUIRE(read_all(state, after) == count && state->updates == updates);
    REQUIRE(memcmp(before, after, count * sizeof *before) == 0);
}

static void touch_part(const Checkpoint *checkpoint, const char *name) {
    CheckpointPart part = checkpoint_part(checkpoint, name);
    REQUIRE(part.bytes || part.size == 0);
    fuzz_touch(part.bytes, part.size);
}

static void use(const Checkpoint *checkpoint) {
    touch_part(checkpoint, "point");
    touch_part(checkpoint, "curves.csv");
    restore(checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Checkpoint checkpoint;
    const char *path = fuzz_file(0, data, size);
    if (checkpoint_open(path, NULL, &checkpoint) == STATUS_OK) {
        REQUIRE(checkpoint.iteration >= 0);
        use(&checkpoint);
        checkpoint_close(&checkpoint);
    } else if (tensor_file_read(path, &checkpoint.file) == STATUS_OK) {
        use(&checkpoint);
        checkpoint_close(&checkpoint);
    }
    if (checkpoint_open(path, SMALL_IDENTITY, &checkpoint) == STATUS_OK) {
        REQUIRE(strcmp(tensor_file_metadata(&checkpoint.file, "identity"), SMALL_IDENTITY) == 0);
        checkpoint_close(&checkpoint);
    }
    return 0;
}
