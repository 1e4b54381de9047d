#include "harness/weights/checkpoint.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/version.h"
#include "harness/weights/differences.h"

static const char updates_name[] = "updates", part_prefix[] = "part/";
enum { SUM_TEXT = 2 * SHA256_DIGEST_SIZE + 1, NAME_SIZE = 160 };

/* ---- what a State keeps ---- */

static const struct {
    const char *prefix;
    Section section;
} kept[] = {
    {"value/", SECTION_VALUE}, {"momentum/", SECTION_MOMENTUM}, {"square/", SECTION_SQUARE}};
enum { KEPT = sizeof kept / sizeof kept[0] };

static bool has(const State *state, int param, int k) {
    bool statistic = param_is_statistic(&state->net->params[param]);
    bool adam = state->optimizer.kind == OPTIMIZER_ADAM;
    return kept[k].section == SECTION_VALUE ||
           (!statistic && (kept[k].section == SECTION_MOMENTUM || adam));
}

/* Names, types and shapes, without data. */
static Status expect(const State *state, TensorFile *file) {
    Dtype dtype = state_is_wide(state) ? DTYPE_F64 : DTYPE_F32;
    for (int i = 0; i < state->net->param_count; i++)
        for (int k = 0; k < KEPT; k++) {
            const Param *param = &state->net->params[i];
            char name[NAME_SIZE];
            int64_t dims[4];
            if (!has(state, i, k))
                continue;
            for (int d = 0; d < param->rank; d++)
                dims[d] = param->dims[d];
            snprintf(name, sizeof name, "%s%s", kept[k].prefix, param->name);
            TRY(tensor_file_add(file, name, dtype, param->rank, dims, NULL));
        }
    return tensor_file_add(file, updates_name, DTYPE_I64, 0, NULL, NULL);
}

static Status read_values(State *state, Section section, int param, void *values) {
    return state_is_wide(state) ? state_read_wide(state, section, param, values)
                                : state_read(state, section, param, values);
}

static Status write_values(State *state, Section section, int param, const void *values) {
    return state_is_wide(state) ? state_write_wide(state, section, param, values)
                                : state_write(state, section, param, values);
}

/* ---- writing ---- */

/* Gives the tensors of expect() their data; `values` has room for all of them. */
static Status fill(State *state, TensorFile *file, unsigned char *values) {
    int next = 0;
    for (int i = 0; i < state->net->param_count; i++)
        for (int k = 0; k < KEPT; k++) {
            if (!has(state, i, k))
                continue;
            TRY(read_values(state, kept[k].section, i, values));
            file->tensors[next].data = values;
            values += file->tensors[next++].size;
        }
    file->tensors[next].data = (const unsigned char *)&state->updates;
    return STATUS_OK;
}

static size_t all_bytes(const TensorFile *file) {
    size_t size = 0;
    for (int i = 0; i < file->count; i++)
        size += file->tensors[i].size;
    return size;
}

/* Over the notes and, in the order of the header, the tensors' names and bytes. */
static void sum_of(const TensorFile *file, const char *identity, const char *iteration,
                   char text[SUM_TEXT]) {
    struct sha256_ctx hash;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, strlen(identity) + 1, (const uint8_t *)identity);
    sha256_update(&hash, strlen(iteration) + 1, (const uint8_t *)iteration);
    for (int i = 0; i < file->count; i++) {
        const Tensor *t = &file->tensors[i];
        sha256_update(&hash, strlen(t->name) + 1, (const uint8_t *)t->name);
        sha256_update(&hash, t->size, t->data);
    }
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static Status add_parts(TensorFile *file, const CheckpointPart *parts, int count) {
    for (int i = 0; i < count; i++) {
        char name[NAME_SIZE];
        int64_t size = (int64_t)parts[i].size;
        snprintf(name, sizeof name, "%s%s", part_prefix, parts[i].name);
        TRY(tensor_file_add(file, name, DTYPE_U8, 1, &size, parts[i].bytes));
    }
    return STATUS_OK;
}

static Status add_notes(TensorFile *file, const char *identity, int64_t iteration) {
    char number[32], sum[SUM_TEXT];
    snprintf(number, sizeof number, "%" PRId64, iteration);
    sum_of(file, identity, number, sum);
    TRY(tensor_file_note(file, "identity", identity));
    TRY(tensor_file_note(file, "iteration", number));
    TRY(tensor_file_note(file, "commit", version_commit()));
    return tensor_file_note(file, "sha256", sum);
}

Status checkpoint_save(const char *path, State *state, const char *identity, int64_t iteration,
                       const CheckpointPart *parts, int count) {
    TensorFile file = {0};
    unsigned char *values = NULL;
    Status status = STATUS_OK;
    CHECK(expect(state, &file));
    values = malloc(all_bytes(&file) + 1);
    if (!values) {
        status = status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
        goto out;
    }
    CHECK(fill(state, &file, values));
    CHECK(add_parts(&file, parts, count));
    CHECK(add_notes(&file, identity, iteration));
    CHECK(tensor_file_write(path, &file));
out:
    tensor_file_free(&file);
    free(values);
    return status;
}

/* ---- reading ---- */

/* The first line in which two texts of lines differ; "" where the second one has ended. */
static const char *first_difference(const char *a, const char *b) {
    const char *line = b;
    for (; *a && *a == *b; a++, b++)
        if (*b == '\n')
            line = b + 1;
    return *a == *b ? NULL : line;
}

static Status check_identity(const char *path, const char *found, const char *identity) {
    char text[200];
    const char *line = first_difference(identity, found);
    if (!line)
        return STATUS_OK;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    return status_fail(STATUS_BAD_INPUT, "%s: is of another run or program: it says '%s'", path,
                       printable(text, text, sizeof text));
}

static Status check(const char *path, const char *identity, Checkpoint *checkpoint) {
    const TensorFile *file = &checkpoint->file;
    char sum[SUM_TEXT], *end = NULL;
    const char *found = tensor_file_metadata(file, "identity");
    const char *number = tensor_file_metadata(file, "iteration");
    const char *said = tensor_file_metadata(file, "sha256");
    if (found && number && said)
        sum_of(file, found, number, sum);
    if (!found || !number || !said || strcmp(said, sum) != 0)
        return status_fail(STATUS_BAD_INPUT, "%s: damaged: its sum is not that of its contents",
                           path);
    checkpoint->iteration = strtoll(number, &end, 10);
    if (end == number || *end || checkpoint->iteration < 0)
        return status_fail(STATUS_BAD_INPUT, "%s: damaged: no iteration", path);
    return identity ? check_identity(path, found, identity) : STATUS_OK;
}

Status checkpoint_open(const char *path, const char *identity, Checkpoint *checkpoint) {
    *checkpoint = (Checkpoint){0};
    TRY(tensor_file_read(path, &checkpoint->file));
    Status status = check(path, identity, checkpoint);
    if (status != STATUS_OK)
        checkpoint_close(checkpoint);
    return status;
}

void checkpoint_close(Checkpoint *checkpoint) {
    tensor_file_free(&checkpoint->file);
    *checkpoint = (Checkpoint){0};
}

CheckpointPart checkpoint_part(const Checkpoint *checkpoint, const char *name) {
    char full[NAME_SIZE];
    snprintf(full, sizeof full, "%s%s", part_prefix, name);
    const Tensor *tensor = tensor_file_find(&checkpoint->file, full);
    if (!tensor || tensor->dtype != DTYPE_U8)
        return (CheckpointPart){name, NULL, 0};
    return (CheckpointPart){name, tensor->data, tensor->size};
}

/* The file's tensors that are no parts: what `expect` must find, no less and no more. The caller
 * frees; data are borrowed. */
static Status without_parts(const TensorFile *file, TensorFile *rest) {
    for (int i = 0; i < file->count; i++) {
        const Tensor *t = &file->tensors[i];
        if (strncmp(t->name, part_prefix, strlen(part_prefix)) != 0)
            TRY(tensor_file_add(rest, t->name, t->dtype, t->rank, t->dims, t->data));
    }
    return STATUS_OK;
}

static Status put_all(const TensorFile *file, const TensorFile *wanted, State *state) {
    int next = 0;
    for (int i = 0; i < state->net->param_count; i++)
        for (int k = 0; k < KEPT; k++) {
            if (!has(state, i, k))
                continue;
            const Tensor *tensor = tensor_file_find(file, wanted->tensors[next++].name);
            void *values = malloc(tensor->size + 1);
            if (!values)
                return status_fail(STATUS_NO_MEMORY, "no memory for '%s'", tensor->name);
            memcpy(values, tensor->data, tensor->size); /* the file's bytes may be unaligned */
            Status status = write_values(state, kept[k].section, i, values);
            free(values);
            TRY(status);
        }
    memcpy(&state->updates, tensor_file_find(file, updates_name)->data, sizeof state->updates);
    return STATUS_OK;
}

Status checkpoint_restore(const Checkpoint *checkpoint, const char *path, State *state) {
    TensorFile wanted = {0}, found = {0};
    Status status = STATUS_OK;
    CHECK(expect(state, &wanted));
    CHECK(without_parts(&checkpoint->file, &found));
    CHECK(differences_none(path, &found, &wanted, NULL, state->net->title));
    CHECK(put_all(&found, &wanted, state));
out:
    tensor_file_free(&wanted);
    tensor_file_free(&found);
    return status;
}
