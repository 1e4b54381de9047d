/* Expectations, claims, selection bias. */
#include <math.h>
#include <string.h>

#include "harness/report/html.h"
#include "harness/report/page.h"

/* A sign, too: colour alone tells nothing on paper and to some readers. */
static void put_verdict(FILE *file, const VerdictRow *row) {
    static const char *const classes[] = {
        [NOT_MEASURED] = "open", [INSIDE_BAND] = "open",   [OUTSIDE_BAND] = "open",
        [REPRODUCED] = "good",   [NOT_REPRODUCED] = "bad", [UNDERPOWERED] = "open",
        [UNDECIDED] = "open"};
    char words[128];
    Verdict outcome = row->decision.outcome;
    verdict_words(row, words, sizeof words);
    fprintf(file, "<td class=\"v %s\">%s ", classes[outcome],
            outcome == REPRODUCED       ? "✓"
            : outcome == NOT_REPRODUCED ? "✗"
                                        : "?");
    html_text(file, words);
    fprintf(file, "</td>");
}

static void put_interval(FILE *file, double low, double high) {
    fprintf(file, "<td class=\"n\">");
    if (isinf(low) && !isnan(high))
        fprintf(file, "below %.2f", high);
    else if (isinf(high) && !isnan(low))
        fprintf(file, "above %.2f", low);
    else if (!isnan(low) && !isnan(high))
        fprintf(file, "%.2f to %.2f", low, high);
    fprintf(file, "</td>");
}

/* A group, and below it where the expectation is from. */
static void put_group(FILE *file, const VerdictRow *row) {
    fprintf(file, "<tr><th scope=\"row\" class=\"long\">");
    html_text(file, row->left);
    if (row->source[0]) {
        fprintf(file, "<br><span class=\"soft\">");
        html_text(file, row->source);
        fprintf(file, "</span>");
    }
    fprintf(file, "</th>");
}

static int count(const Verdicts *verdicts, bool claims) {
    int n = 0;
    for (int i = 0; i < verdicts->count; i++)
        n += verdicts->rows[i].is_claim == claims;
    return n;
}

static void put_expectations(FILE *file, const Verdicts *verdicts) {
    html_table(file, "Expectations, by group over seeds",
               "group|verdict|metric|#n|#mean ± sd|#interval of the mean|#expected band|#best|"
               "#worst");
    for (int i = 0; i < verdicts->count; i++) {
        const VerdictRow *row = &verdicts->rows[i];
        const Summary *s = &row->left_sample;
        if (row->is_claim)
            continue;
        put_group(file, row);
        put_verdict(file, row);
        html_cell(file, row->metric);
        html_cell_number(file, s->n, 0);
        html_cell_mean(file, s->mean, s->sd, 2);
        put_interval(file, row->decision.ci_low, row->decision.ci_high);
        put_interval(file, row->band.low, row->band.high);
        html_cell_number(file, s->least, 2);
        html_cell_number(file, s->greatest, 2);
        html_end_row(file);
    }
    html_end_table(file);
}

/* The claim in its own words, then what was compared: "test_error_pct: family=plain depth=56 >
 * family=plain depth=20, margin 0.5", and where it is from. */
static void put_claim(FILE *file, const VerdictRow *row) {
    fprintf(file, "<tr><th scope=\"row\" class=\"long\">");
    html_text(file, row->claim);
    fprintf(file, "<br><span class=\"soft\">");
    html_text(file, row->metric);
    fprintf(file, ": ");
    html_text(file, row->left);
    fprintf(file, " ");
    html_text(file, row->relation);
    fprintf(file, " ");
    html_text(file, row->right);
    if (row->margin > 0)
        fprintf(file, ", margin %g", row->margin);
    if (row->source[0]) {
        fprintf(file, "<br>");
        html_text(file, row->source);
    }
    fprintf(file, "</span></th>");
}

static void put_claims(FILE *file, const Verdicts *verdicts) {
    html_table(file, "Claims, one group against another",
               "claim|verdict|#left|#right|#difference|#its interval|#claimed band|compared");
    for (int i = 0; i < verdicts->count; i++) {
        const VerdictRow *row = &verdicts->rows[i];
        char method[64];
        if (!row->is_claim)
            continue;
        put_claim(file, row);
        put_verdict(file, row);
        html_cell_mean(file, row->left_sample.mean, row->left_sample.sd, 2);
        html_cell_mean(file, row->right_sample.mean, row->right_sample.sd, 2);
        html_cell_number(file, row->estimate.value, 2);
        put_interval(file, row->decision.ci_low, row->decision.ci_high);
        put_interval(file, row->band.low, row->band.high);
        snprintf(method, sizeof method, "%s, n %d and %d", method_name(row->method),
                 row->left_sample.n, row->right_sample.n);
        html_cell(file, method);
        html_end_row(file);
    }
    html_end_table(file);
}

static void put_selection(FILE *file, const Verdicts *verdicts) {
    fprintf(
        file,
        "<h3>Selection bias</h3>\n<p>Test error in per cent of the same runs by three rules: at "
        "the last evaluation; at the one with the least error on images held back from "
        "training (where some were); at the one with the least test error itself. Optimism is "
        "last minus best on test: what choosing by the test images adds without any better "
        "training.</p>\n");
    html_table(file, "Test error by the choice of the evaluation",
               "group|#n|#last|#best on validation|#best on test|#optimism|#its interval");
    for (int g = 0; g < verdicts->groups.count; g++) {
        const SelectionRow *row = &verdicts->selection[g];
        if (row->last.n + row->best.n == 0)
            continue;
        html_row(file, row->group);
        html_cell_number(file, row->last.n, 0);
        html_cell_mean(file, row->last.mean, row->last.sd, 2);
        html_cell_mean(file, row->validation.mean, row->validation.sd, 2);
        html_cell_mean(file, row->best.mean, row->best.sd, 2);
        html_cell_number(file, row->optimism.mean, 2);
        put_interval(file, row->ci_low, row->ci_high);
        html_end_row(file);
    }
    html_end_table(file);
}

void page_verdicts(FILE *file, const Page *page) {
    const Verdicts *verdicts = page->verdicts;
    const Level *level = &verdicts->level;
    fprintf(file, "<section id=\"verdicts\">\n<h2>Verdicts</h2>\n");
    if (verdicts->count)
        fprintf(file,
                "<p>Reproduced: the interval of %g %% lies within the band, by two one-sided t "
                "tests at level %g. Not reproduced: it lies outside, or a run of the group "
                "diverged. Underpowered: neither; so many more seeds would decide with a chance of "
                "%g %% if the mean and the deviation stayed as they are. One seed decides "
                "nothing.</p>\n",
                100 * (1 - 2 * level->alpha), level->alpha, 100 * level->power);
    if (count(verdicts, false))
        put_expectations(file, verdicts);
    if (count(verdicts, true))
        put_claims(file, verdicts);
    if (verdicts->unfinished)
        fprintf(file, "<p>%d run%s with an expectation: not finished.</p>\n", verdicts->unfinished,
                verdicts->unfinished == 1 ? "" : "s");
    put_selection(file, verdicts);
    fprintf(file, "</section>\n");
}
