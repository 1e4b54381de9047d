#include "harness/weights/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/weights/safetensors_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are copied as they lie");

static const struct {
    const char *name;
    size_t size;
} dtypes[DTYPES] = {
    [DTYPE_F64] = {"F64", 8},   [DTYPE_F32] = {"F32", 4}, [DTYPE_F16] = {"F16", 2},
    [DTYPE_BF16] = {"BF16", 2}, [DTYPE_I64] = {"I64", 8}, [DTYPE_I32] = {"I32", 4},
    [DTYPE_I16] = {"I16", 2},   [DTYPE_I8] = {"I8", 1},   [DTYPE_U8] = {"U8", 1},
    [DTYPE_BOOL] = {"BOOL", 1},
};

const char *dtype_name(Dtype dtype) {
    return dtypes[dtype].name;
}

size_t dtype_size(Dtype dtype) {
    return dtypes[dtype].size;
}

void shape_text(int rank, const int64_t *dims, char *text, size_t size) {
    size_t used = 0;
    snprintf(text, size, "scalar");
    for (int i = 0; i < rank && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%lld", i ? "x" : "", (long long)dims[i]);
}

const char *printable(const char *name, char *text, size_t size) {
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        text[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    text[i] = '\0';
    return text;
}

bool tensor_size(Dtype dtype, int rank, const int64_t *dims, size_t *size) {
    size_t count = dtypes[dtype].size;
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(count, (size_t)dims[i], &count))
            return false;
    *size = count;
    return true;
}

/* ---- reading ---- */

static Status read_bytes(const char *path, FILE *file, unsigned char **out, size_t *size) {
    struct stat about;
    if (fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode))
        return status_fail(STATUS_BAD_INPUT, "%s: not a regular file", path);
    long long end = about.st_size;
    unsigned char *bytes = malloc((size_t)end + 1);
    if (!bytes)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for its %lld bytes", path, end);
    if (fread(bytes, 1, (size_t)end, file) != (size_t)end) {
        free(bytes);
        return status_fail(STATUS_BAD_INPUT, "%s: cannot be read to its end: %s", path,
                           ferror(file) ? strerror(errno) : "it became shorter");
    }
    *out = bytes;
    *size = (size_t)end;
    return STATUS_OK;
}

Status tensor_file_read(const char *path, TensorFile *file) {
    unsigned char *bytes = NULL;
    size_t size = 0;
    *file = (TensorFile){0};
    FILE *from = fopen(path, "rb");
    if (!from)
        return status_fail(errno == ENOENT ? STATUS_UNAVAILABLE : STATUS_BAD_INPUT, "%s: %s", path,
                           strerror(errno));
    Status status = read_bytes(path, from, &bytes, &size);
    fclose(from);
    return status == STATUS_OK ? tensor_file_parse(path, bytes, size, file) : status;
}

static Status parse(const char *path, TensorFile *file, size_t size) {
    uint64_t length = 0;
    if (size < sizeof length)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: %zu bytes; a safetensors file begins with 8 bytes that give the "
                           "length of its header",
                           path, size);
    memcpy(&length, file->bytes, sizeof length);
    size_t rest = size - sizeof length;
    if (length > rest || length > HEADER_MAX)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: the first 8 bytes say that the header has %llu bytes, but %zu "
                           "follow (and no header may have more than %u): cut off, or not a "
                           "safetensors file",
                           path, (unsigned long long)length, rest, HEADER_MAX);
    const unsigned char *json = file->bytes + sizeof length;
    return header_parse(path, (const char *)json, (size_t)length, json + length,
                        rest - (size_t)length, file);
}

Status tensor_file_parse(const char *path, unsigned char *bytes, size_t size, TensorFile *file) {
    *file = (TensorFile){.bytes = bytes};
    Status status = parse(path, file, size);
    if (status != STATUS_OK)
        tensor_file_free(file);
    return status;
}

void tensor_file_free(TensorFile *file) {
    for (int i = 0; i < file->count; i++)
        free(file->tensors[i].name);
    for (int i = 0; i < file->note_count; i++) {
        free(file->notes[i].key);
        free(file->notes[i].text);
    }
    free(file->tensors);
    free(file->notes);
    free(file->bytes);
    *file = (TensorFile){0};
}

/* ---- contents ---- */

Tensor *tensor_file_grow(TensorFile *file) {
    if (file->count == file->capacity) {
        int capacity = file->capacity ? 2 * file->capacity : 64;
        Tensor *tensors = realloc(file->tensors, (size_t)capacity * sizeof *tensors);
        if (!tensors)
            return NULL;
        file->tensors = tensors;
        file->capacity = capacity;
    }
    Tensor *tensor = &file->tensors[file->count++];
    *tensor = (Tensor){0};
    return tensor;
}

Status tensor_file_add(TensorFile *file, const char *name, Dtype dtype, int rank,
                       const int64_t *dims, const void *data) {
    if (rank < 0 || rank > TENSOR_RANK_MAX || tensor_file_find(file, name))
        return status_fail(STATUS_BAD_INPUT, "tensor '%s': added twice, or of rank %d", name, rank);
    Tensor *tensor = tensor_file_grow(file);
    if (!tensor || !(tensor->name = strdup(name)))
        return status_fail(STATUS_NO_MEMORY, "no memory for tensor '%s'", name);
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->data = data;
    if (rank)
        memcpy(tensor->dims, dims, (size_t)rank * sizeof *dims);
    if (!tensor_size(dtype, rank, tensor->dims, &tensor->size))
        return status_fail(STATUS_BAD_INPUT, "tensor '%s': its shape is too large", name);
    return STATUS_OK;
}

Status tensor_file_note(TensorFile *file, const char *key, const char *text) {
    TensorNote *notes = realloc(file->notes, (size_t)(file->note_count + 1) * sizeof *notes);
    if (!notes)
        return status_fail(STATUS_NO_MEMORY, "no memory for the metadata '%s'", key);
    file->notes = notes;
    TensorNote *note = &notes[file->note_count++];
    *note = (TensorNote){strdup(key), strdup(text)};
    return note->key && note->text
               ? STATUS_OK
               : status_fail(STATUS_NO_MEMORY, "no memory for the metadata '%s'", key);
}

const Tensor *tensor_file_find(const TensorFile *file, const char *name) {
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *tensor_file_metadata(const TensorFile *file, const char *key) {
    for (int i = 0; i < file->note_count; i++)
        if (strcmp(file->notes[i].key, key) == 0)
            return file->notes[i].text;
    return NULL;
}
