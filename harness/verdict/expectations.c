/* Expectations: one group against a number. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/expect.h"
#include "harness/verdict/verdict.h"

static int run_of_key(const Results *results, const char *key) {
    for (int r = 0; r < results->run_count; r++)
        if (strcmp(run_text(results, results->runs[r].row, "key"), key) == 0)
            return r;
    return -1;
}

/* A run that was left out for its repeated seed belongs to no group. */
static const Group *group_of_run(const Groups *groups, int run) {
    for (int g = 0; g < groups->count; g++)
        for (int i = 0; i < groups->items[g].count; i++)
            if (groups->items[g].runs[i] == run)
                return &groups->items[g];
    return NULL;
}

static Status read_row(const CsvTable *table, int row, VerdictRow *out) {
    const char *metric = csv_get(table, row, "metric"), *source = csv_get(table, row, "source");
    *out = (VerdictRow){.relation = "=", .method = ONE_SAMPLE};
    if (!metric || !columns_is_metric(metric))
        return status_fail(STATUS_BAD_INPUT, "%s:%d: column 'metric' is no metric: '%.40s'",
                           table->path, table->lines[row], metric ? metric : "missing");
    TRY(cell_number(table, row, "expect", true, &out->target));
    TRY(cell_number(table, row, "tolerance", true, &out->margin));
    if (!(out->margin > 0))
        return status_fail(STATUS_BAD_INPUT, "%s:%d: column 'tolerance' is not above 0",
                           table->path, table->lines[row]);
    snprintf(out->metric, sizeof out->metric, "%s", metric);
    snprintf(out->source, sizeof out->source, "%s", source ? source : "");
    out->band = (Band){out->target - out->margin, out->target + out->margin};
    return STATUS_OK;
}

/* Seeds of one group carry the same expectation: it is judged once. */
static bool known(const Verdicts *verdicts, const VerdictRow *row) {
    for (int i = 0; i < verdicts->count; i++) {
        const VerdictRow *other = &verdicts->rows[i];
        if (strcmp(other->left, row->left) == 0 && strcmp(other->metric, row->metric) == 0 &&
            strcmp(other->source, row->source) == 0 && other->target == row->target &&
            other->margin == row->margin)
            return true;
    }
    return false;
}

static Status judge(const Results *results, const Group *group, Level level, VerdictRow *row) {
    MetricSample sample;
    TRY(sample_take(results, group, row->metric, &sample));
    row->left_sample = summarize(sample.values, sample.count);
    sample_free(&sample);
    row->estimate = estimate_mean(&row->left_sample);
    row->decision = decide(&row->estimate, row->band, level);
    if (group->diverged > 0) /* the mean of the survivors would flatter */
        row->decision.outcome = NOT_REPRODUCED;
    return STATUS_OK;
}

static Status judge_row(const CsvTable *table, int row, Verdicts *verdicts) {
    VerdictRow out;
    const char *key = csv_get(table, row, "key");
    TRY(read_row(table, row, &out));
    int run = key ? run_of_key(&verdicts->results, key) : -1;
    if (run < 0) {
        verdicts->unfinished++;
        return STATUS_OK;
    }
    const Group *group = group_of_run(&verdicts->groups, run);
    if (!group)
        return STATUS_OK;
    snprintf(out.left, sizeof out.left, "%s", group->label);
    if (known(verdicts, &out))
        return STATUS_OK;
    out.runs = group->count;
    out.diverged = group->diverged;
    out.repeated = group->repeated;
    TRY(judge(&verdicts->results, group, verdicts->level, &out));
    return verdicts_add(verdicts, &out);
}

Status expectations_judge(const char *dir, Verdicts *verdicts) {
    char path[PATH_MAX];
    CsvTable table;
    Status status = STATUS_OK;
    if (snprintf(path, sizeof path, "%s/expectations.csv", dir) >= (int)sizeof path)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", dir);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return STATUS_OK;
    TRY(csv_read(path, &table));
    for (int row = 0; row < table.rows; row++)
        CHECK(judge_row(&table, row, verdicts));
out:
    csv_table_free(&table);
    return status;
}
