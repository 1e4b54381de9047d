/* A look at what the program wrote into the scratch folder. */
#ifndef TESTS_SWEEP_TABLES_H
#define TESTS_SWEEP_TABLES_H

#include <stdbool.h>

#include "harness/base/csv.h"

/* A name within the scratch folder; the buffer is reused. */
const char *in_scratch(const char *name);
bool exists(const char *name);
/* A file there, which must be readable; the caller frees. */
char *text_of(const char *name);
CsvTable table_of(const char *name);

/* A cell that must be a number; one that must be this text. */
double number(const CsvTable *table, int row, const char *column);
void cell_is(const CsvTable *table, int row, const char *column, const char *expected);
/* Fails unless two files have the same rows and columns, but for what repeats may change. */
void assert_same_table(const char *one, const char *two);

#endif
