/* Results as tables: Markdown, CSV, plain text. */
#ifndef HARNESS_REPORT_TABLE_H
#define HARNESS_REPORT_TABLE_H

#include <stdio.h>

#include "harness/report/reference.h"
#include "harness/report/results.h"

/* One row a series and depth, fixed header: means, sample standard deviations, least and greatest
 * over seeds, the paper's value where there is one. Missing values are empty cells. */
void table_csv(FILE *file, const Results *results, const CsvTable *reference);
/* The same for reading; notes say where the paper's numbers are from and how the runs differ from
 * its protocol. */
void table_markdown(FILE *file, const Results *results, const CsvTable *reference);
/* A few aligned columns for a terminal. */
void table_print(FILE *file, const Results *results);

#endif
