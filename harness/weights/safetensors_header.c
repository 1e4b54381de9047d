/* The JSON header of a safetensors file. Whatever it says is checked before it is used. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "harness/weights/safetensors_internal.h"

/* What is being read: for messages and bounds. */
typedef struct Header {
    const char *path;
    const unsigned char *data;
    size_t data_size;
    TensorFile *file;
} Header;

static Status refuse(const Header *header, const char *name, const char *what) {
    char text[80];
    return status_fail(STATUS_BAD_INPUT, "%s: tensor '%s': %s", header->path,
                       printable(name, text, sizeof text), what);
}

/* ---- one tensor ---- */

static Status read_dtype(const Header *header, const char *name, const json_t *value,
                         Dtype *dtype) {
    char text[32], what[96];
    const char *word = json_string_value(value);
    if (!word)
        return refuse(header, name, "no \"dtype\" that is a string");
    for (int i = 0; i < DTYPES; i++)
        if (strcmp(word, dtype_name((Dtype)i)) == 0) {
            *dtype = (Dtype)i;
            return STATUS_OK;
        }
    snprintf(what, sizeof what, "dtype '%s' is not known here", printable(word, text, sizeof text));
    return refuse(header, name, what);
}

/* A JSON array of whole numbers, none negative, at most `most` of them. */
static bool read_numbers(const json_t *array, size_t most, int64_t *numbers, size_t *count) {
    if (!json_is_array(array) || json_array_size(array) > most)
        return false;
    *count = json_array_size(array);
    for (size_t i = 0; i < *count; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return false;
        numbers[i] = json_integer_value(number);
    }
    return true;
}

static Status read_place(const Header *header, const json_t *value, Tensor *tensor) {
    int64_t place[2];
    size_t count;
    char what[160];
    if (!read_numbers(value, 2, place, &count) || count != 2)
        return refuse(header, tensor->name, "no \"data_offsets\" of two whole numbers");
    if (place[0] > place[1] || (uint64_t)place[1] > header->data_size) {
        snprintf(what, sizeof what,
                 "lies from %lld to %lld, but %zu bytes follow the header: cut off or damaged",
                 (long long)place[0], (long long)place[1], header->data_size);
        return refuse(header, tensor->name, what);
    }
    if ((uint64_t)(place[1] - place[0]) != tensor->size) {
        snprintf(what, sizeof what, "has %lld bytes; its shape and dtype make %zu",
                 (long long)(place[1] - place[0]), tensor->size);
        return refuse(header, tensor->name, what);
    }
    tensor->data = header->data + place[0];
    return STATUS_OK;
}

static Status read_tensor(const Header *header, const char *name, const json_t *value) {
    size_t rank;
    Tensor *tensor = tensor_file_grow(header->file);
    if (!tensor || !(tensor->name = strdup(name)))
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for its tensors", header->path);
    if (!json_is_object(value) || json_object_size(value) != 3)
        return refuse(header, name,
                      "expected an object of \"dtype\", \"shape\" and \"data_offsets\"");
    TRY(read_dtype(header, name, json_object_get(value, "dtype"), &tensor->dtype));
    if (!read_numbers(json_object_get(value, "shape"), TENSOR_RANK_MAX, tensor->dims, &rank))
        return refuse(header, name, "no \"shape\" of at most 8 whole numbers");
    tensor->rank = (int)rank;
    if (!tensor_size(tensor->dtype, tensor->rank, tensor->dims, &tensor->size))
        return refuse(header, name, "its shape is larger than any memory");
    return read_place(header, json_object_get(value, "data_offsets"), tensor);
}

/* ---- all ---- */

static Status read_metadata(const Header *header, json_t *value) {
    const char *key;
    json_t *text;
    if (!json_is_object(value))
        return status_fail(STATUS_BAD_INPUT, "%s: __metadata__ is not an object", header->path);
    json_object_foreach(value, key, text) {
        char name[80];
        if (!json_is_string(text))
            return status_fail(STATUS_BAD_INPUT, "%s: __metadata__: '%s' is not a string",
                               header->path, printable(key, name, sizeof name));
        TRY(tensor_file_note(header->file, key, json_string_value(text)));
    }
    return STATUS_OK;
}

static int by_place(const void *a, const void *b) {
    const Tensor *x = *(const Tensor *const *)a, *y = *(const Tensor *const *)b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size; /* empty ones first */
}

/* The tensors, in the order in which they lie, cover the data from its first byte to its last. */
static Status check_cover(const Header *header) {
    const TensorFile *file = header->file;
    const Tensor **sorted = malloc(((size_t)file->count + 1) * sizeof *sorted);
    const unsigned char *end = header->data;
    Status status = STATUS_OK;
    if (!sorted)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for its tensors", header->path);
    for (int i = 0; i < file->count; i++)
        sorted[i] = &file->tensors[i];
    qsort(sorted, (size_t)file->count, sizeof *sorted, by_place);
    for (int i = 0; i < file->count && status == STATUS_OK; i++) {
        if (sorted[i]->data != end)
            status = refuse(header, sorted[i]->name,
                            sorted[i]->data < end ? "overlaps the tensor before it"
                                                  : "a gap lies before it");
        end = sorted[i]->data + sorted[i]->size;
    }
    if (status == STATUS_OK && end != header->data + header->data_size)
        status = status_fail(STATUS_BAD_INPUT,
                             "%s: %zu bytes follow the header, but its tensors have %zu",
                             header->path, header->data_size, (size_t)(end - header->data));
    free(sorted);
    return status;
}

static Status read_all(const Header *header, json_t *root) {
    const char *name;
    json_t *value;
    if (!json_is_object(root))
        return status_fail(STATUS_BAD_INPUT, "%s: the header is JSON, but not an object",
                           header->path);
    json_object_foreach(root, name, value) {
        if (strcmp(name, "__metadata__") == 0)
            TRY(read_metadata(header, value));
        else
            TRY(read_tensor(header, name, value));
    }
    return check_cover(header);
}

Status header_parse(const char *path, const char *json, size_t length, const unsigned char *data,
                    size_t data_size, TensorFile *file) {
    Header header = {path, data, data_size, file};
    json_error_t error;
    char text[JSON_ERROR_TEXT_LENGTH];
    if (length == 0 || json[0] != '{')
        return status_fail(STATUS_BAD_INPUT,
                           "%s: the header does not begin with '{': not a safetensors file", path);
    /* jansson bounds the depth itself and refuses what follows the object. */
    json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return status_fail(STATUS_BAD_INPUT, "%s: the header is not sound JSON: byte %d: %s", path,
                           error.position, printable(error.text, text, sizeof text));
    Status status = read_all(&header, root);
    json_decref(root);
    return status;
}
