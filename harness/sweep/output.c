#define _GNU_SOURCE
#include "harness/sweep/output.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/csv.h"
#include "harness/base/folder.h"
#include "harness/base/lock.h"

static Status io_error(const char *what, const char *path) {
    return status_fail(STATUS_IO, "%s %s: %s", what, path, strerror(errno));
}

void output_path(const Output *output, const char *key, const char *name,
                 char path[OUTPUT_PATH_SIZE]) {
    if (key)
        snprintf(path, OUTPUT_PATH_SIZE, "%s/runs/%s/%s", output->folder, key, name);
    else
        snprintf(path, OUTPUT_PATH_SIZE, "%s/%s", output->folder, name);
}

static Status take_name(const char *folder, Output *output) {
    if (snprintf(output->folder, sizeof output->folder, "%s", folder) >= (int)sizeof output->folder)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %s", folder);
    for (size_t end = strlen(output->folder); end > 1 && output->folder[end - 1] == '/';)
        output->folder[--end] = '\0';
    return STATUS_OK;
}

Status output_open(const char *folder, Output *output) {
    char path[OUTPUT_PATH_SIZE];
    TRY(take_name(folder, output));
    TRY(output_check_top(output));
    output_path(output, NULL, "runs", path);
    TRY(folder_make_writable(path, "--out"));
    return folder_make_writable(output->folder, "--out");
}

Status output_open_existing(const char *folder, Output *output) {
    char path[OUTPUT_PATH_SIZE];
    TRY(take_name(folder, output));
    output_path(output, NULL, "runs", path);
    if (access(path, R_OK | X_OK) != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: %s; this is not the output folder of a 'harness run'", path,
                           strerror(errno));
    return STATUS_OK;
}

/* ---- one run ---- */

/* What is not a header line and a row line was damaged since, and does not count. */
bool output_finished(const Output *output, const char *key) {
    char path[OUTPUT_PATH_SIZE];
    int c, last = 0, lines = 0;
    output_path(output, key, "run.csv", path);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    for (; (c = getc_unlocked(file)) != EOF; last = c)
        lines += c == '\n';
    fclose(file);
    return lines == 2 && last == '\n';
}

void output_cell(const Output *output, const char *key, const char *column, char *text,
                 size_t size) {
    char path[OUTPUT_PATH_SIZE];
    CsvTable table;
    snprintf(text, size, "%s", "");
    output_path(output, key, "run.csv", path);
    if (!output_finished(output, key) || csv_read(path, &table) != STATUS_OK)
        return;
    const char *cell = table.rows == 1 ? csv_get(&table, 0, column) : NULL;
    snprintf(text, size, "%s", cell ? cell : "");
    csv_table_free(&table);
}

bool output_is_over(const Output *output, const char *key, bool retry) {
    char status[32];
    if (!retry || !output_finished(output, key))
        return output_finished(output, key);
    output_cell(output, key, "status", status, sizeof status);
    return strcmp(status, "done") == 0;
}

Status output_flush(const char *what, FILE *file) {
    if (fflush(file) != 0 || ferror(file))
        return status_fail(STATUS_IO, "cannot write %s: %s", what, strerror(errno));
    return STATUS_OK;
}

/* ---- one process a run ---- */

void output_sweep_up(const char *folder, const char *name) {
    struct dirent *entry;
    DIR *open_folder = opendir(folder);
    while (open_folder && (entry = readdir(open_folder)) != NULL)
        if (strstr(entry->d_name, WHOLE_FILE_TEMPORARY) &&
            (!name || strncmp(entry->d_name, name, strlen(name)) == 0))
            unlinkat(dirfd(open_folder), entry->d_name, 0);
    if (open_folder)
        closedir(open_folder);
}

Status output_claim(const Output *output, const char *key, bool retry, Claim *claim) {
    char path[OUTPUT_PATH_SIZE];
    *claim = (Claim){CLAIM_BUSY, -1};
    output_path(output, key, "", path);
    TRY(folder_make(path));
    output_path(output, key, OUTPUT_LOCK, path);
    TRY(lock_take(path, &claim->lock));
    if (claim->lock < 0)
        return STATUS_OK;
    claim->state = output_is_over(output, key, retry) ? CLAIM_FINISHED : CLAIM_MINE;
    output_path(output, key, "", path);
    output_sweep_up(path, NULL);
    if (claim->state == CLAIM_FINISHED) {
        output_release(claim);
        return STATUS_OK;
    }
    output_remove(output, key, "run.csv");
    output_remove(output, key, OUTPUT_FAILURE);
    return STATUS_OK;
}

void output_release(Claim *claim) {
    lock_release(claim->lock);
    claim->lock = -1;
}

/* ---- rows of one run ---- */

void output_remove(const Output *output, const char *key, const char *name) {
    char path[OUTPUT_PATH_SIZE];
    output_path(output, key, name, path);
    unlink(path);
}

Status output_begin_rows(const Output *output, const char *key, const char *name, const void *text,
                         size_t size, FILE **out) {
    char path[OUTPUT_PATH_SIZE];
    output_path(output, key, name, path);
    FILE *file = fopen(path, "we");
    if (!file)
        return io_error("cannot write", path);
    fwrite(text, 1, size, file);
    Status status = output_flush(path, file);
    if (status != STATUS_OK) {
        fclose(file);
        return status;
    }
    *out = file;
    return STATUS_OK;
}

Status output_rows(const Output *output, const char *key, const char *name, char **text,
                   size_t *size) {
    char path[OUTPUT_PATH_SIZE];
    struct stat about;
    output_path(output, key, name, path);
    *text = NULL;
    FILE *file = fopen(path, "re");
    if (!file || fstat(fileno(file), &about) != 0) {
        if (file)
            fclose(file);
        return io_error("cannot read", path);
    }
    *size = (size_t)about.st_size;
    *text = malloc(*size + 1);
    bool whole = *text && fread(*text, 1, *size, file) == *size;
    fclose(file);
    if (whole)
        return STATUS_OK;
    free(*text);
    *text = NULL;
    return status_fail(STATUS_IO, "%s: cannot be read to its end", path);
}

Status output_end_rows(FILE *file) {
    if (!file)
        return STATUS_OK;
    bool bad = ferror(file) || fflush(file) != 0 || fsync(fileno(file)) != 0;
    if (fclose(file) != 0 || bad)
        return status_fail(STATUS_IO,
                           "cannot write a run's curves.csv, steps.csv or layers.csv: %s",
                           strerror(errno));
    return STATUS_OK;
}

Status output_run(const Output *output, const char *key, WriteFn *write, void *context) {
    char path[OUTPUT_PATH_SIZE];
    output_path(output, key, "run.csv", path);
    return whole_file_write(path, write, context);
}

Status output_file(const Output *output, const char *key, const char *name, WriteFn *write,
                   void *context) {
    char path[OUTPUT_PATH_SIZE];
    output_path(output, key, name, path);
    return whole_file_write(path, write, context);
}
