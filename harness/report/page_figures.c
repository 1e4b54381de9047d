/* The figures, each with a title, a description and its numbers as a table. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/sorted.h"
#include "harness/report/fig6.h"
#include "harness/report/files.h"
#include "harness/report/html.h"
#include "harness/report/page.h"
#include "harness/report/shortcuts.h"

enum { MOMENTS = 8 }; /* evaluations that the table of the curves shows */

static void cell_label(const Results *results, const Cell *cell, char *label, size_t size) {
    snprintf(label, size, "%s, %d layers", results->series[cell->series].label, cell->depth);
}

/* ---- the tables behind the figures ---- */

/* Evaluations spread over the training: of all runs' iterations, the last and evenly chosen ones.
 */
static int moments(const Results *results, double chosen[MOMENTS]) {
    int total = 0, distinct = 0, count;
    for (int r = 0; r < results->run_count; r++)
        total += results->runs[r].point_count;
    double *all = malloc(((size_t)total + 1) * sizeof *all);
    if (!all)
        return 0;
    total = 0;
    for (int r = 0; r < results->run_count; r++)
        for (int i = 0; i < results->runs[r].point_count; i++)
            all[total++] = results->runs[r].points[i].iteration;
    sort_numbers(all, total);
    for (int i = 0; i < total; i++)
        if (distinct == 0 || all[i] != all[distinct - 1])
            all[distinct++] = all[i];
    count = distinct < MOMENTS ? distinct : MOMENTS;
    for (int i = 0; i < count; i++)
        chosen[i] = all[(i + 1) * distinct / count - 1];
    free(all);
    return count;
}

/* A run's error at one of its evaluations; NaN where there is none. */
static double evaluated_at(const Run *run, double iteration, bool train) {
    for (int i = 0; i < run->point_count; i++)
        if (run->points[i].iteration == iteration)
            return train ? run->points[i].train_error : run->points[i].test_error;
    return NAN;
}

static void curves_table(FILE *file, const Results *results) {
    double chosen[MOMENTS];
    char head[32 + 24 * MOMENTS] = "net|error", label[LABEL_MAX + 16];
    int count = moments(results, chosen);
    for (int i = 0; i < count; i++)
        snprintf(head + strlen(head), sizeof head - strlen(head), "|#%.10g", chosen[i]);
    html_table(file, "Error in per cent at some iterations, mean over seeds", head);
    for (int c = 0; c < results->cell_count; c++) {
        const Cell *cell = &results->cells[c];
        cell_label(results, cell, label, sizeof label);
        for (int train = 0; train < 2; train++) {
            html_row(file, label);
            html_cell(file, train ? "train" : "test");
            for (int i = 0; i < count; i++)
                html_cell_number(file, cell_mean(results, cell, evaluated_at, chosen[i], train), 2);
            html_end_row(file);
        }
    }
    html_end_table(file);
}

/* How far the curves are from the paper's, where they reach them. */
static void distance_table(FILE *file, const Results *results) {
    CsvTable fig6;
    Distance distances[FIG6_STAGES];
    char label[LABEL_MAX + 16], stage[64];
    if (fig6_open(&fig6) != STATUS_OK)
        return; /* report_write() has read it just before */
    if (fig6_applies(&fig6, results)) {
        html_table(file,
                   "Distance to Fig. 6 of He et al. 2015, digitised, by stage of the training: "
                   "medians over the paper's points in per cent, ours the mean over seeds",
                   "net|error|iterations|#points|#ours|#paper|#median difference");
        for (int c = 0; c < 2 * results->cell_count; c++) {
            const Cell *cell = &results->cells[c / 2];
            if (fig6_distance(&fig6, results, cell, c % 2, distances) != STATUS_OK)
                continue;
            for (int s = 0; s < FIG6_STAGES; s++) {
                const Distance *d = &distances[s];
                if (d->points == 0)
                    continue;
                cell_label(results, cell, label, sizeof label);
                snprintf(stage, sizeof stage, "%.0f to %.0f", d->from, d->to);
                html_row(file, label);
                html_cell(file, c % 2 ? "train" : "test");
                html_cell(file, stage);
                html_cell_number(file, d->points, 0);
                html_cell_number(file, d->ours, 2);
                html_cell_number(file, d->paper, 2);
                html_cell_number(file, d->median, 2);
                html_end_row(file);
            }
        }
        html_end_table(file);
    }
    csv_table_free(&fig6);
}

static void curves_and_distance(FILE *file, const Results *results) {
    curves_table(file, results);
    distance_table(file, results);
}

static void depth_table(FILE *file, const Results *results) {
    char label[LABEL_MAX + 16];
    html_table(file, "Final error in per cent, mean ± standard deviation over seeds",
               "net|#runs|#diverged|#test|#train|#train, clean images");
    for (int c = 0; c < results->cell_count; c++) {
        const Cell *cell = &results->cells[c];
        cell_label(results, cell, label, sizeof label);
        html_row(file, label);
        html_cell_number(file, cell->runs, 0);
        html_cell_number(file, cell->diverged, 0);
        html_cell_mean(file, cell->test_error.mean, cell->test_error.sd, 2);
        html_cell_mean(file, cell->train_error.mean, cell->train_error.sd, 2);
        html_cell_mean(file, cell->train_eval_error.mean, cell->train_eval_error.sd, 2);
        html_end_row(file);
    }
    html_end_table(file);
}

static void cost_table(FILE *file, const Results *results) {
    char label[LABEL_MAX + 16];
    html_table(file, "Cost of a run", "net|#parameters|#seconds|#energy, kJ");
    for (int c = 0; c < results->cell_count; c++) {
        const Cell *cell = &results->cells[c];
        cell_label(results, cell, label, sizeof label);
        html_row(file, label);
        html_cell_number(file, cell->parameters.mean, 0);
        html_cell_mean(file, cell->seconds.mean, cell->seconds.sd, 1);
        html_cell_mean(file, cell->energy.mean / 1e3, cell->energy.sd / 1e3, 3);
        html_end_row(file);
    }
    html_end_table(file);
}

/* Of a run's last evaluation: how many layers, and the least, mean and greatest of a number. */
static void layers_table(FILE *file, const Results *results, bool gradient) {
    char label[LABEL_MAX + 16];
    html_table(file,
               gradient ? "Norm of the gradient by layer, last evaluation"
                        : "Standard deviation of the response by layer, last evaluation",
               "net|seed|#layers|#least|#mean|#greatest");
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        double *values = malloc(((size_t)run->layer_count + 1) * sizeof *values);
        int n = 0;
        for (int i = 0; values && i < run->layer_count; i++)
            if (run->layers[i].iteration == run->layers[run->layer_count - 1].iteration)
                values[n++] = gradient ? run->layers[i].gradient_norm : run->layers[i].response_std;
        Summary s = summarize(values, n);
        free(values);
        if (s.n == 0 || run->diverged)
            continue;
        snprintf(label, sizeof label, "%s, %d layers", results->series[run->series].label,
                 run->depth);
        html_row(file, label);
        html_cell(file, run_text(results, run->row, "seed"));
        html_cell_number(file, s.n, 0);
        html_cell_number(file, s.least, 4);
        html_cell_number(file, s.mean, 4);
        html_cell_number(file, s.greatest, 4);
        html_end_row(file);
    }
    html_end_table(file);
}

static void responses_table(FILE *file, const Results *results) {
    layers_table(file, results, false);
}

static void gradients_table(FILE *file, const Results *results) {
    layers_table(file, results, true);
}

/* One kind of net a row, one depth a column. */
static void shortcuts_table(FILE *file, const Results *results) {
    char head[1024] = "net";
    for (int d = 0; d < results->depth_count && strlen(head) + 32 < sizeof head; d++)
        snprintf(head + strlen(head), sizeof head - strlen(head), "|#%d layers",
                 results->depths[d]);
    html_table(file, "Test error in per cent by shortcut, mean ± standard deviation over seeds",
               head);
    for (int s = 0; s < results->series_count; s++) {
        html_row(file, results->series[s].label);
        for (int d = 0; d < results->depth_count; d++) {
            const Cell *cell = results_cell(results, s, results->depths[d]);
            html_cell_mean(file, cell ? cell->test_error.mean : NAN,
                           cell ? cell->test_error.sd : NAN, 2);
        }
        html_end_row(file);
    }
    html_end_table(file);
}

/* ---- the figures ---- */

static const struct {
    const char *name, *title, *description;
    void (*table)(FILE *file, const Results *results);
} figures[] = {
    {"error_curves", "Learning curves: error against iterations",
     "A panel for each kind of net, a colour for each depth. Bold: test error. Dashed: running "
     "training error. With several seeds the line is their mean and the band reaches from the "
     "least to the greatest. Broad and pale, where our curves reach them: He et al. 2015, Fig. 6. "
     "The table after the figure has the numbers.",
     curves_and_distance},
    {"error_depth", "Final error against depth",
     "A colour for each kind of net. Bold: test error. Dashed: training error. With several seeds "
     "the bar is the interval of the mean (90 %) and each dot a run. The table after the figure "
     "has the numbers.",
     depth_table},
    {"cost_depth", "Time, energy and parameters against depth",
     "A colour for each kind of net; the panels show what a run took, the energy where the machine "
     "told it, and how large the net is. The table after the figure has the numbers.",
     cost_table},
    {"layer_responses", "How strongly the layers respond",
     "Standard deviation of each layer's response, in the order of the net and sorted by "
     "magnitude. The table after the figure has its range.",
     responses_table},
    {"gradient_layers", "Gradients by layer",
     "Norm of the gradient of each layer's weight at the first and at the last evaluation. The "
     "table after the figure has its range.",
     gradients_table},
};

enum { FIGURES = sizeof figures / sizeof figures[0] };

static Status put_figure(FILE *file, const Page *page, int i) {
    char path[PATH_MAX], *svg = NULL;
    Status status = STATUS_OK;
    if (snprintf(path, sizeof path, "%s/figures/%s.svg", page->dir, figures[i].name) >=
        (int)sizeof path)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", page->dir);
    if (access(path, F_OK) != 0)
        return STATUS_OK; /* nothing of its kind to draw */
    CHECK(file_read(path, &svg));
    fprintf(file, "<figure>\n<div class=\"scroll\">");
    CHECK(html_svg(file, svg, figures[i].name, figures[i].title, figures[i].description));
    fprintf(file, "</div>\n<figcaption>%s. %s</figcaption>\n", figures[i].title,
            figures[i].description);
    figures[i].table(file, &page->verdicts->results);
    fprintf(file, "</figure>\n");
out:
    free(svg);
    return status;
}

Status page_figures(FILE *file, const Page *page) {
    fprintf(file, "<section id=\"figures\">\n<h2>Figures</h2>\n");
    if (page->no_figures[0]) {
        fprintf(file, "<p>No figures: ");
        html_text(file, page->no_figures);
        fprintf(file, "</p>\n");
        depth_table(file, &page->verdicts->results);
    }
    for (int i = 0; i < FIGURES && !page->no_figures[0]; i++)
        TRY(put_figure(file, page, i));
    if (shortcuts_differ(&page->verdicts->results)) {
        fprintf(file, "<h3>Shortcuts</h3>\n");
        shortcuts_table(file, &page->verdicts->results);
    }
    fprintf(file, "</section>\n");
    return STATUS_OK;
}
