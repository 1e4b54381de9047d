#include <stdlib.h>
#include <string.h>

#include "harness/weights/differences.h"
#include "harness/weights/state_file.h"

/* What each kind keeps for a parameter, under PyTorch's words, and the kind itself as a word. The
 * two forms of SGD keep the same thing on different scales, so one is not read for the other. */
typedef struct Kept {
    const char *kind;
    int sections;
    Section section[2];
    const char *suffix[2];
} Kept;

static const Kept kept[] = {
    [OPTIMIZER_SGD_CAFFE] = {"sgd_caffe", 1, {SECTION_MOMENTUM}, {"momentum_buffer"}},
    [OPTIMIZER_SGD_TORCH] = {"sgd_torch", 1, {SECTION_MOMENTUM}, {"momentum_buffer"}},
    [OPTIMIZER_ADAM] = {"adam", 2, {SECTION_MOMENTUM, SECTION_SQUARE}, {"exp_avg", "exp_avg_sq"}},
};

static const char updates_name[] = "updates", kind_key[] = "optimizer";

/* `updates`, then each learned parameter's tensors. */
static Status expect(const State *state, TensorFile *file) {
    const Net *net = state->net;
    const Kept *keep = &kept[state->optimizer.kind];
    TRY(tensor_file_add(file, updates_name, DTYPE_I64, 0, NULL, NULL));
    for (int i = 0; i < net->param_count; i++)
        for (int s = 0; s < keep->sections && !param_is_statistic(&net->params[i]); s++) {
            char name[sizeof net->params[i].name + 32];
            snprintf(name, sizeof name, "%s.%s", net->params[i].name, keep->suffix[s]);
            TRY(state_file_expect(file, name, &net->params[i]));
        }
    return STATUS_OK;
}

static Status fill(State *state, TensorFile *file, float *values) {
    const Net *net = state->net;
    const Kept *keep = &kept[state->optimizer.kind];
    int next = 0;
    file->tensors[next++].data = (const unsigned char *)&state->updates;
    for (int i = 0; i < net->param_count; i++)
        for (int s = 0; s < keep->sections && !param_is_statistic(&net->params[i]); s++) {
            TRY(state_file_read(state, keep->section[s], i, values, &file->tensors[next++]));
            values += net->params[i].count;
        }
    return STATUS_OK;
}

Status optimizer_save(const char *path, State *state, const WeightsInfo *info) {
    const Kept *keep = &kept[state->optimizer.kind];
    TensorFile file = {0};
    Status status = STATUS_OK;
    size_t count = (size_t)keep->sections * state->net->learned_count;
    float *values = malloc((count + 1) * sizeof *values);
    if (!values)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
    CHECK(expect(state, &file));
    CHECK(fill(state, &file, values));
    CHECK(state_file_notes(&file, state, info));
    CHECK(tensor_file_note(&file, kind_key, keep->kind));
    CHECK(tensor_file_write(path, &file));
out:
    tensor_file_free(&file);
    free(values);
    return status;
}

static Status check_kind(const char *path, const TensorFile *file, const Kept *keep) {
    char text[48];
    const char *kind = tensor_file_metadata(file, kind_key);
    if (kind && strcmp(kind, keep->kind) == 0)
        return STATUS_OK;
    return status_fail(STATUS_BAD_INPUT, "%s: its optimizer is '%s', this one is '%s'", path,
                       printable(kind ? kind : "", text, sizeof text), keep->kind);
}

static Status put_all(State *state, const TensorFile *file, const TensorFile *wanted) {
    const Net *net = state->net;
    const Kept *keep = &kept[state->optimizer.kind];
    int next = 1;
    int64_t updates;
    memcpy(&updates, tensor_file_find(file, updates_name)->data, sizeof updates);
    for (int i = 0; i < net->param_count; i++)
        for (int s = 0; s < keep->sections && !param_is_statistic(&net->params[i]); s++)
            TRY(state_file_put(state, keep->section[s], i,
                               tensor_file_find(file, wanted->tensors[next++].name)));
    state->updates = updates;
    return STATUS_OK;
}

Status optimizer_load(const char *path, State *state) {
    TensorFile file = {0}, wanted = {0};
    Status status = STATUS_OK;
    CHECK(expect(state, &wanted));
    CHECK(tensor_file_read(path, &file));
    CHECK(check_kind(path, &file, &kept[state->optimizer.kind]));
    CHECK(differences_none(path, &file, &wanted, NULL, state->net->title));
    CHECK(put_all(state, &file, &wanted));
out:
    tensor_file_free(&file);
    tensor_file_free(&wanted);
    return status;
}
