#include "tests/sweep/outputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/data.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

static const char *smoke;

int smoke_begin(int argc, char **argv) {
    DataSource source;
    if (argc != 3)
        return 2;
    Status status = data_load("fashion_mnist", NULL, &source);
    if (status != STATUS_OK) {
        printf("%s: %s\n", status == STATUS_UNAVAILABLE ? "SKIPPED" : "FAILED", status_message());
        return status == STATUS_UNAVAILABLE ? 77 : 1;
    }
    data_free(&source);
    program_use(argv[1]);
    smoke = argv[2];
    return 0;
}

const char *smoke_path(void) {
    return smoke;
}

const char *in_scratch(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), name);
    return path;
}

bool exists(const char *name) {
    return access(in_scratch(name), F_OK) == 0;
}

char *text_of(const char *name) {
    char *text = slurp_text(in_scratch(name));
    if (!text)
        fail_msg("%s cannot be read", name);
    return text;
}

CsvTable table_of(const char *name) {
    CsvTable table;
    if (csv_read(in_scratch(name), &table) != STATUS_OK)
        fail_msg("%s", status_message());
    return table;
}

/* The smoke sweep with more options: "--out a --rows 1". One thread: whatever else the machine
 * does, it is fast. */
void run_smoke(const char *options, int code, const char *words) {
    char args[1024];
    snprintf(args, sizeof args, "run %s --threads 1 --no-plot %s", smoke, options);
    program_expect(args, code, words);
}

double number(const CsvTable *table, int row, const char *column) {
    const char *text = csv_get(table, row, column);
    char *end;
    if (!text)
        fail_msg("no column %s", column);
    double value = strtod(text, &end);
    if (end == text || *end)
        fail_msg("%s of row %d is no number: '%s'", column, row, text);
    return value;
}

void cell_is(const CsvTable *table, int row, const char *column, const char *expected) {
    const char *text = csv_get(table, row, column);
    if (!text || strcmp(text, expected) != 0)
        fail_msg("%s:%d: %s is '%s', expected '%s'", table->path, table->lines[row], column,
                 text ? text : "missing", expected);
}
