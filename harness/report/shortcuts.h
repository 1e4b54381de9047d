/* The shortcut table: one kind of net a row, one depth a column. */
#ifndef HARNESS_REPORT_SHORTCUTS_H
#define HARNESS_REPORT_SHORTCUTS_H

#include <stdio.h>

#include "harness/report/results.h"

/* True when there is something to compare: runs with different shortcuts, or with a factor, gate or
 * dropout on them. */
bool shortcuts_differ(const Results *results);
/* shortcuts.md: test error by series and depth, mean ± standard deviation (runs), and parameters at
 * the greatest depth; with a note on what the kinds are. */
void shortcuts_markdown(FILE *file, const Results *results);

#endif
