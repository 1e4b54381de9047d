#include "harness/data/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LIMIT = 1 << 29 }; /* bytes; the largest file of any set has 1.6e8 */

static Status damaged(const char *path, struct archive *archive) {
    const char *text = archive_error_string(archive);
    return status_fail(STATUS_BAD_INPUT, "%s: damaged archive: %s", path, text ? text : "unknown");
}

/* Absolute, or with ".." as one of its parts. */
static bool leaves_folder(const char *name) {
    if (name[0] == '/')
        return true;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

/* Number of the set's file that an entry is; -1: none of them. */
static int file_number(const SetLayout *layout, const char *name) {
    size_t length = strlen(layout->folders[0]);
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    if (strncmp(name, layout->folders[0], length) != 0 || name[length] != '/')
        return -1;
    for (int i = 0; i < set_file_count(layout); i++)
        if (strcmp(name + length + 1, layout->files[i]) == 0)
            return i;
    return -1;
}

static Status copy_data(const char *path, struct archive *archive, const char *out_path,
                        FILE *out) {
    char buffer[1 << 16];
    long long total = 0;
    la_ssize_t got;
    while ((got = archive_read_data(archive, buffer, sizeof buffer)) > 0) {
        total += got;
        if (total > FILE_LIMIT)
            return status_fail(STATUS_BAD_INPUT, "%s: %s is larger than %d bytes", path, out_path,
                               FILE_LIMIT);
        if (fwrite(buffer, 1, (size_t)got, out) != (size_t)got)
            return status_fail(STATUS_IO, "%s: cannot be written: %s", out_path, strerror(errno));
    }
    if (got < 0)
        return damaged(path, archive);
    if (fflush(out) != 0 || fsync(fileno(out)) != 0)
        return status_fail(STATUS_IO, "%s: cannot be written: %s", out_path, strerror(errno));
    return STATUS_OK;
}

static Status extract(const char *path, struct archive *archive, struct archive_entry *entry,
                      const char *folder, const char *file) {
    char out_path[PATH_MAX];
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return status_fail(STATUS_BAD_INPUT, "%s: %s is not a regular file in this archive", path,
                           archive_entry_pathname(entry));
    if (snprintf(out_path, sizeof out_path, "%s/%s", folder, file) >= (int)sizeof out_path)
        return status_fail(STATUS_BAD_INPUT, "%s/%s: the path is too long", folder, file);
    remove(out_path); /* of an interrupted earlier try */
    FILE *out = fopen(out_path, "wbx");
    if (!out)
        return status_fail(STATUS_IO, "%s: cannot be written: %s", out_path, strerror(errno));
    Status status = copy_data(path, archive, out_path, out);
    if (fclose(out) != 0 && status == STATUS_OK)
        status = status_fail(STATUS_IO, "%s: cannot be written: %s", out_path, strerror(errno));
    return status;
}

static Status extract_all(const SetLayout *layout, const char *path, struct archive *archive,
                          const char *folder) {
    bool seen[SET_FILES] = {false};
    struct archive_entry *entry;
    int code;
    while ((code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        if (!name || leaves_folder(name))
            return status_fail(STATUS_BAD_INPUT,
                               "%s: holds the path '%s', which leads out of its folder: refused",
                               path, name ? name : "(unreadable)");
        int number = file_number(layout, name);
        if (number < 0)
            continue;
        if (seen[number])
            return status_fail(STATUS_BAD_INPUT, "%s: holds %s twice", path, name);
        seen[number] = true;
        TRY(extract(path, archive, entry, folder, layout->files[number]));
    }
    if (code != ARCHIVE_EOF)
        return damaged(path, archive);
    for (int i = 0; i < set_file_count(layout); i++)
        if (!seen[i])
            return status_fail(STATUS_BAD_INPUT, "%s: lacks %s/%s: not an archive of %s", path,
                               layout->folders[0], layout->files[i], layout->name);
    return STATUS_OK;
}

Status unpack_set(const SetLayout *layout, const char *path, const char *folder) {
    struct archive *archive = archive_read_new();
    if (!archive)
        return status_fail(STATUS_NO_MEMORY, "libarchive cannot start");
    archive_read_support_filter_gzip(archive);
    archive_read_support_format_tar(archive);
    Status status = archive_read_open_filename(archive, path, 1 << 16) == ARCHIVE_OK
                        ? extract_all(layout, path, archive, folder)
                        : damaged(path, archive);
    archive_read_free(archive);
    return status;
}
