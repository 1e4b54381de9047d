#include "harness/weights/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/version.h"
#include "harness/weights/differences.h"
#include "harness/weights/state_file.h"

static const char counter_suffix[] = ".num_batches_tracked", variance_suffix[] = ".running_var";

/* ---- shared ---- */

Status state_file_expect(TensorFile *file, const char *name, const Param *param) {
    int64_t dims[4];
    for (int i = 0; i < param->rank; i++)
        dims[i] = param->dims[i];
    return tensor_file_add(file, name, DTYPE_F32, param->rank, dims, NULL);
}

Status state_file_notes(TensorFile *file, const State *state, const WeightsInfo *info) {
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, info->iteration);
    TRY(tensor_file_note(file, "format",
                         "pt")); /* the word by which readers know PyTorch's names */
    TRY(tensor_file_note(file, "model", info->model));
    TRY(tensor_file_note(file, "net", state->net->title));
    TRY(tensor_file_note(file, "columns", info->columns));
    TRY(tensor_file_note(file, "iteration", number));
    return tensor_file_note(file, "commit", version_commit());
}

Status state_file_read(State *state, Section section, int param, float *values, Tensor *tensor) {
    tensor->data = (const unsigned char *)values;
    return state_read(state, section, param, values);
}

Status state_file_put(State *state, Section section, int param, const Tensor *tensor) {
    float *values = malloc(tensor->size + 1);
    if (!values)
        return status_fail(STATUS_NO_MEMORY, "no memory for '%s'", tensor->name);
    memcpy(values, tensor->data, tensor->size); /* the file's bytes may be unaligned */
    Status status = state_write(state, section, param, values);
    free(values);
    return status;
}

/* ---- weights ---- */

/* "bn1.running_var" -> "bn1.num_batches_tracked". */
static void counter_name(const Param *variance, char *name, size_t size) {
    int stem = (int)(strlen(variance->name) - strlen(variance_suffix));
    snprintf(name, size, "%.*s%s", stem, variance->name, counter_suffix);
}

/* What a file of the net's weights holds, in the order of a state_dict. */
static Status expect(const Net *net, TensorFile *file) {
    for (int i = 0; i < net->param_count; i++) {
        char name[sizeof net->params[i].name + sizeof counter_suffix];
        TRY(state_file_expect(file, net->params[i].name, &net->params[i]));
        if (net->params[i].role != PARAM_BN_VAR)
            continue;
        counter_name(&net->params[i], name, sizeof name);
        TRY(tensor_file_add(file, name, DTYPE_I64, 0, NULL, NULL));
    }
    return STATUS_OK;
}

/* Gives every tensor its data: `values` holds all floats of the net. */
static Status fill(State *state, TensorFile *file, float *values, const int64_t *counter) {
    const Net *net = state->net;
    int next = 0;
    for (int i = 0; i < net->param_count; i++) {
        TRY(state_file_read(state, SECTION_VALUE, i, values, &file->tensors[next++]));
        values += net->params[i].count;
        if (net->params[i].role == PARAM_BN_VAR)
            file->tensors[next++].data = (const unsigned char *)counter;
    }
    return STATUS_OK;
}

Status weights_save(const char *path, State *state, const WeightsInfo *info) {
    const Net *net = state->net;
    TensorFile file = {0};
    Status status = STATUS_OK;
    float *values = malloc((net->learned_count + net->statistic_count + 1) * sizeof *values);
    if (!values)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
    CHECK(expect(net, &file));
    CHECK(fill(state, &file, values, &info->iteration));
    CHECK(state_file_notes(&file, state, info));
    CHECK(tensor_file_write(path, &file));
out:
    tensor_file_free(&file);
    free(values);
    return status;
}

/* A file that fits; the caller frees it, also on failure. */
static Status read_fitting(const char *path, const Net *net, TensorFile *file) {
    TensorFile wanted = {0};
    *file = (TensorFile){0};
    Status status = expect(net, &wanted);
    if (status == STATUS_OK)
        status = tensor_file_read(path, file);
    if (status == STATUS_OK)
        status = differences_none(path, file, &wanted, counter_suffix, net->title);
    tensor_file_free(&wanted);
    return status;
}

Status weights_check(const char *path, const Net *net) {
    TensorFile file;
    Status status = read_fitting(path, net, &file);
    tensor_file_free(&file);
    return status;
}

Status weights_load(const char *path, State *state) {
    const Net *net = state->net;
    TensorFile file;
    Status status = STATUS_OK;
    CHECK(read_fitting(path, net, &file));
    for (int i = 0; i < net->param_count; i++)
        CHECK(
            state_file_put(state, SECTION_VALUE, i, tensor_file_find(&file, net->params[i].name)));
out:
    tensor_file_free(&file);
    return status;
}
