#include "harness/weights/differences.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of the 2047 characters of a message: the rest is for what callers put in front. */
enum { LIST_SIZE = 1200 };

typedef struct List {
    char text[LIST_SIZE];
    size_t used;
    int count, left_out;
} List;

__attribute__((format(printf, 2, 3))) static void put(List *list, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t room = sizeof list->text - list->used;
    int length = vsnprintf(list->text + list->used, room, format, args);
    va_end(args);
    list->count++;
    if (length >= 0 && (size_t)length < room && list->left_out == 0) {
        list->used += (size_t)length;
    } else {
        list->text[list->used] = '\0';
        list->left_out++;
    }
}

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

static bool same_shape(const Tensor *a, const Tensor *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

static void compare(List *list, const Tensor *wanted, const Tensor *found, const char *optional) {
    char shape[96], other[96];
    shape_text(wanted->rank, wanted->dims, shape, sizeof shape);
    if (!found) {
        if (!optional || !ends_in(wanted->name, optional))
            put(list, "\n  missing: %s (%s %s)", wanted->name, dtype_name(wanted->dtype), shape);
        return;
    }
    shape_text(found->rank, found->dims, other, sizeof other);
    if (found->dtype != wanted->dtype)
        put(list, "\n  type of %s: %s in the file, %s expected", wanted->name,
            dtype_name(found->dtype), dtype_name(wanted->dtype));
    if (!same_shape(wanted, found))
        put(list, "\n  shape of %s: %s in the file, %s expected", wanted->name, other, shape);
}

Status differences_none(const char *path, const TensorFile *found, const TensorFile *wanted,
                        const char *optional, const char *what) {
    List list = {0};
    char name[80], shape[96], more[48] = "";
    for (int i = 0; i < wanted->count; i++)
        compare(&list, &wanted->tensors[i], tensor_file_find(found, wanted->tensors[i].name),
                optional);
    for (int i = 0; i < found->count; i++) {
        const Tensor *tensor = &found->tensors[i];
        if (tensor_file_find(wanted, tensor->name))
            continue;
        shape_text(tensor->rank, tensor->dims, shape, sizeof shape);
        put(&list, "\n  unexpected: %s (%s %s)", printable(tensor->name, name, sizeof name),
            dtype_name(tensor->dtype), shape);
    }
    if (list.count == 0)
        return STATUS_OK;
    if (list.left_out)
        snprintf(more, sizeof more, "\n  and %d more", list.left_out);
    return status_fail(STATUS_BAD_INPUT, "%s does not fit %s: %d difference%s%s%s", path, what,
                       list.count, list.count > 1 ? "s" : "", list.text, more);
}
