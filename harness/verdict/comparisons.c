/* Claims: one group against another. */
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/expect.h"
#include "harness/sweep/values.h"
#include "harness/verdict/selector.h"
#include "harness/verdict/verdict.h"

/* Which differences left - right a relation allows, by the margin m. */
static const struct {
    const char *sign;
    double low, high; /* factors of m, or infinite */
} relations[] = {
    {">", 1, INFINITY},   {">=", -1, INFINITY}, {"<", -INFINITY, -1},
    {"<=", -INFINITY, 1}, {"=", -1, 1},
};

enum { RELATIONS = sizeof relations / sizeof relations[0] };

/* Puts "file:line:position: column: " in front of the recorded message. */
static Status blame(const CsvTable *table, int row, const char *column, Status status) {
    int at = csv_column(table, column);
    return status_context(status, "%s:%d:%d: %s", table->path, table->lines[row],
                          table->positions[row][at < 0 ? 0 : at], column);
}

static Status copy_text(const CsvTable *table, int row, const char *column, char *text,
                        size_t size) {
    const char *cell = csv_get(table, row, column);
    if (cell && strlen(cell) >= size)
        return blame(table, row, column,
                     status_fail(STATUS_BAD_INPUT, "longer than %zu bytes", size - 1));
    snprintf(text, size, "%s", cell ? cell : "");
    return STATUS_OK;
}

/* 0 times an infinite factor would be no number; nobody wants to read "below -0". */
static double end_of(double factor, double margin) {
    return isinf(factor) ? factor : factor * margin + 0.0;
}

static Status read_relation(const CsvTable *table, int row, VerdictRow *out) {
    const char *margin = csv_get(table, row, "margin"), *sign = csv_get(table, row, "relation");
    if (margin && *margin && (!value_real(margin, &out->margin) || out->margin < 0))
        return blame(table, row, "margin",
                     status_fail(STATUS_BAD_INPUT, "'%s' is no number from 0", margin));
    for (int i = 0; i < RELATIONS; i++) {
        if (strcmp(sign, relations[i].sign) != 0)
            continue;
        if (i == RELATIONS - 1 && !(out->margin > 0))
            return blame(table, row, "margin",
                         status_fail(STATUS_BAD_INPUT,
                                     "'=' needs one above 0: how far apart is still equal"));
        snprintf(out->relation, sizeof out->relation, "%s", sign);
        out->band =
            (Band){end_of(relations[i].low, out->margin), end_of(relations[i].high, out->margin)};
        return STATUS_OK;
    }
    return blame(table, row, "relation",
                 status_fail(STATUS_BAD_INPUT, "'%s' is none of > >= < <= =", sign));
}

static Status read_claim(const CsvTable *table, int row, VerdictRow *out, Selector sides[2]) {
    static const char *const names[] = {"left", "right"};
    *out = (VerdictRow){.is_claim = true};
    TRY(copy_text(table, row, "claim", out->claim, sizeof out->claim));
    TRY(copy_text(table, row, "source", out->source, sizeof out->source));
    TRY(copy_text(table, row, "left", out->left, sizeof out->left));
    TRY(copy_text(table, row, "right", out->right, sizeof out->right));
    if (!columns_is_metric(csv_get(table, row, "metric")))
        return blame(table, row, "metric",
                     status_fail(STATUS_BAD_INPUT, "'%s' is no metric of runs.csv",
                                 csv_get(table, row, "metric")));
    TRY(copy_text(table, row, "metric", out->metric, sizeof out->metric));
    TRY(read_relation(table, row, out));
    for (int i = 0; i < 2; i++) {
        Status status = selector_parse(csv_get(table, row, names[i]), &sides[i]);
        if (status != STATUS_OK)
            return blame(table, row, names[i], status);
    }
    return STATUS_OK;
}

static Status check_header(const CsvTable *table) {
    static const char *const needed[] = {"claim", "metric", "left",  "relation",
                                         "right", "margin", "source"};
    enum { NEEDED = sizeof needed / sizeof needed[0] };
    for (int i = 0; i < NEEDED; i++)
        if (csv_column(table, needed[i]) < 0)
            return status_fail(STATUS_BAD_INPUT, "%s:%d: no column '%s'", table->path,
                               table->header_line, needed[i]);
    if (table->columns > NEEDED)
        return status_fail(STATUS_BAD_INPUT,
                           "%s:%d: more columns than claim, metric, left, relation, right, margin, "
                           "source",
                           table->path, table->header_line);
    return STATUS_OK;
}

/* ---- judging ---- */

static const double *value_of_seed(const MetricSample *sample, const char *seed) {
    for (int i = 0; i < sample->count; i++)
        if (strcmp(sample->seeds[i], seed) == 0)
            return &sample->values[i];
    return NULL;
}

/* Pairs when both sides have the same seeds, else two independent samples: README.md says why. */
static void compare(const MetricSample *left, const MetricSample *right, VerdictRow *row) {
    double differences[512];
    int pairs = 0;
    row->left_sample = summarize(left->values, left->count);
    row->right_sample = summarize(right->values, right->count);
    for (int i = 0; i < left->count && i < 512; i++) {
        const double *partner = value_of_seed(right, left->seeds[i]);
        if (partner)
            differences[pairs++] = left->values[i] - *partner;
    }
    row->method = pairs == left->count && pairs == right->count && pairs > 0 ? PAIRED : WELCH;
    if (row->method == PAIRED) {
        Summary summary = summarize(differences, pairs);
        row->estimate = estimate_mean(&summary);
    } else {
        row->estimate = estimate_difference(&row->left_sample, &row->right_sample);
    }
}

static Status choose(const CsvTable *table, int line, const char *column, const Results *results,
                     const Selector *selector, Groups *group) {
    bool *take = calloc((size_t)results->run_count, sizeof *take);
    if (!take)
        return status_fail(STATUS_NO_MEMORY, "no memory for a choice of runs");
    for (int r = 0; r < results->run_count; r++)
        take[r] = selector_holds(selector, results, r);
    Status status = group_select(results, take, group);
    free(take);
    return status == STATUS_OK ? status : blame(table, line, column, status);
}

static Status judge_groups(const Results *results, const Group *left, const Group *right,
                           Level level, VerdictRow *row) {
    MetricSample a = {0}, b = {0};
    Status status = STATUS_OK;
    row->runs = left->count + right->count;
    row->diverged = left->diverged + right->diverged;
    row->repeated = left->repeated + right->repeated;
    CHECK(sample_take(results, left, row->metric, &a));
    CHECK(sample_take(results, right, row->metric, &b));
    compare(&a, &b, row);
    row->decision = decide(&row->estimate, row->band, level);
    if (row->diverged > 0)
        row->decision.outcome = UNDECIDED;
out:
    sample_free(&a);
    sample_free(&b);
    return status;
}

static Status judge_row(const CsvTable *table, int line, Verdicts *verdicts) {
    VerdictRow row;
    Selector sides[2];
    Groups left = {0}, right = {0};
    Status status = STATUS_OK;
    const Results *results = &verdicts->results;
    CHECK(read_claim(table, line, &row, sides));
    CHECK(choose(table, line, "left", results, &sides[0], &left));
    CHECK(choose(table, line, "right", results, &sides[1], &right));
    if (left.items[0].count && right.items[0].count &&
        left.items[0].runs[0] == right.items[0].runs[0])
        CHECK(blame(table, line, "right",
                    status_fail(STATUS_BAD_INPUT, "the same runs as the left side")));
    CHECK(judge_groups(results, &left.items[0], &right.items[0], verdicts->level, &row));
    CHECK(verdicts_add(verdicts, &row));
out:
    groups_free(&left);
    groups_free(&right);
    return status;
}

Status claims_check(const char *path) {
    CsvTable table;
    VerdictRow row;
    Selector sides[2];
    Status status = STATUS_OK;
    TRY(csv_read(path, &table));
    CHECK(check_header(&table));
    for (int line = 0; line < table.rows; line++)
        CHECK(read_claim(&table, line, &row, sides));
out:
    csv_table_free(&table);
    return status;
}

static Status judge_file(const char *path, Verdicts *verdicts) {
    CsvTable table;
    Status status = STATUS_OK;
    TRY(csv_read(path, &table));
    CHECK(check_header(&table));
    for (int line = 0; line < table.rows; line++)
        CHECK(judge_row(&table, line, verdicts));
out:
    csv_table_free(&table);
    return status;
}

static int is_claims(const struct dirent *entry) {
    static const char ending[] = ".claims.csv";
    size_t length = strlen(entry->d_name), tail = sizeof ending - 1;
    return entry->d_name[0] != '.' && length > tail &&
           strcmp(entry->d_name + length - tail, ending) == 0;
}

Status claims_judge(const char *dir, Verdicts *verdicts) {
    struct dirent **entries;
    char path[PATH_MAX];
    Status status = STATUS_OK;
    int count = scandir(dir, &entries, is_claims, alphasort);
    if (count < 0)
        return status_fail(STATUS_IO, "%s cannot be read", dir);
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK &&
            snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name) >= (int)sizeof path)
            status = status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", dir);
        else if (status == STATUS_OK)
            status = judge_file(path, verdicts);
        free(entries[i]);
    }
    free(entries);
    return status;
}
