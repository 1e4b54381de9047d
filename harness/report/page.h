/* The report of an output folder: one page of HTML that needs nothing else. */
#ifndef HARNESS_REPORT_PAGE_H
#define HARNESS_REPORT_PAGE_H

#include <stdio.h>

#include "harness/verdict/verdict.h"

/* Makes the tables, the figures and the verdicts of DIR anew and writes DIR/report.html. *figures:
 * whether there are figures; without gnuplot there are none, the page says so, and
 * status_message() has the reason. */
Status page_write(const char *dir, Level level, bool *figures);

/* Its parts, each a section with a heading. Private to this folder. */
typedef struct Page {
    const char *dir;
    const Verdicts *verdicts; /* with the results */
    CsvTable reference;       /* the papers' values */
    char no_figures[512];     /* why there are none; "": there are */
} Page;

void page_style(FILE *file);
void page_summary(FILE *file, const Page *page);
void page_verdicts(FILE *file, const Page *page);
Status page_figures(FILE *file, const Page *page);
void page_nets(FILE *file, const Page *page);
void page_provenance(FILE *file, const Page *page);
Status page_repeat(FILE *file, const Page *page);

/* An experiment that is these runs: the columns that are not at their default, a row a run. */
void page_experiment(FILE *file, const Results *results);

#endif
