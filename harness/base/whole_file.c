#include "harness/base/whole_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/folder.h"

static Status io_error(const char *path, int error) {
    return status_fail(STATUS_IO, "cannot write %s: %s", path, strerror(error));
}

static Status write_and_rename(const char *temporary, const char *path, WriteFn *write,
                               void *context) {
    FILE *file = fopen(temporary, "w");
    if (!file)
        return io_error(temporary, errno);
    Status status = write(file, context);
    bool bad = fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0;
    int error = errno;
    if (fclose(file) != 0 && !bad) {
        bad = true;
        error = errno;
    }
    if (status == STATUS_OK && !bad && rename(temporary, path) == 0)
        return folder_sync(path); /* a rename is there once its folder is */
    if (!bad)
        error = errno;
    unlink(temporary);
    return status != STATUS_OK ? status : io_error(path, error);
}

Status whole_file_write(const char *path, WriteFn *write, void *context) {
    size_t size = strlen(path) + 32;
    char *temporary = malloc(size);
    if (!temporary)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
    snprintf(temporary, size, "%s" WHOLE_FILE_TEMPORARY "%ld", path, (long)getpid());
    Status status = write_and_rename(temporary, path, write, context);
    free(temporary);
    return status;
}
