/* Error against iterations: a panel a series, a colour a depth; test bold, train dashed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/figure.h"
#include "harness/report/gnuplot.h"
#include "harness/report/labels.h"

/* Pixels. */
enum {
    PANEL_WIDTH = 370,
    PANEL_HEIGHT = 290,
    GAP_X = 120,
    GAP_Y = 80,
    LEFT = 60,
    RIGHT = 90,
    TOP = 35,
    BOTTOM = 85,
    LABEL_HEIGHT = 16,
    TITLE_LINE = 16,
    TITLE_LETTERS = 52, /* as many fit over a panel */
};

typedef struct Mark {
    int panel, style;
    double x, y; /* NaN: before the first evaluation */
} Mark;

typedef struct Curves {
    const Results *results;
    Lines lines;
    int *first, *last; /* lines of a panel, from 1 */
    int *label_first, *label_last;
    Label *labels;
    int label_count;
    Mark *marks;
    int mark_count;
    double end;      /* last iteration of any run */
    double greatest; /* error that the axis must show; NaN: none */
} Curves;

typedef struct Sample {
    double x, y;
} Sample;

static int by_x(const void *a, const void *b) {
    const Sample *p = a, *q = b;
    return (p->x > q->x) - (p->x < q->x);
}

static double value_of(const Point *point, bool train) {
    return train ? point->train_error : point->test_error;
}

/* Draws the mean over samples of equal x with its band; returns the last mean. */
static double draw_samples(Lines *lines, Sample *samples, int count, int style) {
    double values[256], last = NAN;
    qsort(samples, (size_t)count, sizeof *samples, by_x);
    lines_begin(lines, style, "", "");
    for (int i = 0, n; i < count; i += n) {
        for (n = 0; n < 256 && i + n < count && samples[i + n].x == samples[i].x; n++)
            values[n] = samples[i + n].y;
        Summary s = summarize(values, n);
        lines_point(lines, samples[i].x, s.mean, s.least, s.greatest);
        last = s.mean;
    }
    return last;
}

/* As in the paper, what matters is the end and the first errors may leave the picture: shown are
 * 1.3 times the last error and 1.2 times the mean error in the second quarter of the training. */
static double axis_needs(const Sample *samples, int count, double end) {
    double sum = 0;
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (samples[i].x >= end / 4 && samples[i].x <= end / 2) {
            sum += samples[i].y;
            n++;
        }
    }
    return fmax(1.3 * samples[count - 1].y, n ? 1.2 * sum / n : 0);
}

/* The points of the runs of a series and depth; `only` >= 0: of that run alone. */
static int collect(const Results *results, int series, int depth, int only, bool train,
                   Sample *samples) {
    int count = 0;
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        if (run->series != series || run->depth != depth || (only >= 0 ? r != only : run->diverged))
            continue;
        for (int i = 0; i < run->point_count; i++) {
            double y = value_of(&run->points[i], train);
            if (!isnan(y))
                samples[count++] = (Sample){run->points[i].iteration, y};
        }
    }
    return count;
}

/* Finished runs as one mean line, each diverged one as its own. Returns the last value drawn. */
static double draw_depth(Curves *c, int series, int d, bool train, Sample *samples) {
    const Results *results = c->results;
    int depth = results->depths[d], style = style_of(d) + (train ? STYLE_TRAIN : 0);
    int count = collect(results, series, depth, -1, train, samples);
    double last = draw_samples(&c->lines, samples, count, style);
    if (count > 0)
        c->greatest = fmax(c->greatest, axis_needs(samples, count, c->end));
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        if (run->series != series || run->depth != depth || !run->diverged)
            continue;
        count = collect(results, series, depth, r, train, samples);
        double end = draw_samples(&c->lines, samples, count, style);
        if (isnan(last))
            last = end;
        if (!train)
            c->marks[c->mark_count++] =
                (Mark){series, style_of(d), count ? samples[count - 1].x : run->diverged_at, end};
    }
    return last;
}

static void draw_panel(Curves *c, int series, Sample *samples) {
    const Results *results = c->results;
    c->first[series] = c->lines.count + 1;
    c->label_first[series] = c->label_count + 1;
    for (int d = 0; d < results->depth_count; d++)
        draw_depth(c, series, d, true, samples);
    for (int d = 0; d < results->depth_count; d++) {
        const Cell *cell = results_cell(results, series, results->depths[d]);
        if (!cell)
            continue;
        double y = draw_depth(c, series, d, false, samples);
        c->labels[c->label_count++] = (Label){cell->depth, y};
    }
    c->last[series] = c->lines.count;
    c->label_last[series] = c->label_count;
}

/* gnuplot looks once even at a range that is empty: a panel without a line gets one outside of the
 * picture. */
static void fill_empty_panels(Curves *c) {
    for (int p = 0; p < c->results->series_count; p++) {
        if (c->last[p] >= c->first[p])
            continue;
        lines_begin(&c->lines, style_of(0), "", "");
        lines_point(&c->lines, 0, -1, -1, -1);
        c->first[p] = c->last[p] = c->lines.count;
    }
}

static void put_labels(FILE *script, const Curves *c) {
    fprintf(script, "array label_text[%d] = [", c->label_count);
    for (int i = 0; i < c->label_count; i++)
        fprintf(script, "%s'%d layers'", i ? ", " : "", c->labels[i].depth);
    fprintf(script, "]\narray label_y[%d] = [", c->label_count);
    for (int i = 0; i < c->label_count; i++)
        fprintf(script, "%s%.10g", i ? ", " : "", c->labels[i].y);
    fprintf(script, "]\narray label_style[%d] = [", c->label_count);
    for (int i = 0; i < c->label_count; i++)
        fprintf(script, "%s%d", i ? ", " : "",
                style_of(depth_index(c->results, c->labels[i].depth)));
    fprintf(script, "]\n");
}

/* A block a panel; every block needs a point, if only one that is not drawn. */
static void put_marks(FILE *script, const Curves *c, double unit, double y_max) {
    fprintf(script, "any_mark = %d\n$marks << EOD\n", c->mark_count > 0);
    for (int panel = 0; panel < c->results->series_count; panel++) {
        fprintf(script, "%s0 -1 1\n", panel ? "\n\n" : "");
        for (int i = 0; i < c->mark_count; i++) {
            const Mark *mark = &c->marks[i];
            if (mark->panel == panel)
                fprintf(script, "%.10g %.10g %d\n", isnan(mark->x) ? 0 : mark->x / unit,
                        isnan(mark->y) ? y_max : fmin(mark->y, y_max), mark->style);
        }
    }
    fprintf(script, "EOD\n");
}

/* A title's first line ends at the last ", " within TITLE_LETTERS, or there where there is none;
 * the second line is the rest. Returns where it begins. */
static size_t title_break(const char *label) {
    size_t best = 0;
    if (strlen(label) <= TITLE_LETTERS)
        return strlen(label);
    for (size_t i = 2; i <= TITLE_LETTERS; i++) {
        if (label[i - 2] == ',' && label[i - 1] == ' ')
            best = i;
    }
    return best ? best : TITLE_LETTERS;
}

/* Returns whether any title has a second line. */
static bool put_titles(FILE *script, const Results *results) {
    bool two = false;
    for (int line = 1; line <= 2; line++) {
        fprintf(script, "array panel_title_%d[%d] = [", line, results->series_count);
        for (int i = 0; i < results->series_count; i++) {
            char title[LABEL_MAX];
            const char *label = results->series[i].label;
            size_t first = title_break(label);
            snprintf(title, sizeof title, "%s", line == 1 ? label : label + first);
            if (line == 1)
                title[first] = '\0';
            two |= line == 2 && title[0];
            fprintf(script, "%s", i ? ", " : "");
            gnuplot_put_string(script, title);
        }
        fprintf(script, "]\n");
    }
    return two;
}

static void put_layout(FILE *script, const Results *results) {
    int panels = results->series_count;
    int columns = panels <= 3 ? panels : panels == 4 ? 2 : 3;
    int rows = (panels + columns - 1) / columns;
    int second_line = put_titles(script, results) ? TITLE_LINE : 0;
    int top = TOP + second_line, gap_y = GAP_Y + second_line;
    double width = LEFT + RIGHT + columns * PANEL_WIDTH + (columns - 1) * GAP_X;
    double height = top + BOTTOM + rows * PANEL_HEIGHT + (rows - 1) * gap_y;
    fprintf(script, "width = %.0f\nheight = %.0f\n", width, height);
    fprintf(script, "panels = %d\npanel_columns = %d\npanel_rows = %d\n", panels, columns, rows);
    fprintf(script, "margin_left = %.6f\nmargin_right = %.6f\n", LEFT / width, RIGHT / width);
    fprintf(script, "margin_top = %.6f\nmargin_bottom = %.6f\n", top / height, BOTTOM / height);
    fprintf(script, "gap_x = %.6f\ngap_y = %.6f\n", GAP_X / width, gap_y / height);
}

static void put_curves(FILE *script, Curves *c) {
    int panels = c->results->series_count;
    bool thousands = c->end >= 2000;
    double y_max = isnan(c->greatest) ? 100 : fmin(100, nice_ceiling(c->greatest));
    for (int p = 0; p < panels; p++)
        labels_spread(&c->labels[c->label_first[p] - 1], c->label_last[p] - c->label_first[p] + 1,
                      y_max * LABEL_HEIGHT / PANEL_HEIGHT, y_max);
    put_layout(script, c->results);
    fprintf(script, "unit = %d\nx_label = 'iterations%s'\n", thousands ? 1000 : 1,
            thousands ? " (thousands)" : "");
    fprintf(script, "x_max = %.10g\ny_max = %.10g\n", c->end / (thousands ? 1000 : 1), y_max);
    lines_put(&c->lines, script);
    put_ints(script, "line_first", c->first, panels);
    put_ints(script, "line_last", c->last, panels);
    put_ints(script, "label_first", c->label_first, panels);
    put_ints(script, "label_last", c->label_last, panels);
    put_labels(script, c);
    put_marks(script, c, thousands ? 1000 : 1, y_max);
}

Status curves_data(FILE *script, const Results *results, bool *any) {
    Curves c = {.results = results, .greatest = NAN};
    size_t panels = (size_t)results->series_count, points = 1;
    Sample *samples = NULL;
    Status status = STATUS_OK;
    for (int i = 0; i < results->run_count; i++) {
        const Run *run = &results->runs[i];
        points += (size_t)run->point_count;
        for (int k = 0; k < run->point_count; k++)
            c.end = fmax(c.end, run->points[k].iteration);
    }
    CHECK(lines_open(&c.lines));
    samples = calloc(points, sizeof *samples);
    c.first = calloc(4 * panels, sizeof *c.first);
    c.labels = calloc((size_t)results->cell_count, sizeof *c.labels);
    c.marks = calloc((size_t)results->run_count, sizeof *c.marks);
    if (!samples || !c.first || !c.labels || !c.marks) {
        status = status_fail(STATUS_NO_MEMORY, "no memory for a figure");
        goto out;
    }
    c.last = c.first + panels;
    c.label_first = c.last + panels;
    c.label_last = c.label_first + panels;
    for (int s = 0; s < results->series_count; s++)
        draw_panel(&c, s, samples);
    *any = c.lines.count > 0;
    if (*any) {
        fill_empty_panels(&c);
        put_curves(script, &c);
        CHECK(paper_put(script, results, c.end));
    }
out:
    lines_close(&c.lines);
    free(samples);
    free(c.first);
    free(c.labels);
    free(c.marks);
    return status;
}
