#include "harness/data/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/data/digest.h"
#include "harness/data/download.h"
#include "harness/data/sets.h"
#include "harness/data/unpack.h"

typedef struct Fetch {
    const SetLayout *layout;
    const FetchOptions *options;
    Sources sources;
    char root[448], target[512], stage[512]; /* stage: target.part */
    int lock;                                /* descriptor of the stage; -1: none */
} Fetch;

static Status make_folders(const char *path) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s/", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return status_fail(STATUS_IO, "%s: the folder cannot be made: %s", part,
                               strerror(errno));
        *slash = '/';
    }
    return STATUS_OK;
}

static Status set_paths(Fetch *fetch) {
    const char *root = fetch->options->folder, *variable = getenv("HARNESS_DATA");
    if (!root)
        root = variable && variable[0] ? variable : "data";
    if (!root[0] || strlen(root) >= sizeof fetch->root)
        return status_fail(STATUS_BAD_INPUT, "'%s' cannot be the folder to fetch to", root);
    snprintf(fetch->root, sizeof fetch->root, "%s", root);
    snprintf(fetch->target, sizeof fetch->target, "%s/%s", root, fetch->layout->folders[0]);
    snprintf(fetch->stage, sizeof fetch->stage, "%s/%s.part", root, fetch->layout->folders[0]);
    return STATUS_OK;
}

static Status keep_result(const SetLayout *layout, const char *folder, FetchResult *result) {
    DataSource source;
    TRY(set_load(layout, folder, &source));
    memcpy(result->folder, source.folder, sizeof result->folder);
    memcpy(result->sha256, source.sha256, sizeof result->sha256);
    result->train = source.train.count;
    result->test = source.test.count;
    data_free(&source);
    return STATUS_OK;
}

/* Two fetches of the same set would write to the same files. */
static Status open_stage(Fetch *fetch) {
    TRY(make_folders(fetch->stage));
    fetch->lock = open(fetch->stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fetch->lock < 0)
        return status_fail(STATUS_IO, "%s: %s", fetch->stage, strerror(errno));
    if (flock(fetch->lock, LOCK_EX | LOCK_NB) != 0)
        return status_fail(STATUS_IO, "%s: another fetch is at work there; wait for it",
                           fetch->stage);
    return STATUS_OK;
}

/* Downloads one file from the first of `mirrors` rows that gives it, unless it is there already. */
static Status get_file(Fetch *fetch, const SourceRow *rows, int mirrors, const char *path) {
    char found[DIGEST_TEXT];
    Status status = STATUS_OK;
    if (access(path, F_OK) == 0) {
        TRY(digest_file(path, found));
        if (strcmp(found, rows->sha256) == 0)
            return STATUS_OK;
        remove(path);
    }
    for (int i = 0; i < mirrors; i++) {
        status = download_file(&rows[i], path, fetch->options->progress, fetch->options->context);
        if (status == STATUS_OK)
            return STATUS_OK;
    }
    return mirrors > 1 ? status_context(status, "%s: none of %d addresses gives it; the last",
                                        rows->file, mirrors)
                       : status;
}

static Status get_all(Fetch *fetch) {
    const Sources *sources = &fetch->sources;
    char path[PATH_MAX];
    for (int i = 0, mirrors; i < sources->count; i += mirrors) {
        const SourceRow *rows = &sources->rows[i];
        for (mirrors = 1; i + mirrors < sources->count; mirrors++)
            if (strcmp(rows[mirrors].file, rows->file) != 0)
                break;
        snprintf(path, sizeof path, "%s/%s", fetch->stage, rows->file);
        TRY(get_file(fetch, rows, mirrors, path));
        if (rows->unpack)
            TRY(unpack_set(fetch->layout, path, fetch->stage));
    }
    return STATUS_OK;
}

/* The archives are removed only when the unpacked set has been found sound. */
static Status put_in_place(Fetch *fetch, FetchResult *result) {
    char path[PATH_MAX];
    TRY(keep_result(fetch->layout, fetch->stage, result));
    for (int i = 0; i < fetch->sources.count; i++)
        if (fetch->sources.rows[i].unpack) {
            snprintf(path, sizeof path, "%s/%s", fetch->stage, fetch->sources.rows[i].file);
            remove(path);
        }
    if (fsync(fetch->lock) != 0 || rename(fetch->stage, fetch->target) != 0)
        return status_fail(STATUS_IO, "%s: cannot become %s: %s", fetch->stage, fetch->target,
                           strerror(errno));
    snprintf(result->folder, sizeof result->folder, "%s", fetch->target);
    return STATUS_OK;
}

static Status fail_no_address(const Fetch *fetch) {
    const SetLayout *layout = fetch->layout;
    if (layout->package)
        return status_fail(STATUS_UNAVAILABLE,
                           "%s is not downloaded: the Debian package %s brings it: apt install %s",
                           layout->name, layout->package, layout->package);
    return status_fail(STATUS_BAD_INPUT, "%s: the table of addresses has no row for it",
                       layout->name);
}

Status data_fetch(const char *name, const FetchOptions *options, FetchResult *result) {
    Fetch fetch = {.options = options, .lock = -1};
    char found[sizeof result->folder];
    Status status = STATUS_OK;
    *result = (FetchResult){0};
    TRY(set_find(name, &fetch.layout));
    TRY(set_paths(&fetch));
    if (set_find_under(fetch.layout, fetch.root, found, sizeof found)) {
        result->present = true;
        return keep_result(fetch.layout, found, result);
    }
    CHECK(sources_read(options->sources, name, &fetch.sources));
    if (fetch.sources.count == 0) {
        status = fail_no_address(&fetch);
        goto out;
    }
    CHECK(open_stage(&fetch));
    CHECK(get_all(&fetch));
    CHECK(put_in_place(&fetch, result));
out:
    if (fetch.lock >= 0) {
        rmdir(fetch.stage); /* succeeds when nothing came; else what came is kept */
        close(fetch.lock);
    }
    sources_free(&fetch.sources);
    return status;
}
