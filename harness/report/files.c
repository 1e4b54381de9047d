#include "harness/report/files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Status file_replace(const char *dir, const char *name, WriteFn *write, const void *context) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", dir);
    return whole_file_write(path, write, (void *)context);
}

Status file_read(const char *path, char **text) {
    size_t length = 0;
    *text = NULL;
    FILE *file = fopen(path, "r");
    if (!file)
        return status_fail(STATUS_IO, "%s cannot be read: %s", path, strerror(errno));
    FILE *memory = open_memstream(text, &length);
    if (!memory) {
        fclose(file);
        return status_fail(STATUS_NO_MEMORY, "no memory for %s", path);
    }
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        fwrite(part, 1, n, memory);
    int bad = ferror(file) || ferror(memory);
    fclose(file);
    if (fclose(memory) != 0 || bad) {
        free(*text);
        *text = NULL;
        return status_fail(STATUS_IO, "%s cannot be read", path);
    }
    return STATUS_OK;
}
