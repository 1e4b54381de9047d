#include "tests/sweep/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sweep/columns.h"
#include "tests/sweep/scratch.h"

const char *in_scratch(const char *name) {
    static char path[768];
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

void assert_same_table(const char *one, const char *two) {
    CsvTable a = table_of(one), b = table_of(two);
    if (a.rows != b.rows || a.columns != b.columns)
        fail_msg("%s has %d rows and %d columns, %s %d and %d", one, a.rows, a.columns, two, b.rows,
                 b.columns);
    for (int row = 0; row < a.rows; row++)
        for (int i = 0; i < a.columns; i++)
            if (!columns_is_volatile(a.header[i]))
                cell_is(&b, row, a.header[i], a.cells[row][i]);
    csv_table_free(&a);
    csv_table_free(&b);
}
