/* Selection bias: what choosing the evaluation by the test error makes of the same runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/student.h"
#include "harness/verdict/verdict.h"

/* Results written before there was a column of the last error have it where the last was chosen. */
static Status last_error(const CsvTable *csv, int row, double *value) {
    const char *select = csv_get(csv, row, "select");
    if (csv_column(csv, "last_test_error_pct") >= 0)
        return cell_number(csv, row, "last_test_error_pct", false, value);
    *value = NAN;
    return select && strcmp(select, "last") == 0
               ? cell_number(csv, row, "test_error_pct", false, value)
               : STATUS_OK;
}

static Status measure(const Results *results, const Group *group, double alpha, double *values,
                      SelectionRow *row) {
    const CsvTable *csv = &results->runs_csv;
    int n = group->count;
    double *last = values, *validation = values + n, *best = values + 2 * n,
           *optimism = values + 3 * n;
    for (int i = 0; i < n; i++) {
        const Run *run = &results->runs[group->runs[i]];
        TRY(last_error(csv, run->row, &last[i]));
        TRY(cell_number(csv, run->row, "validation_test_error_pct", false, &validation[i]));
        TRY(cell_number(csv, run->row, "best_test_error_pct", false, &best[i]));
        if (run->diverged)
            last[i] = validation[i] = best[i] = NAN;
        optimism[i] = last[i] - best[i];
    }
    snprintf(row->group, sizeof row->group, "%s", group->label);
    row->last = summarize(last, n);
    row->validation = summarize(validation, n);
    row->best = summarize(best, n);
    row->optimism = summarize(optimism, n);
    double half = student_half_width(row->optimism.n, row->optimism.sd, alpha);
    row->ci_low = row->optimism.mean - half;
    row->ci_high = row->optimism.mean + half;
    return STATUS_OK;
}

Status selection_judge(Verdicts *verdicts) {
    const Groups *groups = &verdicts->groups;
    Status status = STATUS_OK;
    double *values = calloc(4 * (size_t)verdicts->results.run_count, sizeof *values);
    verdicts->selection = calloc((size_t)groups->count, sizeof *verdicts->selection);
    if (!values || !verdicts->selection) {
        status = status_fail(STATUS_NO_MEMORY, "no memory for %d groups", groups->count);
        goto out;
    }
    for (int g = 0; g < groups->count; g++)
        CHECK(measure(&verdicts->results, &groups->items[g], verdicts->level.alpha, values,
                      &verdicts->selection[g]));
out:
    free(values);
    return status;
}
