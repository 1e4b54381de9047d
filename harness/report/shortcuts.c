#include "harness/report/shortcuts.h"

#include <string.h>

bool shortcuts_differ(const Results *results) {
    static const char *const columns[] = {
        "shortcut", "gate", "shortcut_scale", "residual_scale", "shortcut_dropout", "pad_side"};
    int first = -1;
    for (int r = 0; r < results->run_count; r++) {
        int row = results->runs[r].row;
        if (results->series[results->runs[r].series].plain)
            continue;
        first = first < 0 ? row : first;
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
            if (strcmp(run_text(results, row, columns[c]), run_text(results, first, columns[c])))
                return true;
    }
    return false;
}

static void put_cell(FILE *file, const Cell *cell) {
    if (cell && cell->test_error.n > 1)
        fprintf(file, " %.2f ± %.2f (%d)", cell->test_error.mean, cell->test_error.sd,
                cell->test_error.n);
    else if (cell && cell->test_error.n == 1)
        fprintf(file, " %.2f (1)", cell->test_error.mean);
    else if (cell)
        fprintf(file, " diverged");
    fprintf(file, " |");
}

void shortcuts_markdown(FILE *file, const Results *results) {
    fprintf(file, "| test error %% |");
    for (int d = 0; d < results->depth_count; d++)
        fprintf(file, " %d layers |", results->depths[d]);
    fprintf(file, " parameters |\n|---|");
    for (int d = 0; d <= results->depth_count; d++)
        fprintf(file, "--:|");
    fputc('\n', file);
    for (int s = 0; s < results->series_count; s++) {
        const Cell *deepest = NULL;
        fprintf(file, "| %s |", results->series[s].label);
        for (int d = 0; d < results->depth_count; d++) {
            const Cell *cell = results_cell(results, s, results->depths[d]);
            deepest = cell ? cell : deepest;
            put_cell(file, cell);
        }
        if (deepest && deepest->parameters.n > 0)
            fprintf(file, " %.0f", deepest->parameters.mean);
        fprintf(file, " |\n");
    }
    fprintf(file, "\nMean ± sample standard deviation over the runs that did not diverge (their "
                  "number); parameters at the greatest depth that was run. A: identity, zeros for "
                  "new channels. B: 1x1 convolution where the size changes. C: 1x1 convolution "
                  "everywhere.\n");
}
