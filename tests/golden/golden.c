#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fills in the next tensor of the file; *end when there is none left. */
static Status read_tensor(FILE *file, const char *path, GoldenTensor *tensor, int *end) {
    memset(tensor, 0, sizeof *tensor);
    int found = fscanf(file, " tensor %95s %zu", tensor->name, &tensor->count);
    *end = found == EOF;
    if (*end)
        return STATUS_OK;
    if (found != 2)
        return status_fail(STATUS_BAD_INPUT, "%s: expected 'tensor NAME COUNT'", path);
    tensor->values = calloc(tensor->count, sizeof *tensor->values);
    if (!tensor->values)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for %s", path, tensor->name);
    for (size_t i = 0; i < tensor->count; i++)
        if (fscanf(file, "%lf", &tensor->values[i]) != 1)
            return status_fail(STATUS_BAD_INPUT, "%s: %s ends after %zu of %zu values", path,
                               tensor->name, i, tensor->count);
    return STATUS_OK;
}

static Status read_all(FILE *file, const char *path, Golden *golden) {
    int end = 0;
    if (fscanf(file, "#%*[^\n]") == EOF)
        return status_fail(STATUS_BAD_INPUT, "%s is empty", path);
    while (!end) {
        size_t wanted = (size_t)(golden->count + 1) * sizeof *golden->tensors;
        GoldenTensor *tensors = realloc(golden->tensors, wanted);
        if (!tensors)
            return status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
        golden->tensors = tensors;
        Status status = read_tensor(file, path, &tensors[golden->count], &end);
        golden->count += !end; /* also a broken one: golden_free() frees it */
        TRY(status);
    }
    return STATUS_OK;
}

Status golden_read(const char *path, Golden *golden) {
    memset(golden, 0, sizeof *golden);
    FILE *file = fopen(path, "r");
    if (!file)
        return status_fail(STATUS_IO, "cannot open %s", path);
    Status status = read_all(file, path, golden);
    fclose(file);
    return status;
}

void golden_free(Golden *golden) {
    for (int i = 0; i < golden->count; i++)
        free(golden->tensors[i].values);
    free(golden->tensors);
    memset(golden, 0, sizeof *golden);
}

const GoldenTensor *golden_find(const Golden *golden, const char *name) {
    for (int i = 0; i < golden->count; i++)
        if (strcmp(golden->tensors[i].name, name) == 0)
            return &golden->tensors[i];
    return NULL;
}
