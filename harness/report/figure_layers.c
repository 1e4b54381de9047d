/* What the layers do: responses as in He et al. 2015, Fig. 7; gradients. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/figure.h"
#include "harness/report/gnuplot.h"

/* Pixels. */
enum { PLOT = 560, PANEL_HEIGHT = 240, LEGEND_SAMPLE = 70, LEGEND_LETTER = 8 };

typedef double (*LayerField)(const LayerPoint *point);

static double response_of(const LayerPoint *point) {
    return point->response_std;
}
static double gradient_of(const LayerPoint *point) {
    return point->gradient_norm;
}

/* An evaluation of a run: its layers among those of all evaluations. */
typedef struct Stretch {
    const LayerPoint *points;
    int count;
} Stretch;

static Stretch evaluation(const Run *run, bool last) {
    int first = 0, end = run->layer_count;
    if (end == 0)
        return (Stretch){0};
    double iteration = run->layers[last ? end - 1 : 0].iteration;
    while (run->layers[first].iteration != iteration)
        first++;
    for (end = first; end < run->layer_count && run->layers[end].iteration == iteration; end++)
        continue;
    return (Stretch){run->layers + first, end - first};
}

static bool in_cell(const Run *run, const Cell *cell) {
    return run->series == cell->series && run->depth == cell->depth && !run->diverged &&
           run->layer_count > 0;
}

/* The layers of a cell's nets, each over the runs of all seeds; the caller frees. */
typedef struct Profile {
    Summary *layers;
    int count;
} Profile;

static int layers_of(const Results *results, const Cell *cell, bool last) {
    int count = 0;
    for (int r = 0; r < results->run_count; r++)
        if (in_cell(&results->runs[r], cell))
            count = evaluation(&results->runs[r], last).count;
    return count;
}

static Status profile(const Results *results, const Cell *cell, LayerField field, bool last,
                      Profile *profile_out) {
    int count = layers_of(results, cell, last);
    double *values = malloc(((size_t)results->run_count + 1) * sizeof *values);
    Summary *layers = calloc((size_t)count + 1, sizeof *layers);
    if (!values || !layers) {
        free(values);
        free(layers);
        return status_fail(STATUS_NO_MEMORY, "no memory for a figure");
    }
    for (int k = 0; k < count; k++) {
        int n = 0;
        for (int r = 0; r < results->run_count; r++) {
            Stretch stretch = evaluation(&results->runs[r], last);
            if (in_cell(&results->runs[r], cell) && k < stretch.count)
                values[n++] = field(&stretch.points[k]);
        }
        layers[k] = summarize(values, n);
    }
    free(values);
    *profile_out = (Profile){layers, count};
    return STATUS_OK;
}

static int by_magnitude(const void *a, const void *b) {
    const Summary *p = a, *q = b;
    double x = isnan(p->mean) ? -1 : p->mean, y = isnan(q->mean) ? -1 : q->mean;
    return (x < y) - (x > y);
}

/* ---- lines ---- */

/* A colour a depth, plain nets dashed; where that would not tell them apart, a colour a net. */
static int style(const Results *results, int cell) {
    const Cell *c = &results->cells[cell];
    int plain = 0;
    for (int s = 0; s < results->series_count; s++)
        plain += results->series[s].plain;
    bool paired = plain <= 1 && results->series_count - plain <= 1;
    int colour = paired ? depth_index(results, c->depth) : cell;
    return style_of(colour) + (results->series[c->series].plain ? STYLE_TRAIN : 0);
}

static Status draw_cell(Lines *lines, const Results *results, int cell, LayerField field, bool last,
                        bool sorted, double *y_min) {
    const Cell *c = &results->cells[cell];
    Profile p = {0};
    char layers[32];
    TRY(profile(results, c, field, last, &p));
    if (sorted)
        qsort(p.layers, (size_t)p.count, sizeof *p.layers, by_magnitude);
    snprintf(layers, sizeof layers, ", %d layers", c->depth);
    lines_begin(lines, style(results, cell), results->series[c->series].label, layers);
    for (int k = 0; k < p.count; k++) {
        const Summary *s = &p.layers[k];
        if (s->n == 0 || !(s->least > 0)) /* nothing there; 0 has no place on a logarithmic axis */
            continue;
        lines_point(lines, k + 1, s->mean, s->least, s->greatest);
        *y_min = fmin(*y_min, s->least);
    }
    free(p.layers);
    return STATUS_OK;
}

/* One panel after the other. */
typedef struct Panels {
    Lines lines;
    int first[2], last[2], count;
    double y_min;
} Panels;

static Status draw_panel(Panels *panels, const Results *results, LayerField field, bool last,
                         bool sorted) {
    int before = panels->lines.count;
    for (int cell = 0; cell < results->cell_count; cell++)
        TRY(draw_cell(&panels->lines, results, cell, field, last, sorted, &panels->y_min));
    if (panels->lines.count > before) {
        panels->first[panels->count] = before + 1;
        panels->last[panels->count++] = panels->lines.count;
    }
    return STATUS_OK;
}

static void put_panels(FILE *script, Panels *panels, const Results *results) {
    size_t letters = 8;
    for (int i = 0; i < results->series_count; i++) {
        size_t length = strlen(results->series[i].label) + strlen(", 110 layers");
        letters = length > letters ? length : letters;
    }
    int legend = LEGEND_SAMPLE + LEGEND_LETTER * (int)letters;
    fprintf(script, "width = %d\nheight = %d\nlegend_width = %d\n", PLOT + legend,
            PANEL_HEIGHT * panels->count + 50, legend);
    fprintf(script, "panels = %d\nx_max = %.10g\n", panels->count, panels->lines.x_max + 1);
    put_ints(script, "line_first", panels->first, panels->count);
    put_ints(script, "line_last", panels->last, panels->count);
    lines_put(&panels->lines, script);
}

/* ---- the figures ---- */

Status responses_data(FILE *script, const Results *results, bool *any) {
    Panels panels = {.y_min = INFINITY};
    Status status = STATUS_OK;
    TRY(lines_open(&panels.lines));
    CHECK(draw_panel(&panels, results, response_of, true, false));
    CHECK(draw_panel(&panels, results, response_of, true, true));
    *any = panels.count > 0;
    if (*any) {
        put_panels(script, &panels, results);
        fprintf(script, "y_max = %.10g\n", nice_ceiling(1.02 * panels.lines.y_max));
    }
out:
    lines_close(&panels.lines);
    return status;
}

/* "after 50 iterations", when that is so of every run. */
static void put_title(FILE *script, const Results *results, int panel, bool last) {
    char title[64];
    double iteration = NAN;
    bool same = true;
    for (int r = 0; r < results->run_count; r++) {
        Stretch stretch = evaluation(&results->runs[r], last);
        if (results->runs[r].diverged || stretch.count == 0)
            continue;
        same = same && (isnan(iteration) || stretch.points[0].iteration == iteration);
        iteration = stretch.points[0].iteration;
    }
    if (same)
        snprintf(title, sizeof title, "after %.10g iteration%s", iteration,
                 iteration == 1 ? "" : "s");
    else
        snprintf(title, sizeof title, "at the %s evaluation", last ? "last" : "first");
    fprintf(script, "panel_title_%d = ", panel);
    gnuplot_put_string(script, title);
    fputc('\n', script);
}

/* The greatest of 1, 2, 5 times a power of ten that is not above. */
static double tick_below(double value) {
    double power = pow(10, floor(log10(value)));
    return value >= 5 * power ? 5 * power : value >= 2 * power ? 2 * power : power;
}

/* Whether any run has been looked at more than once. */
static bool several_evaluations(const Results *results) {
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        if (!run->diverged && evaluation(run, false).count < run->layer_count)
            return true;
    }
    return false;
}

Status gradients_data(FILE *script, const Results *results, bool *any) {
    Panels panels = {.y_min = INFINITY};
    Status status = STATUS_OK;
    bool several = several_evaluations(results);
    TRY(lines_open(&panels.lines));
    if (several)
        CHECK(draw_panel(&panels, results, gradient_of, false, false));
    CHECK(draw_panel(&panels, results, gradient_of, true, false));
    *any = panels.count > 0;
    if (*any) {
        put_panels(script, &panels, results);
        for (int p = 1; p <= panels.count; p++)
            put_title(script, results, p, p == panels.count);
        fprintf(script, "y_min = %.10g\ny_max = %.10g\n", tick_below(panels.y_min),
                1 / tick_below(1 / panels.lines.y_max));
    }
out:
    lines_close(&panels.lines);
    return status;
}
