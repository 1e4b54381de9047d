/* harness report: an output folder as one page. */
#include <stdio.h>

#include "harness/base/cli.h"
#include "harness/judged_folders.h"
#include "harness/report/page.h"

static int help(void) {
    printf(
        "Usage: harness report DIR... [OPTIONS]\n"
        "\n"
        "Writes DIR/report.html, one page that needs no other file, no network and no scripts:\n"
        "summary, verdicts ('harness verdict'), figures and learning curves ('harness plot'),\n"
        "each with its numbers as a table, layers, provenance, and an experiment that repeats\n"
        "the runs. It reads well on a phone, in print, by day and by night. The tables, figures\n"
        "and verdict.csv of DIR are made anew; without gnuplot the page has no figures.\n"
        "\n"
        "  --alpha X   chance of a wrong verdict, each; default 0.05 (intervals of 90 %%)\n"
        "  --power X   chance of a verdict that the number of seeds is planned for; default "
        "0.8\n"
        "\n"
        "Exit status: 0 written; 1 gnuplot or the disk failed; 2 no folder, no finished run, a\n"
        "broken file.\n"
        "\n"
        "Examples:\n"
        "  harness report results/quickstart\n"
        "  harness report results/depth_sweep results/shortcuts --alpha 0.01\n");
    return EXIT_DONE;
}

static Status report(const char *dir, Level level) {
    bool figures = false;
    TRY(page_write(dir, level, &figures));
    if (!figures)
        fprintf(stderr, "harness: no figures: %s\n", status_message());
    printf("%s/report.html\n", dir);
    return STATUS_OK;
}

int cmd_report(int argc, char **argv) {
    return judged_folders(argc, argv, help, report);
}
