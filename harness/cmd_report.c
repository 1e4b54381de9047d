/* harness report: an output folder as one page. */
#include <getopt.h>
#include <stdio.h>

#include "harness/base/cli.h"
#include "harness/report/page.h"
#include "harness/sweep/values.h"

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

static bool share(const char *text, double high, double *value) {
    return value_real(text, value) && *value > 0 && *value < high;
}

int cmd_report(int argc, char **argv) {
    static const struct option options[] = {{"alpha", required_argument, NULL, 'a'},
                                            {"power", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    Level level = LEVEL_DEFAULT;
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code == 'h')
            return help();
        if (code == '?' || code == ':')
            return cli_bad_option(argc, argv, code);
        if (code == 'a' && !share(optarg, 0.5, &level.alpha))
            return cli_usage("report", "--alpha '%s': expected a number between 0 and 0.5", optarg);
        if (code == 'p' && !share(optarg, 1, &level.power))
            return cli_usage("report", "--power '%s': expected a number between 0 and 1", optarg);
    }
    if (optind == argc)
        return cli_usage("report", "which folder? 'harness run' printed it");
    for (int i = optind; i < argc; i++) {
        Status status = report(argv[i], level);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    return EXIT_DONE;
}
