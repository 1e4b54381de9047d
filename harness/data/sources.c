#include "harness/data/sources.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/paths.h"

static const char *const columns[] = {"dataset", "file", "url", "sha256", "bytes", "unpack"};

static Status check_columns(const CsvTable *table) {
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (csv_column(table, columns[i]) < 0)
            return status_fail(STATUS_BAD_INPUT,
                               "%s:%d: no column '%s'; the columns are "
                               "dataset,file,url,sha256,bytes,unpack",
                               table->path, table->header_line, columns[i]);
    return STATUS_OK;
}

static Status bad_cell(const CsvTable *table, int row, const char *column, const char *expected) {
    return status_fail(STATUS_BAD_INPUT, "%s:%d: column %s: found '%s', expected %s", table->path,
                       table->lines[row], column, csv_get(table, row, column), expected);
}

static bool is_plain_name(const char *name) {
    return name[0] && name[0] != '.' && !strchr(name, '/');
}

static bool is_sha256(const char *text) {
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static Status parse_row(const CsvTable *table, int row, SourceRow *out) {
    const char *file = csv_get(table, row, "file"), *url = csv_get(table, row, "url");
    const char *sum = csv_get(table, row, "sha256"), *bytes = csv_get(table, row, "bytes");
    const char *unpack = csv_get(table, row, "unpack");
    char *end;
    if (!is_plain_name(file))
        return bad_cell(table, row, "file", "a file's name without a folder");
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return bad_cell(table, row, "url", "https://... or http://...");
    if (!is_sha256(sum))
        return bad_cell(table, row, "sha256", "64 lower-case hexadecimal digits");
    errno = 0;
    out->bytes = strtoll(bytes, &end, 10);
    if (*end || errno || out->bytes < 0)
        return bad_cell(table, row, "bytes", "the file's size, or nothing");
    out->unpack = strcmp(unpack, "tar.gz") == 0;
    if (!out->unpack && strcmp(unpack, "none") != 0)
        return bad_cell(table, row, "unpack", "none or tar.gz");
    memcpy(out->sha256, sum, sizeof out->sha256);
    out->file = strdup(file);
    out->url = strdup(url);
    if (!out->file || !out->url)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", table->path);
    return STATUS_OK;
}

/* Puts the new last row behind the rows of the same file. */
static void group_last(Sources *sources) {
    int last = sources->count - 1;
    for (int i = last - 1; i >= 0; i--)
        if (strcmp(sources->rows[i].file, sources->rows[last].file) == 0) {
            SourceRow row = sources->rows[last];
            memmove(sources->rows + i + 2, sources->rows + i + 1,
                    (size_t)(last - i - 1) * sizeof row);
            sources->rows[i + 1] = row;
            return;
        }
}

Status sources_read(const char *path, const char *dataset, Sources *sources) {
    char own[PATH_MAX];
    CsvTable table = {0};
    Status status = STATUS_OK;
    *sources = (Sources){0};
    if (!path)
        TRY(resource_path("experiments/datasets.csv", own, sizeof own));
    TRY(csv_read(path ? path : own, &table));
    CHECK(check_columns(&table));
    sources->rows = calloc((size_t)table.rows + 1, sizeof *sources->rows);
    if (!sources->rows) {
        status = status_fail(STATUS_NO_MEMORY, "%s: no memory", table.path);
        goto out;
    }
    for (int i = 0; i < table.rows; i++)
        if (strcmp(csv_get(&table, i, "dataset"), dataset) == 0) {
            CHECK(parse_row(&table, i, &sources->rows[sources->count++]));
            group_last(sources);
        }
out:
    if (status != STATUS_OK)
        sources_free(sources);
    csv_table_free(&table);
    return status;
}

void sources_free(Sources *sources) {
    for (int i = 0; i < sources->count; i++) {
        free(sources->rows[i].file);
        free(sources->rows[i].url);
    }
    free(sources->rows);
    *sources = (Sources){0};
}
