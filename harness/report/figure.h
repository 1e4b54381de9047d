/* What every figure is made with: the data as gnuplot variables, put together with the shared style
 * and the figure's own script to one file that makes the figure on its own. */
#ifndef HARNESS_REPORT_FIGURE_H
#define HARNESS_REPORT_FIGURE_H

#include <stdbool.h>
#include <stdio.h>

#include "harness/report/results.h"

enum { STYLE_TRAIN = 10, STYLE_PAPER = 40, STYLE_COLOURS = 8 };

/* The lines of a figure: blocks of one gnuplot data block, each with a style and a title. */
typedef struct Lines {
    FILE *data, *styles, *titles;
    char *data_text, *styles_text, *titles_text;
    size_t data_size, styles_size, titles_size;
    int count;      /* lines that have a point */
    bool has_point; /* of the present line, as the next two */
    int style;
    char title[LABEL_MAX + 16];
    double x_max, y_max; /* of all points; NaN before the first */
} Lines;

Status lines_open(Lines *lines);
/* Begins a line; one without points leaves nothing behind. style: of plots/style.gp. The title is
 * label and addition joined. */
void lines_begin(Lines *lines, int style, const char *label, const char *addition);
void lines_point(Lines *lines, double x, double y, double least, double greatest);
/* Writes $lines, line_style[] and line_title[]. */
void lines_put(Lines *lines, FILE *script);
void lines_close(Lines *lines);

void put_ints(FILE *script, const char *name, const int *values, int count);
/* The x axis of depths: range, a tick a depth, a logarithmic scale for a wide range. */
void put_depth_axis(FILE *script, const Results *results);
/* The least of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 times a power of ten that is not below. */
double nice_ceiling(double value);
int style_of(int index);

/* DIR/figures/NAME.gp from the data, plots/style.gp and plots/NAME.gp; then NAME.svg and .png. */
Status figure_make(const char *dir, const char *name, const char *data, size_t size);

/* The curves of the paper that belong to the panels of error_curves, up to iteration `end`: $paper,
 * paper_style[], paper_first[], paper_last[], any_paper. */
Status paper_put(FILE *script, const Results *results, double end);

/* Each writes its data; false: there is nothing to draw. */
Status curves_data(FILE *script, const Results *results, bool *any);
Status depth_data(FILE *script, const Results *results, bool *any);
Status cost_data(FILE *script, const Results *results, bool *any);
Status responses_data(FILE *script, const Results *results, bool *any);
Status gradients_data(FILE *script, const Results *results, bool *any);

#endif
