/* What depends on depth: final error; cost. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/figure.h"
#include "harness/report/gnuplot.h"
#include "harness/report/student.h"

/* Pixels. */
enum {
    DEPTH_PLOT = 460,
    COST_PLOT = 400, /* a panel with its axis */
    HEIGHT = 400,
    LEGEND_SAMPLE = 70,
    LEGEND_LETTER = 8, /* wider than the mean letter */
    LEGEND_LINE = 21,
};

typedef const Summary *(*Field)(const Cell *cell);

static const Summary *test_of(const Cell *cell) {
    return &cell->test_error;
}
static const Summary *train_of(const Cell *cell) {
    return &cell->train_error;
}
static const Summary *seconds_of(const Cell *cell) {
    return &cell->seconds;
}
static const Summary *energy_of(const Cell *cell) {
    return &cell->energy;
}
static const Summary *parameters_of(const Cell *cell) {
    return &cell->parameters;
}

/* One line: the mean over runs against depth. */
static void draw(Lines *lines, const Results *results, int series, Field field, int style,
                 const char *addition) {
    lines_begin(lines, style, results->series[series].label, addition);
    for (int i = 0; i < results->cell_count; i++) {
        const Cell *cell = &results->cells[i];
        const Summary *s = field(cell);
        if (cell->series == series && s->n > 0)
            lines_point(lines, cell->depth, s->mean, s->least, s->greatest);
    }
}

/* One line of errors: the mean over runs with its interval, cut at the ends of the scale. */
static void draw_error(Lines *lines, const Results *results, int series, Field field, int style,
                       const char *addition) {
    lines_begin(lines, style, results->series[series].label, addition);
    for (int i = 0; i < results->cell_count; i++) {
        const Cell *cell = &results->cells[i];
        const Summary *s = field(cell);
        if (cell->series != series || s->n == 0)
            continue;
        double half = s->n > 1 ? student_half_width(s->n, s->sd, (1 - CONFIDENCE) / 2) : 0;
        lines_point(lines, cell->depth, s->mean, fmax(s->mean - half, 0),
                    fmin(s->mean + half, 100));
    }
}

/* The end of the error axis: every run, and of the intervals what does not dwarf them. */
static double error_end(const Results *results, const Lines *lines) {
    double greatest = NAN;
    for (int i = 0; i < results->cell_count; i++)
        greatest = fmax(greatest, fmax(results->cells[i].test_error.greatest,
                                       results->cells[i].train_error.greatest));
    return fmin(100, nice_ceiling(1.1 * fmin(lines->y_max, 1.3 * greatest)));
}

/* A dot a run, where a cell has several: depth, test error, colour, shift. The first point lies
 * outside of the picture, so that there is always one. */
static void put_runs(FILE *script, const Results *results) {
    fprintf(script, "$runs << EOD\n%d -1 1 0\n", results->depths[0]);
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        const Cell *cell = results_cell(results, run->series, run->depth);
        if (cell->test_error.n > 1 && !run->diverged && !isnan(run->test_error))
            fprintf(script, "%d %.10g %d %g\n", run->depth, run->test_error, style_of(run->series),
                    0.012 * (run->series - (results->series_count - 1) / 2.0) + 0.013);
    }
    fprintf(script, "EOD\n");
}

/* The size of a figure whose legend stands on the right: room for every title. */
static void put_size(FILE *script, const Results *results, int plot, int letters_more,
                     int entries) {
    int letters = 8;
    for (int i = 0; i < results->series_count; i++) {
        int length = (int)strlen(results->series[i].label) + letters_more;
        letters = length > letters ? length : letters;
    }
    int legend = LEGEND_SAMPLE + LEGEND_LETTER * letters, high = LEGEND_LINE * (entries + 3);
    fprintf(script, "width = %d\nheight = %d\nlegend_width = %d\n", plot + legend,
            high > HEIGHT ? high : HEIGHT, legend);
}

/* Where runs diverged: depth, height, colour; at the upper edge, series side by side. The first
 * point lies outside of the picture, so that there is always one. */
static void put_marks(FILE *script, const Results *results, double y_max) {
    int count = 0;
    fprintf(script, "$marks << EOD\n%d %.10g 1\n", results->depths[0], -y_max);
    for (int i = 0; i < results->cell_count; i++) {
        const Cell *cell = &results->cells[i];
        if (cell->diverged == 0)
            continue;
        fprintf(script, "%d %.10g %d\n", cell->depth, y_max * (0.98 - 0.04 * (cell->series % 20)),
                style_of(cell->series));
        count++;
    }
    fprintf(script, "EOD\nany_mark = %d\n", count > 0);
}

/* Bars of several seeds stand side by side, series by series. */
static void put_shifts(FILE *script, const Results *results, const int *line_series, int lines) {
    bool bars = false;
    for (int i = 0; i < results->cell_count; i++)
        bars |= results->cells[i].test_error.n > 1;
    fprintf(script, "array line_shift[%d] = [", lines);
    for (int i = 0; i < lines; i++)
        fprintf(script, "%s%g", i ? ", " : "",
                bars ? 0.012 * (line_series[i] - (results->series_count - 1) / 2.0) : 0);
    fprintf(script, "]\n");
}

Status depth_data(FILE *script, const Results *results, bool *any) {
    Lines lines;
    int *line_series = calloc(2 * (size_t)results->series_count, sizeof *line_series);
    if (!line_series)
        return status_fail(STATUS_NO_MEMORY, "no memory for a figure");
    Status status = lines_open(&lines);
    if (status != STATUS_OK) {
        free(line_series);
        return status;
    }
    for (int s = 0; s < results->series_count; s++) {
        int before = lines.count;
        draw_error(&lines, results, s, test_of, style_of(s), ", test");
        draw_error(&lines, results, s, train_of, style_of(s) + STYLE_TRAIN, ", train");
        for (int i = before; i < lines.count; i++)
            line_series[i] = s;
    }
    double y_max = lines.count ? error_end(results, &lines) : 100;
    *any = lines.count > 0;
    if (*any) {
        put_size(script, results, DEPTH_PLOT, (int)strlen(", train"), lines.count);
        fprintf(script, "lines = %d\ny_max = %.10g\n", lines.count, y_max);
        put_depth_axis(script, results);
        put_marks(script, results, y_max);
        put_runs(script, results);
        put_shifts(script, results, line_series, lines.count);
        lines_put(&lines, script);
    }
    lines_close(&lines);
    free(line_series);
    return STATUS_OK;
}

/* A quantity drawn in a panel of its own, in a unit that suits its size. */
typedef struct Quantity {
    Field field;
    const char *small_label, *large_label;
    double small_unit, large_unit;
    double large_from;
} Quantity;

static const Quantity quantities[] = {
    {seconds_of, "time of a run (s)", "time of a run (h)", 1, 3600, 3 * 3600},
    {energy_of, "energy of a run (kJ)", "energy of a run (kWh)", 1e3, 3.6e6, 3.6e6},
    {parameters_of, "parameters (thousands)", "parameters (millions)", 1e3, 1e6, 2e6},
};

enum { QUANTITIES = sizeof quantities / sizeof quantities[0] };

Status cost_data(FILE *script, const Results *results, bool *any) {
    int first[QUANTITIES], last[QUANTITIES], panels = 0;
    Lines lines;
    TRY(lines_open(&lines));
    for (int q = 0; q < QUANTITIES; q++) {
        const Quantity *quantity = &quantities[q];
        int before = lines.count;
        lines.y_max = NAN;
        for (int s = 0; s < results->series_count; s++)
            draw(&lines, results, s, quantity->field, style_of(s), "");
        if (lines.count == before) /* not in the file */
            continue;
        bool large = lines.y_max >= quantity->large_from;
        double unit = large ? quantity->large_unit : quantity->small_unit;
        first[panels] = before + 1;
        last[panels++] = lines.count;
        fprintf(script, "label_%d = '%s'\nunit_%d = %.10g\ny_max_%d = %.10g\n", panels,
                large ? quantity->large_label : quantity->small_label, panels, unit, panels,
                nice_ceiling(1.05 * lines.y_max / unit));
    }
    *any = panels > 0;
    if (*any) {
        put_size(script, results, COST_PLOT * panels, 0, results->series_count);
        fprintf(script, "panels = %d\n", panels);
        put_ints(script, "line_first", first, panels);
        put_ints(script, "line_last", last, panels);
        put_depth_axis(script, results);
        lines_put(&lines, script);
    }
    lines_close(&lines);
    return STATUS_OK;
}
