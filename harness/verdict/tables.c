/* verdict.csv and selection_bias.csv; the same for a terminal. */
#include <math.h>
#include <string.h>

#include "harness/verdict/verdict.h"

/* ---- CSV ---- */

static void put_text(FILE *file, const char *text) {
    fputc(',', file);
    csv_put(file, text);
}

static void put_number(FILE *file, double value) {
    fputc(',', file);
    if (!isnan(value) && !isinf(value))
        fprintf(file, "%.10g", value);
}

static void put_sample(FILE *file, const Summary *sample) {
    fprintf(file, ",%d", sample->n);
    put_number(file, sample->mean);
    put_number(file, sample->sd);
    put_number(file, sample->least);
    put_number(file, sample->greatest);
}

static void put_decision(FILE *file, const VerdictRow *row) {
    char words[128];
    const Decision *d = &row->decision;
    put_number(file, d->ci_low);
    put_number(file, d->ci_high);
    put_number(file, row->band.low);
    put_number(file, row->band.high);
    put_number(file, d->p);
    put_text(file, row->is_claim ? method_name(row->method) : method_name(ONE_SAMPLE));
    verdict_words(row, words, sizeof words);
    put_text(file, words);
    put_number(file, d->outcome == UNDERPOWERED ? d->more : NAN);
}

void verdicts_csv(FILE *file, const Verdicts *verdicts) {
    fprintf(file, "kind,claim,metric,left,relation,right,expect,tolerance,n,mean,sd,best,worst,"
                  "right_n,right_mean,right_sd,right_best,right_worst,effect,ci_low,ci_high,"
                  "band_low,band_high,p,method,verdict,more_seeds,runs,diverged,repeated,source\n");
    for (int i = 0; i < verdicts->count; i++) {
        const VerdictRow *row = &verdicts->rows[i];
        fputs(row->is_claim ? "claim" : "expectation", file);
        put_text(file, row->claim);
        put_text(file, row->metric);
        put_text(file, row->left);
        put_text(file, row->relation);
        put_text(file, row->right);
        put_number(file, row->is_claim ? NAN : row->target);
        put_number(file, row->margin);
        put_sample(file, &row->left_sample);
        if (row->is_claim)
            put_sample(file, &row->right_sample);
        else
            fputs(",,,,,", file);
        put_number(file, row->estimate.value - row->target);
        put_decision(file, row);
        fprintf(file, ",%d,%d,%d", row->runs, row->diverged, row->repeated);
        put_text(file, row->source);
        fputc('\n', file);
    }
}

void selection_csv(FILE *file, const Verdicts *verdicts) {
    fprintf(file, "group,last_n,last,last_sd,last_best,last_worst,validation_n,validation,"
                  "validation_sd,validation_best,validation_worst,best_test_n,best_test,"
                  "best_test_sd,best_test_best,best_test_worst,optimism,ci_low,ci_high\n");
    for (int g = 0; g < verdicts->groups.count; g++) {
        const SelectionRow *row = &verdicts->selection[g];
        csv_put(file, row->group);
        put_sample(file, &row->last);
        put_sample(file, &row->validation);
        put_sample(file, &row->best);
        put_number(file, row->optimism.mean);
        put_number(file, row->ci_low);
        put_number(file, row->ci_high);
        fputc('\n', file);
    }
}

/* ---- terminal ---- */

static void print_number(FILE *file, double value, int width) {
    if (isnan(value))
        fprintf(file, "  %*s", width, "");
    else
        fprintf(file, "  %*.2f", width, value);
}

static void print_interval(FILE *file, double low, double high) {
    char text[64] = "", ends[2][24];
    const double values[] = {low, high};
    for (int i = 0; i < 2; i++)
        snprintf(ends[i], sizeof ends[i], isinf(values[i]) ? "%.0f" : "%.2f", values[i]);
    if (!isnan(low))
        snprintf(text, sizeof text, "%s to %s", ends[0], ends[1]);
    fprintf(file, "  %18s", text);
}

static int widest(const Verdicts *verdicts) {
    int width = 5;
    for (int g = 0; g < verdicts->groups.count; g++) {
        int length = (int)strlen(verdicts->groups.items[g].label);
        width = length > width ? length : width;
    }
    return width;
}

static void print_expectations(FILE *file, const Verdicts *verdicts) {
    int width = widest(verdicts);
    bool any = false;
    for (int i = 0; i < verdicts->count; i++) {
        const VerdictRow *row = &verdicts->rows[i];
        char words[128];
        if (row->is_claim)
            continue;
        if (!any)
            fprintf(file, "%-*s  %-20s  %3s  %8s  %8s  %18s  %8s  %8s  %18s  %s\n", width,
                    "expectation of", "metric", "n", "mean", "sd", "interval", "best", "worst",
                    "band", "verdict");
        any = true;
        verdict_words(row, words, sizeof words);
        fprintf(file, "%-*s  %-20s  %3d", width, row->left, row->metric, row->left_sample.n);
        print_number(file, row->left_sample.mean, 8);
        print_number(file, row->left_sample.sd, 8);
        print_interval(file, row->decision.ci_low, row->decision.ci_high);
        print_number(file, row->left_sample.least, 8);
        print_number(file, row->left_sample.greatest, 8);
        print_interval(file, row->band.low, row->band.high);
        fprintf(file, "  %s\n", words);
    }
    if (any)
        fputc('\n', file);
}

/* The file is data: what a terminal would obey is shown as '?'. */
static void print_text(FILE *file, const char *text) {
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, file);
}

static void print_side(FILE *file, const Summary *sample) {
    if (sample->n > 0)
        fprintf(file, "%.2f (n=%d)", sample->mean, sample->n);
    else
        fprintf(file, "nothing (n=0)");
}

static void print_difference(FILE *file, const VerdictRow *row) {
    fprintf(file, "  ");
    print_side(file, &row->left_sample);
    fprintf(file, " against ");
    print_side(file, &row->right_sample);
    if (!isnan(row->estimate.value))
        fprintf(file, "; difference %.2f", row->estimate.value);
    if (!isnan(row->decision.ci_low))
        fprintf(file, ", interval %.2f to %.2f, %s", row->decision.ci_low, row->decision.ci_high,
                method_name(row->method));
    fputc('\n', file);
}

static void print_claims(FILE *file, const Verdicts *verdicts) {
    for (int i = 0; i < verdicts->count; i++) {
        const VerdictRow *row = &verdicts->rows[i];
        char words[128];
        if (!row->is_claim)
            continue;
        verdict_words(row, words, sizeof words);
        fprintf(file, "claim: ");
        print_text(file, row->claim);
        fprintf(file, "\n  %s: ", row->metric);
        print_text(file, row->left);
        fprintf(file, " %s ", row->relation);
        print_text(file, row->right);
        if (row->margin > 0)
            fprintf(file, ", margin %g", row->margin);
        fputc('\n', file);
        print_difference(file, row);
        fprintf(file, "  %s\n\n", words);
    }
}

static void print_selection(FILE *file, const Verdicts *verdicts) {
    int width = widest(verdicts);
    width = width > 25 ? width : 25;
    fprintf(file, "%-*s  %3s  %8s  %13s  %12s  %8s  %18s\n", width, "test error % by choice of",
            "n", "last", "on validation", "on test", "optimism", "interval");
    for (int g = 0; g < verdicts->groups.count; g++) {
        const SelectionRow *row = &verdicts->selection[g];
        fprintf(file, "%-*s  %3d", width, row->group, row->last.n);
        print_number(file, row->last.mean, 8);
        print_number(file, row->validation.mean, 13);
        print_number(file, row->best.mean, 12);
        print_number(file, row->optimism.mean, 8);
        print_interval(file, row->ci_low, row->ci_high);
        fputc('\n', file);
    }
}

static void print_summary(FILE *file, const Verdicts *verdicts) {
    if (verdicts->unfinished)
        fprintf(file, "%d run%s with an expectation: not finished\n", verdicts->unfinished,
                verdicts->unfinished == 1 ? "" : "s");
    int reproduced = verdicts_count(verdicts, REPRODUCED);
    int not_reproduced = verdicts_count(verdicts, NOT_REPRODUCED);
    int underpowered = verdicts_count(verdicts, UNDERPOWERED);
    int rest = verdicts->count - reproduced - not_reproduced - underpowered;
    if (verdicts->count)
        fprintf(file,
                "%d verdict%s: %d reproduced, %d not, %d underpowered, %d without enough runs. "
                "Intervals: %g %%; each verdict errs with a chance of up to %g %%.\n",
                verdicts->count, verdicts->count == 1 ? "" : "s", reproduced, not_reproduced,
                underpowered, rest, 100 * (1 - 2 * verdicts->level.alpha),
                100 * verdicts->level.alpha);
    else
        fprintf(file, "Nothing is expected or claimed of these runs: experiments/README.md says "
                      "how to.\n");
}

void verdicts_print(FILE *file, const Verdicts *verdicts) {
    print_expectations(file, verdicts);
    print_claims(file, verdicts);
    print_selection(file, verdicts);
    fputc('\n', file);
    print_summary(file, verdicts);
}

void verdicts_print_verdicts(FILE *file, const Verdicts *verdicts) {
    print_expectations(file, verdicts);
    print_claims(file, verdicts);
    print_summary(file, verdicts);
}
