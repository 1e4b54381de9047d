#define _GNU_SOURCE /* nftw() */
#include "harness/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 1200 };

Status folder_sync(const char *path) {
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system without this */
    bool good = file >= 0 && (fsync(file) == 0 || errno == EINVAL);
    int error = errno;
    if (file >= 0)
        close(file);
    return good ? STATUS_OK : status_fail(STATUS_IO, "cannot write %s: %s", path, strerror(error));
}

Status folder_make(const char *path) {
    char part[PATH_SIZE];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %s", path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) == 0)
            TRY(folder_sync(part));
        else if (errno != EEXIST)
            return status_fail(STATUS_BAD_INPUT, "cannot make the folder %s: %s", part,
                               strerror(errno));
    }
    return STATUS_OK;
}

Status folder_make_writable(const char *path, const char *option) {
    struct stat info;
    TRY(folder_make(path));
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
        errno = ENOTDIR;
    else if (access(path, W_OK | X_OK) == 0)
        return STATUS_OK;
    return status_fail(STATUS_BAD_INPUT, "%s cannot be written to: %s; choose another with %s",
                       path, strerror(errno), option);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

bool folder_remove(const char *path) {
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
}
