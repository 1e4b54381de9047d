/* An output folder's tables and figures. */
#ifndef HARNESS_REPORT_REPORT_H
#define HARNESS_REPORT_REPORT_H

#include <stdio.h>

#include "net/status.h"

/* Reads DIR/runs.csv, DIR/curves.csv and, where there is one, DIR/layers.csv; replaces DIR/table.md
 * and DIR/table.csv, fig6_distance.csv where our curves reach those of the paper's Fig. 6,
 * shortcuts.md where shortcuts differ, and
 * makes DIR/figures/NAME.{svg,png} with the script NAME.gp beside them: of error_curves,
 * error_depth, cost_depth, and of layers.csv layer_responses and gradient_layers. The same CSV
 * gives the same bytes. STATUS_BAD_INPUT: no folder, no finished run, a broken file.
 * STATUS_UNAVAILABLE: no gnuplot; the tables have been written then. */
Status report_write(const char *dir);

/* The short table: error by net and depth. */
Status report_print_table(FILE *file, const char *dir);

#endif
