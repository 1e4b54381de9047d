/* Text and figures on a page of HTML. */
#ifndef HARNESS_REPORT_HTML_H
#define HARNESS_REPORT_HTML_H

#include <stdio.h>

#include "net/status.h"

/* Text from a file as it may stand between tags and in quoted attributes: markup becomes entities,
 * control characters and bytes that are no UTF-8 become U+FFFD. */
void html_text(FILE *file, const char *text);

/* A number with `decimals`; nothing of NaN. */
void html_number(FILE *file, double value, int decimals);

/* A table within a box that scrolls sideways where the table is wider than the page. html_head()
 * writes the header's cells, cut at '|'; those that begin with '#' stand on the right. A row is
 * cells between html_row() and html_end_row(). */
void html_table(FILE *file, const char *caption, const char *head);
void html_row(FILE *file, const char *first); /* with its first cell, a header */
void html_cell(FILE *file, const char *text);
void html_cell_number(FILE *file, double value, int decimals);
void html_cell_mean(FILE *file, double mean, double sd, int decimals); /* "8.75 ± 0.12" */
void html_end_row(FILE *file);
void html_end_table(FILE *file);

/* Copies a figure that gnuplot drew into the page: without its XML head and titles, its ids made
 * unlike those of other figures by `prefix`, with this title and description for those who cannot
 * see it. STATUS_BAD_INPUT when it is no such figure. */
Status html_svg(FILE *file, const char *svg, const char *prefix, const char *title,
                const char *description);

#endif
