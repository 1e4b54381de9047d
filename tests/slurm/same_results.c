/* same_results A.csv B.csv: exit 0 when both have the same rows in the same order, but for what a
 * repetition may change. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/csv.h"

static bool may_differ(const char *column) {
    static const char *const columns[] = {"host",         "started",   "seconds",
                                          "images_per_s", "host_load", "peak_memory_mib"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (strcmp(column, columns[i]) == 0)
            return true;
    return false;
}

static int compare(const CsvTable *a, const CsvTable *b) {
    if (a->columns != b->columns || a->rows != b->rows) {
        printf("%d x %d and %d x %d cells\n", a->rows, a->columns, b->rows, b->columns);
        return 1;
    }
    if (a->rows == 0) {
        printf("no rows\n");
        return 1;
    }
    for (int row = 0; row < a->rows; row++)
        for (int i = 0; i < a->columns; i++)
            if (strcmp(a->header[i], b->header[i]) != 0 ||
                (!may_differ(a->header[i]) && strcmp(a->cells[row][i], b->cells[row][i]) != 0)) {
                printf("%s: '%s' in line %d of %s, '%s' in line %d of %s\n", a->header[i],
                       a->cells[row][i], a->lines[row], a->path, b->cells[row][i], b->lines[row],
                       b->path);
                return 1;
            }
    return 0;
}

int main(int argc, char **argv) {
    CsvTable a = {0}, b = {0};
    int code = 2;
    if (argc == 3 && csv_read(argv[1], &a) == STATUS_OK && csv_read(argv[2], &b) == STATUS_OK)
        code = compare(&a, &b);
    else
        printf("%s\n", argc == 3 ? status_message() : "two files are needed");
    csv_table_free(&a);
    csv_table_free(&b);
    return code;
}
