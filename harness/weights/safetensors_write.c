#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/whole_file.h"
#include "harness/weights/safetensors_internal.h"

/* Wide values lie first, so that each tensor is aligned to its own size. */
static const size_t widths[] = {8, 4, 2, 1};
enum { WIDTHS = sizeof widths / sizeof widths[0] };

/* {"dtype": ..., "shape": ..., "data_offsets": ...}; NULL: no memory. */
static json_t *tensor_json(const Tensor *tensor, size_t begin) {
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->dims[i]));
    if (json_array_size(shape) != (size_t)tensor->rank) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(tensor->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor->size));
}

static json_t *metadata_json(const TensorFile *file) {
    json_t *object = json_object();
    for (int i = 0; i < file->note_count; i++)
        if (json_object_set_new(object, file->notes[i].key, json_string(file->notes[i].text)) !=
            0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

/* Where each tensor begins, counted from the end of the header. */
static size_t *places(const TensorFile *file) {
    size_t *begin = calloc((size_t)file->count + 1, sizeof *begin), end = 0;
    for (int w = 0; begin && w < WIDTHS; w++)
        for (int i = 0; i < file->count; i++)
            if (dtype_size(file->tensors[i].dtype) == widths[w]) {
                begin[i] = end;
                end += file->tensors[i].size;
            }
    return begin;
}

/* The header's text, in the order of the tensors; the caller frees. */
static Status header_text(const TensorFile *file, char **text) {
    size_t *begin = places(file);
    json_t *root = json_object();
    Status status = STATUS_OK;
    *text = NULL;
    bool sound = begin && root;
    if (sound && file->note_count)
        sound = json_object_set_new(root, "__metadata__", metadata_json(file)) == 0;
    for (int i = 0; i < file->count && sound; i++) {
        const Tensor *tensor = &file->tensors[i];
        sound = json_object_set_new(root, tensor->name, tensor_json(tensor, begin[i])) == 0;
    }
    if (sound)
        *text = json_dumps(root, JSON_COMPACT);
    if (!*text) /* a name that is not UTF-8 is the other cause */
        status = status_fail(STATUS_NO_MEMORY, "cannot make the header of a safetensors file");
    json_decref(root);
    free(begin);
    return status;
}

static Status write_file(FILE *out, void *context) {
    const TensorFile *file = context;
    char *text;
    TRY(header_text(file, &text));
    size_t used = strlen(text);
    uint64_t length = (used + 7) / 8 * 8; /* the data begin at a multiple of 8 */
    fwrite(&length, sizeof length, 1, out);
    fwrite(text, 1, used, out);
    fprintf(out, "%*s", (int)(length - used), "");
    free(text);
    for (int w = 0; w < WIDTHS; w++)
        for (int i = 0; i < file->count; i++)
            if (dtype_size(file->tensors[i].dtype) == widths[w] && file->tensors[i].size)
                fwrite(file->tensors[i].data, 1, file->tensors[i].size, out);
    return STATUS_OK; /* a failed write shows when the file is closed */
}

Status tensor_file_write(const char *path, const TensorFile *file) {
    return whole_file_write(path, write_file, (void *)file);
}
