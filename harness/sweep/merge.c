/* The files of an output folder that are put together from those of its runs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/lock.h"
#include "harness/sweep/output.h"
#include "harness/sweep/record.h"

static Status io_error(const char *what, const char *path) {
    return status_fail(STATUS_IO, "%s %s: %s", what, path, strerror(errno));
}

/* ---- headers ---- */

/* A header line as this program writes it; the caller frees. */
static char *header_line(void (*write)(FILE *)) {
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return NULL;
    write(memory);
    fclose(memory);
    return text;
}

/* A file that exists begins with our header. */
static Status check_header(const char *path, void (*write)(FILE *)) {
    Status status = STATUS_OK;
    char *line = NULL, *expected = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return errno == ENOENT ? STATUS_OK
                               : status_fail(STATUS_BAD_INPUT, "%s: %s", path, strerror(errno));
    expected = header_line(write);
    if (!expected)
        status = status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
    else if (getline(&line, &size, file) < 0 || strcmp(line, expected) != 0)
        status = status_fail(STATUS_BAD_INPUT,
                             "%s:1: has another header than this program writes, so it is left "
                             "alone; choose another folder with --out, or move it away",
                             path);
    free(line);
    free(expected);
    fclose(file);
    return status;
}

/* The files that are put together from the runs' own of the same name, but for runs.csv. */
static const struct {
    const char *name, *part;
    void (*header)(FILE *file);
    bool optional; /* not every run has it; where none has, there is no such file */
} tops[] = {
    {OUTPUT_LAYERS, OUTPUT_LAYERS, record_layers_header, true},
    {"curves.csv", "curves.csv", record_curves_header, false},
    {"runs.csv", "run.csv", record_runs_header, false},
};

enum { TOPS = sizeof tops / sizeof tops[0] };

Status output_check_top(const Output *output) {
    char path[OUTPUT_PATH_SIZE];
    for (int i = 0; i < TOPS; i++) {
        output_path(output, NULL, tops[i].name, path);
        TRY(check_header(path, tops[i].header));
    }
    return STATUS_OK;
}

/* ---- the top-level files ---- */

typedef struct Rebuild {
    const Output *output;
    char (*keys)[KEY_SIZE];
    int count;
    int top; /* which of tops */
} Rebuild;

/* Appends a run's file without its header line. */
static Status append(FILE *to, const char *path) {
    char buffer[1 << 14];
    size_t got;
    int c;
    FILE *from = fopen(path, "r");
    if (!from)
        return io_error("cannot read", path);
    while ((c = fgetc(from)) != EOF && c != '\n')
        continue;
    while ((got = fread(buffer, 1, sizeof buffer, from)) > 0)
        fwrite(buffer, 1, got, to);
    Status status = ferror(from) ? io_error("cannot read", path) : STATUS_OK;
    fclose(from);
    return status;
}

/* Whether a finished run has its part of the file; its path. Of a run that failed or crashed only
 * the row counts: the other files may be cut off anywhere. */
static bool has_part(const Rebuild *rebuild, int run, char path[OUTPUT_PATH_SIZE]) {
    const char *key = rebuild->keys[run], *part = tops[rebuild->top].part;
    char status[32];
    output_path(rebuild->output, key, part, path);
    if (!output_finished(rebuild->output, key) ||
        (tops[rebuild->top].optional && access(path, F_OK) != 0))
        return false;
    if (strcmp(part, "run.csv") == 0)
        return true;
    output_cell(rebuild->output, key, "status", status, sizeof status);
    return strcmp(status, "failed") != 0 && strcmp(status, "crashed") != 0;
}

static Status write_top(FILE *file, void *context) {
    const Rebuild *rebuild = context;
    tops[rebuild->top].header(file);
    for (int i = 0; i < rebuild->count; i++) {
        char path[OUTPUT_PATH_SIZE];
        if (!has_part(rebuild, i, path))
            continue;
        TRY(check_header(path, tops[rebuild->top].header));
        TRY(append(file, path));
    }
    return STATUS_OK;
}

static bool is_key(const char *name) {
    return strlen(name) == KEY_SIZE - 1 && strspn(name, "0123456789abcdef") == KEY_SIZE - 1;
}

static bool listed(char (*keys)[KEY_SIZE], int count, const char *key) {
    for (int i = 0; i < count; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* The given keys, then those of the folder's other runs, sorted. The caller frees. */
static Status all_keys(const Output *output, char (*keys)[KEY_SIZE], int count,
                       char (**out)[KEY_SIZE], int *total) {
    char path[OUTPUT_PATH_SIZE];
    struct dirent **entries;
    output_path(output, NULL, "runs", path);
    int found = scandir(path, &entries, NULL, alphasort);
    if (found < 0)
        return io_error("cannot read", path);
    char(*all)[KEY_SIZE] = calloc((size_t)(count + found), sizeof *all);
    if (all && count)
        memcpy(all, keys, (size_t)count * sizeof *all);
    *total = count;
    for (int i = 0; i < found; i++) {
        if (all && is_key(entries[i]->d_name) && !listed(keys, count, entries[i]->d_name))
            memcpy(all[(*total)++], entries[i]->d_name, KEY_SIZE);
        free(entries[i]);
    }
    free(entries);
    *out = all;
    return all ? STATUS_OK : status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
}

static bool nobody_has_it(const Rebuild *rebuild) {
    char path[OUTPUT_PATH_SIZE];
    for (int i = 0; i < rebuild->count; i++)
        if (has_part(rebuild, i, path))
            return false;
    return tops[rebuild->top].optional;
}

static Status write_tops(const Output *output, char (*keys)[KEY_SIZE], int count) {
    for (int i = 0; i < TOPS; i++) {
        char path[OUTPUT_PATH_SIZE];
        Rebuild rebuild = {output, keys, count, i};
        output_path(output, NULL, tops[i].name, path);
        if (nobody_has_it(&rebuild))
            unlink(path);
        else
            TRY(whole_file_write(path, write_top, &rebuild));
    }
    return STATUS_OK;
}

Status output_rebuild(const Output *output, char (*keys)[KEY_SIZE], int count) {
    char path[OUTPUT_PATH_SIZE];
    char(*all)[KEY_SIZE] = NULL;
    int total = 0;
    int lock;
    output_path(output, NULL, "runs/.lock", path); /* several processes may share the folder */
    TRY(lock_wait(path, NULL, &lock));
    output_path(output, NULL, "", path);
    for (int i = 0; i < TOPS; i++)
        output_sweep_up(path, tops[i].name);
    Status status = STATUS_OK;
    CHECK(output_check_top(output));
    CHECK(all_keys(output, keys, count, &all, &total));
    CHECK(write_tops(output, all, total));
out:
    free(all);
    lock_release(lock);
    return status;
}
