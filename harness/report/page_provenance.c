/* Where the numbers are from, and how to get them again. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/report/html.h"
#include "harness/report/page.h"
#include "harness/sweep/columns.h"

/* The distinct values of a column with the number of runs each. */
static void put_values(FILE *file, const Results *results, const char *column) {
    for (int a = 0; a < results->run_count; a++) {
        const char *cell = run_text(results, results->runs[a].row, column);
        int count = 0;
        bool seen = !*cell;
        for (int b = 0; b < results->run_count; b++) {
            bool same = strcmp(cell, run_text(results, results->runs[b].row, column)) == 0;
            seen |= same && b < a;
            count += same;
        }
        if (seen)
            continue;
        fprintf(file, "<tr><th scope=\"row\">");
        html_text(file, column);
        fprintf(file, "</th><td class=\"id\">");
        html_text(file, cell);
        fprintf(file, "</td><td class=\"n\">%d</td></tr>\n", count);
    }
}

static void put_span(FILE *file, const Results *results) {
    const char *first = "", *last = "";
    double seconds = 0;
    for (int r = 0; r < results->run_count; r++) {
        const char *started = run_text(results, results->runs[r].row, "started");
        if (*started && (!*first || strcmp(started, first) < 0))
            first = started;
        if (strcmp(started, last) > 0)
            last = started;
        if (!isnan(results->runs[r].seconds))
            seconds += results->runs[r].seconds;
    }
    fprintf(file, "<p>");
    if (*first) {
        fprintf(file, "First run started ");
        html_text(file, first);
        fprintf(file, ", last ");
        html_text(file, last);
        fprintf(file, ". ");
    }
    fprintf(file, "All runs together took %.0f s.</p>\n", seconds);
}

static void put_runs(FILE *file, const Results *results) {
    char label[LABEL_MAX + 16];
    fprintf(file, "<details><summary>Every run</summary>\n");
    html_table(file, "Runs", "net|seed|status|#test error %|#train error %|#seconds|key");
    for (int r = 0; r < results->run_count; r++) {
        const Run *run = &results->runs[r];
        snprintf(label, sizeof label, "%s, %d layers", results->series[run->series].label,
                 run->depth);
        html_row(file, label);
        html_cell(file, run_text(results, run->row, "seed"));
        html_cell(file, run_text(results, run->row, "status"));
        html_cell_number(file, run->test_error, 2);
        html_cell_number(file, run->train_error, 2);
        html_cell_number(file, run->seconds, 1);
        html_cell(file, run_text(results, run->row, "key"));
        html_end_row(file);
    }
    html_end_table(file);
    fprintf(file, "</details>\n");
}

void page_provenance(FILE *file, const Page *page) {
    static const char *const columns[] = {"commit",       "compiler",
                                          "flags",        "backend",
                                          "precision",    "threads",
                                          "device",       "isa",
                                          "libraries",    "host",
                                          "dataset",      "dataset_sha256",
                                          "init_weights", "init_weights_sha256"};
    const Results *results = &page->verdicts->results;
    fprintf(file, "<section id=\"provenance\">\n<h2>Provenance</h2>\n");
    put_span(file, results);
    html_table(file, "What the runs were made with", "what|value|#runs");
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        put_values(file, results, columns[i]);
    html_end_table(file);
    put_runs(file, results);
    fprintf(file, "</section>\n");
}

/* ---- again ---- */

/* Whether any run has another value than the default; what `iterations` or `epochs` leaves to the
 * other is not a value. */
static bool is_set(const Results *results, const Column *column) {
    for (int r = 0; r < results->run_count; r++) {
        const char *text = run_text(results, results->runs[r].row, column->name);
        if (*text && strcmp(text, column->fallback) != 0)
            return true;
    }
    return false;
}

/* Of iterations and epochs a row gives the one that decides: the other cell is empty. */
static const char *value_of(const Results *results, int row, const char *column) {
    const char *text = run_text(results, row, column);
    bool other = (strcmp(column, "iterations") == 0 && strcmp(text, "epochs") == 0) ||
                 (strcmp(column, "epochs") == 0 && strcmp(text, "iterations") == 0);
    return other ? "" : text;
}

void page_experiment(FILE *file, const Results *results) {
    int count, written = 0;
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++)
        if (is_set(results, &columns[i]))
            fprintf(file, "%s%s", written++ ? "," : "", columns[i].name);
    if (written == 0)
        fprintf(file, "seed");
    fputc('\n', file);
    for (int r = 0; r < results->run_count; r++) {
        int row = results->runs[r].row, cells = 0;
        for (int i = 0; i < count; i++) {
            if (!is_set(results, &columns[i]))
                continue;
            if (cells++)
                fputc(',', file);
            csv_put(file, value_of(results, row, columns[i].name));
        }
        fprintf(file, "%s\n", cells == 0 ? "1" : "");
    }
}

Status page_repeat(FILE *file, const Page *page) {
    const Results *results = &page->verdicts->results;
    const char *commit = run_text(results, results->runs[0].row, "commit");
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return status_fail(STATUS_NO_MEMORY, "no memory for a page");
    page_experiment(memory, results);
    if (fclose(memory) != 0) {
        free(text);
        return status_fail(STATUS_NO_MEMORY, "no memory for a page");
    }
    fprintf(file, "<section id=\"repeat\">\n<h2>How to repeat it</h2>\n<p>Build ResLab");
    if (*commit) {
        fprintf(file, " at commit ");
        html_text(file, commit);
    }
    fprintf(file, ", save these lines as <code>repeat.csv</code>, and run it. The same program on "
                  "the same kind of processor gives the same numbers but for times.</p>\n"
                  "<pre tabindex=\"0\"><code>harness run repeat.csv --out repeated\n"
                  "harness report repeated</code></pre>\n<pre tabindex=\"0\"><code>");
    html_text(file, text);
    fprintf(file, "</code></pre>\n</section>\n");
    free(text);
    return STATUS_OK;
}
