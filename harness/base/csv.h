/* CSV files with a header line, read with libcsv (strict), whole in memory. */
#ifndef HARNESS_BASE_CSV_H
#define HARNESS_BASE_CSV_H

#include <stdio.h>

#include "net/status.h"

typedef struct CsvTable {
    char *path;
    int columns, rows; /* rows without the header */
    char **header;     /* columns names */
    char ***cells;     /* cells[row][column]; surrounding blanks trimmed */
    int *lines;        /* line of the file (from 1) where each row begins */
    int **positions;   /* positions[row][column]: where in its line (bytes, from 1) a cell begins */
    int header_line;
    int *header_positions;
} CsvTable;

/* Reads and checks: the file exists, is not empty, quotes are sound, every row has the header's
 * number of cells, no column name twice. CRLF and a UTF-8 byte order mark are accepted; empty lines
 * and lines whose first character is '#' are skipped. Errors are STATUS_BAD_INPUT and say
 * file:line. On failure *table is empty. */
Status csv_read(const char *path, CsvTable *table);
/* Not csv_free(): libcsv has that name. */
void csv_table_free(CsvTable *table);
/* Removes a row; those after it move up. */
void csv_drop_row(CsvTable *table, int row);
/* Column number by name; -1 when there is none. */
int csv_column(const CsvTable *table, const char *name);
/* Cell by column name; NULL when there is no such column. */
const char *csv_get(const CsvTable *table, int row, const char *column);

/* Writes one cell, quoted where it must be (comma, quote, line break, surrounding blank, leading
 * '#' or byte order mark). */
void csv_put(FILE *file, const char *text);

#endif
