/* Where a data set is looked for. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/sets.h"

enum { ROOTS = 4 };
static const char debian_folder[] = "/usr/share/datasets";

/* Folders that are searched, in this order; NULL where one is not given. */
static void search_roots(const char *folder, const char *roots[ROOTS]) {
    const char *variable = getenv("HARNESS_DATA");
    roots[0] = folder && folder[0] ? folder : NULL;
    roots[1] = variable && variable[0] ? variable : NULL;
    roots[2] = "./data";
    roots[3] = debian_folder;
}

/* Whether one of the last two parts of the folder's real path contains "fashion". */
static bool named_fashion(const char *folder) {
    char path[PATH_MAX];
    if (!realpath(folder, path))
        return false;
    char *tail = path + strlen(path);
    for (int slashes = 0; tail > path && slashes < 2; slashes += *tail == '/')
        tail--;
    for (char *p = tail; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return strstr(tail, "fashion") != NULL;
}

static bool has_any_file(const SetLayout *layout, const char *folder) {
    char path[PATH_MAX];
    for (int i = 0; i < set_file_count(layout); i++)
        if (set_file_path(layout, folder, i, path, sizeof path))
            return true;
    return false;
}

bool set_find_under(const SetLayout *layout, const char *root, char *folder, size_t size) {
    for (int k = 0; k < 4 && layout->folders[k]; k++) {
        const char *part = layout->folders[k];
        int length = snprintf(folder, size, "%s%s%s", root, part[0] ? "/" : "", part);
        if (length < 0 || (size_t)length >= size || !has_any_file(layout, folder))
            continue;
        bool wants_fashion = strcmp(layout->name, "fashion_mnist") == 0;
        if (part[0] || layout->format != FORMAT_IDX || named_fashion(folder) == wants_fashion)
            return true;
    }
    return false;
}

static Status fail_missing(const SetLayout *layout, const char *const roots[ROOTS]) {
    char looked[1024] = "", advice[128];
    set_advice(layout, advice, sizeof advice);
    for (int i = 0; i < ROOTS; i++)
        if (roots[i]) {
            size_t used = strlen(looked);
            snprintf(looked + used, sizeof looked - used, "%s%s", used ? ", " : "", roots[i]);
        }
    return status_fail(STATUS_UNAVAILABLE,
                       "data set %s is not on this machine (looked in %s%s); get it with '%s', or "
                       "name its folder with --data",
                       layout->name, looked, roots[1] ? "" : "; $HARNESS_DATA is not set", advice);
}

Status data_load(const char *name, const char *folder, DataSource *source) {
    const SetLayout *layout = NULL;
    const char *roots[ROOTS];
    char found[sizeof source->folder];
    *source = (DataSource){0};
    TRY(set_find(name, &layout));
    search_roots(folder, roots);
    for (int i = 0; i < ROOTS; i++)
        if (roots[i] && set_find_under(layout, roots[i], found, sizeof found))
            return set_load(layout, found, source);
    return fail_missing(layout, roots);
}
