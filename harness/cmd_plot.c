/* harness plot: tables and figures of an output folder. */
#include <getopt.h>
#include <stdio.h>

#include "harness/base/cli.h"
#include "harness/report/report.h"

static int help(void) {
    printf(
        "Usage: harness plot DIR...\n"
        "\n"
        "Makes tables and figures from DIR/runs.csv and DIR/curves.csv, as 'harness run' does at\n"
        "its end, and prints the short table. Needs gnuplot (Debian: gnuplot-nox).\n"
        "\n"
        "  table.md, table.csv   error by net and depth, the paper's value where there is one\n"
        "  shortcuts.md          error by shortcut, where shortcuts differ\n"
        "  fig6_distance.csv     how far the curves are from the paper's, where they reach them\n"
        "  claims.md, claims.csv  what a tutorial claims beside what was measured\n"
        "  figures/error_curves  error against iterations: test bold, train dashed\n"
        "  figures/error_depth   final error against depth\n"
        "  figures/cost_depth    time and parameters against depth\n"
        "\n"
        "Each figure is an SVG and a PNG; its .gp file makes it again with gnuplot alone.\n"
        "Exit status: 0 done; 1 gnuplot or the disk failed; 2 no folder, no finished run, a\n"
        "broken file, or no gnuplot.\n"
        "\n"
        "Examples:\n"
        "  harness plot results/quickstart\n"
        "  harness plot results/depth_sweep results/shortcuts\n");
    return EXIT_DONE;
}

static Status plot(const char *dir) {
    TRY(report_write(dir));
    printf("%s: table.md, table.csv, figures/\n\n", dir);
    TRY(report_print_table(stdout, dir));
    printf("\n");
    return STATUS_OK;
}

int cmd_plot(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code != 'h')
            return cli_bad_option(argc, argv, code);
        return help();
    }
    if (optind == argc)
        return cli_usage("plot", "which folder? 'harness run' printed it");
    for (int i = optind; i < argc; i++) {
        Status status = plot(argv[i]);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    return EXIT_DONE;
}
