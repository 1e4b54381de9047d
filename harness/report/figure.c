#include "harness/report/figure.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/base/paths.h"
#include "harness/report/files.h"
#include "harness/report/gnuplot.h"

Status lines_open(Lines *lines) {
    *lines = (Lines){.x_max = NAN, .y_max = NAN};
    lines->data = open_memstream(&lines->data_text, &lines->data_size);
    lines->styles = open_memstream(&lines->styles_text, &lines->styles_size);
    lines->titles = open_memstream(&lines->titles_text, &lines->titles_size);
    if (lines->data && lines->styles && lines->titles)
        return STATUS_OK;
    lines_close(lines);
    return status_fail(STATUS_NO_MEMORY, "no memory for a figure");
}

void lines_begin(Lines *lines, int style, const char *label, const char *addition) {
    lines->has_point = false;
    lines->style = style;
    snprintf(lines->title, sizeof lines->title, "%s%s", label, addition);
}

void lines_point(Lines *lines, double x, double y, double least, double greatest) {
    if (!lines->has_point) { /* two empty lines part the blocks */
        fprintf(lines->data, "%s", lines->count ? "\n\n" : "");
        fprintf(lines->styles, "%s%d", lines->count ? ", " : "", lines->style);
        fprintf(lines->titles, "%s", lines->count ? ", " : "");
        gnuplot_put_string(lines->titles, lines->title);
        lines->count++;
        lines->has_point = true;
    }
    fprintf(lines->data, "%.10g %.10g %.10g %.10g\n", x, y, least, greatest);
    lines->x_max = fmax(lines->x_max, x);
    lines->y_max = fmax(lines->y_max, greatest);
}

void lines_put(Lines *lines, FILE *script) {
    fflush(lines->data);
    fflush(lines->styles);
    fflush(lines->titles);
    fprintf(script, "$lines << EOD\n%sEOD\n", lines->data_text);
    fprintf(script, "array line_style[%d] = [%s]\n", lines->count, lines->styles_text);
    fprintf(script, "array line_title[%d] = [%s]\n", lines->count, lines->titles_text);
}

void lines_close(Lines *lines) {
    if (lines->data)
        fclose(lines->data);
    if (lines->styles)
        fclose(lines->styles);
    if (lines->titles)
        fclose(lines->titles);
    free(lines->titles_text);
    free(lines->data_text);
    free(lines->styles_text);
    *lines = (Lines){0};
}

void put_ints(FILE *script, const char *name, const int *values, int count) {
    fprintf(script, "array %s[%d] = [", name, count);
    for (int i = 0; i < count; i++)
        fprintf(script, "%s%d", i ? ", " : "", values[i]);
    fprintf(script, "]\n");
}

double nice_ceiling(double value) {
    static const double steps[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10};
    if (!(value > 0))
        return 1;
    double power = pow(10, floor(log10(value)));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i] * power >= value * (1 - 1e-9))
            return steps[i] * power;
    }
    return 10 * power;
}

int style_of(int index) {
    return 1 + index % STYLE_COLOURS;
}

void put_depth_axis(FILE *script, const Results *results) {
    const int *depths = results->depths;
    double first = depths[0], last = depths[results->depth_count - 1];
    bool logarithmic = last > 12 * first;
    /* a tick at each depth, unless it would touch the one before */
    double low = logarithmic ? log(first) : first, high = logarithmic ? log(last) : last;
    double margin = high > low ? 0.06 * (high - low) : 1, before = -INFINITY;
    int count = 0;
    fprintf(script, "depth_ticks = '");
    for (int i = 0; i < results->depth_count; i++) {
        double x = logarithmic ? log(depths[i]) : depths[i];
        if (x - before < 0.08 * (high - low))
            continue;
        fprintf(script, "%s%d", count++ ? " " : "", depths[i]);
        before = x;
    }
    low = logarithmic ? exp(low - margin) : low - margin;
    high = logarithmic ? exp(high + margin) : high + margin;
    fprintf(script, "'\ndepth_low = %.10g\ndepth_high = %.10g\ndepth_logarithmic = %d\n", low, high,
            logarithmic);
}

static Status append_resource(FILE *script, const char *name) {
    char path[PATH_MAX], *text;
    TRY(resource_path(name, path, sizeof path));
    TRY(file_read(path, &text));
    fprintf(script, "\n%s", text);
    free(text);
    return STATUS_OK;
}

typedef struct Script {
    const char *name, *data;
    size_t size;
} Script;

static Status put_script(FILE *file, void *context) {
    const Script *script = context;
    char resource[64];
    snprintf(resource, sizeof resource, "plots/%s.gp", script->name);
    fprintf(file,
            "# Makes %s.svg; png: gnuplot -e \"format = 'png'\" %s.gp\n"
            "name = '%s'\n",
            script->name, script->name, script->name);
    fwrite(script->data, 1, script->size, file);
    TRY(append_resource(file, "plots/style.gp"));
    return append_resource(file, resource);
}

Status figure_make(const char *dir, const char *name, const char *data, size_t size) {
    char folder[PATH_MAX], script_name[64];
    Script script = {name, data, size};
    if (snprintf(folder, sizeof folder, "%s/figures", dir) >= (int)sizeof folder)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", dir);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return status_fail(STATUS_IO, "%s cannot be made: %s", folder, strerror(errno));
    snprintf(script_name, sizeof script_name, "%s.gp", name);
    TRY(file_replace(folder, script_name, put_script, &script));
    return gnuplot_render(folder, name);
}
