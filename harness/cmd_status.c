/* harness status: how far a sweep is. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/sweep/progress.h"
#include "harness/sweep/progress_of.h"

/* What the runs so far say about those to come. */
typedef struct Totals {
    int count[RUN_STATES];
    double work_timed, seconds; /* floating-point operations that took these seconds */
    double work_left;
} Totals;

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int help(void) {
    printf(
        "Usage: harness status DIR\n"
        "\n"
        "How far the sweep in an output folder is: for each run of the last 'harness run'\n"
        "whether it is done, diverged, failed, crashed, running, stopped (the same command goes\n"
        "on) or left, with the iterations done as its evaluations and checkpoints tell; then\n"
        "how many of each, and the time to go at the pace so far. Disturbs nothing that is\n"
        "running, on whatever machine.\n"
        "\n"
        "Example: harness status results/depth_sweep\n");
    return EXIT_DONE;
}

static void add(Totals *totals, const PlannedRun *run, const RunProgress *progress) {
    double part = run->iterations ? (double)progress->iteration / (double)run->iterations : 0;
    totals->count[progress->state]++;
    if (progress->seconds > 0 && part > 0) {
        totals->work_timed += part * run->work;
        totals->seconds += progress->seconds;
    }
    if (progress->state >= RUN_RUNNING)
        totals->work_left += (1 - part) * run->work;
}

static void print_totals(const Totals *totals) {
    char time[32];
    int beside = totals->count[RUN_RUNNING] ? totals->count[RUN_RUNNING] : 1;
    int left = totals->count[RUN_STOPPED] + totals->count[RUN_LEFT];
    printf("\n%d done, %d diverged, %d failed, %d running, %d left", totals->count[RUN_DONE],
           totals->count[RUN_DIVERGED], totals->count[RUN_FAILED], totals->count[RUN_RUNNING],
           left);
    if (totals->work_left > 0 && totals->work_timed > 0) {
        format_duration(totals->work_left / totals->work_timed * totals->seconds / beside, time,
                        sizeof time);
        printf("; about %s to go%s", time, totals->count[RUN_RUNNING] ? "" : " once it goes on");
    } else if (totals->work_left > 0) {
        printf("; nothing yet to tell the time by");
    }
    printf("\n");
}

static Status print_status(const char *folder) {
    Output output;
    RunPlan plan;
    Totals totals = {0};
    TRY(output_open_existing(folder, &output));
    TRY(run_plan_read(&output, &plan));
    printf("%4s  %-28s %-9s %21s  %s\n", "run", "net", "state", "iterations", "key");
    for (int i = 0; i < plan.count; i++) {
        const PlannedRun *run = &plan.runs[i];
        RunProgress progress = progress_of(&output, run);
        add(&totals, run, &progress);
        printf("%4d  %-28s %-9s %10lld/%-10lld  %s\n", i + 1, run->title, progress.word,
               (long long)progress.iteration, (long long)run->iterations, run->key);
    }
    print_totals(&totals);
    run_plan_free(&plan);
    return STATUS_OK;
}

int cmd_status(int argc, char **argv) {
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
        return option == 'h' ? help() : cli_bad_option(argc, argv, option);
    if (argc - optind != 1)
        return cli_usage("status", "an output folder is needed");
    Status status = print_status(argv[optind]);
    return status == STATUS_OK ? EXIT_DONE : cli_fail(status);
}
