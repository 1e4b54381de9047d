/* What was run, and what it has shown. */
#include <math.h>
#include <string.h>

#include "harness/report/html.h"
#include "harness/report/page.h"
#include "harness/report/reference.h"

/* "fashion_mnist and mnist": the distinct values of a column. */
static void distinct(const Results *results, const char *column, char *text, size_t size) {
    text[0] = '\0';
    for (int a = 0; a < results->run_count; a++) {
        const char *cell = run_text(results, results->runs[a].row, column);
        bool seen = !*cell;
        for (int b = 0; b < a && !seen; b++)
            seen = strcmp(cell, run_text(results, results->runs[b].row, column)) == 0;
        size_t used = strlen(text);
        if (!seen)
            snprintf(text + used, size - used, "%s%s", used ? " and " : "", cell);
    }
}

static void put_counts(FILE *file, const Verdicts *verdicts) {
    static const struct {
        Verdict outcome;
        const char *words;
    } kinds[] = {{REPRODUCED, "reproduced"},
                 {NOT_REPRODUCED, "not reproduced"},
                 {UNDERPOWERED, "underpowered"},
                 {INSIDE_BAND, "inside the band with a single seed"},
                 {OUTSIDE_BAND, "outside of the band with a single seed"},
                 {UNDECIDED, "undecided because runs diverged"},
                 {NOT_MEASURED, "not measured"}};
    fprintf(file, "<ul>\n");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int count = verdicts_count(verdicts, kinds[i].outcome);
        if (count > 0)
            fprintf(file, "<li><strong>%d</strong> of %d %s</li>\n", count, verdicts->count,
                    kinds[i].words);
    }
    fprintf(file, "</ul>\n");
}

void page_summary(FILE *file, const Page *page) {
    const Verdicts *verdicts = page->verdicts;
    const Results *results = &verdicts->results;
    char datasets[256], differences[1024];
    int diverged = 0;
    for (int i = 0; i < results->run_count; i++)
        diverged += results->runs[i].diverged;
    distinct(results, "dataset", datasets, sizeof datasets);
    fprintf(file, "<section id=\"summary\">\n<h2>Summary</h2>\n<p>%d run%s of %d net%s",
            results->run_count, results->run_count == 1 ? "" : "s", verdicts->groups.count,
            verdicts->groups.count == 1 ? "" : "s");
    if (datasets[0]) {
        fprintf(file, " on ");
        html_text(file, datasets);
    }
    fprintf(file, "; %d diverged", diverged);
    if (results->failed)
        fprintf(file, ", %d more failed or crashed", results->failed);
    fprintf(file, ".</p>\n");
    if (verdicts->count)
        put_counts(file, verdicts);
    else
        fprintf(file, "<p>Nothing was expected or claimed of these runs.</p>\n");
    protocol_differences(results, differences, sizeof differences);
    if (differences[0]) {
        fprintf(file, "<p class=\"soft\">The protocol is not that of He et al. 2015, section 4.2 "
                      "(its values in brackets): ");
        html_text(file, differences);
        fprintf(file, ".</p>\n");
    }
    fprintf(file, "</section>\n");
}
