#include "harness/base/paths.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Writes "<folder>/<name>"; false when it does not fit or does not exist. */
static int try_path(const char *folder, const char *name, char *path, size_t size) {
    int length =
        folder[0] ? snprintf(path, size, "%s/%s", folder, name) : snprintf(path, size, "%s", name);
    return length >= 0 && (size_t)length < size && access(path, F_OK) == 0;
}

/* "<prefix>/share/reslab" of the program <prefix>/bin/harness; empty when that cannot be told. */
static void installed_folder(char *folder, size_t size) {
    char program[PATH_MAX];
    folder[0] = '\0';
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return;
    program[length] = '\0';
    for (int level = 0; level < 2; level++) { /* drop "/harness", then "/bin" */
        char *slash = strrchr(program, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
    if (snprintf(folder, size, "%s/share/reslab", program) >= (int)size)
        folder[0] = '\0';
}

Status resource_path(const char *name, char *path, size_t size) {
    char installed[PATH_MAX];
    if (try_path("", name, path, size))
        return STATUS_OK;
    if (name[0] == '/')
        return status_fail(STATUS_UNAVAILABLE, "%s: no such file", name);
    installed_folder(installed, sizeof installed);
    if (installed[0] && try_path(installed, name, path, size))
        return STATUS_OK;
    if (try_path(RESLAB_SOURCE_DIR, name, path, size))
        return STATUS_OK;
    path[0] = '\0';
    return status_fail(STATUS_UNAVAILABLE,
                       "%s: not found in the current directory, in %s or in %s; run in a checkout, "
                       "or install with 'cmake --install build'",
                       name, installed, RESLAB_SOURCE_DIR);
}
