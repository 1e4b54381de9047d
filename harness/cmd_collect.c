/* harness collect: puts the files of an output folder together from those of its runs, and
 * judges them. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/sweep/run_plan.h"
#include "harness/verdict/verdict.h"

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int help(void) {
    printf(
        "Usage: harness collect DIR\n"
        "\n"
        "Puts runs.csv, curves.csv and layers.csv of an output folder together from those of\n"
        "its runs (DIR/runs/KEY), in the order of the experiment. Then judges them: writes\n"
        "verdict.csv and selection_bias.csv and, where something is expected or claimed, prints\n"
        "the verdicts ('harness verdict'). 'harness run' does all this by itself, but with\n"
        "--only, of which many may go on at a time, on many machines. May be called at any\n"
        "time; only finished runs have rows.\n"
        "\n"
        "Exit status: 0 done, whatever the verdicts; 1 the disk failed; 2 no folder, a broken\n"
        "file.\n"
        "\n"
        "Example:\n"
        "  harness run experiments/smoke.csv --out /tmp/smoke --only 2\n"
        "  harness collect /tmp/smoke\n");
    return EXIT_DONE;
}

/* A run that failed or crashed has a row, but nothing to judge. */
static bool has_result(const Output *output, const char *key) {
    char status[32];
    output_cell(output, key, "status", status, sizeof status);
    return strcmp(status, "done") == 0 || strcmp(status, "diverged") == 0;
}

static Status collect(const char *folder) {
    Output output;
    RunPlan plan;
    int finished = 0;
    bool results = false;
    TRY(output_open_existing(folder, &output));
    TRY(run_plan_read(&output, &plan));
    Status status = STATUS_OK;
    char(*keys)[KEY_SIZE] = calloc((size_t)plan.count + 1, sizeof *keys);
    if (!keys)
        status = status_fail(STATUS_NO_MEMORY, "no memory for the keys of the runs");
    for (int i = 0; keys && i < plan.count; i++) {
        memcpy(keys[i], plan.runs[i].key, KEY_SIZE);
        finished += output_finished(&output, keys[i]);
        results = results || has_result(&output, keys[i]);
    }
    if (status == STATUS_OK)
        status = output_rebuild(&output, keys, plan.count);
    if (status == STATUS_OK)
        printf("%s/runs.csv: %d of %d runs\n", output.folder, finished, plan.count);
    if (status == STATUS_OK && results)
        status = verdicts_conclude(output.folder);
    free(keys);
    run_plan_free(&plan);
    return status;
}

int cmd_collect(int argc, char **argv) {
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
        return option == 'h' ? help() : cli_bad_option(argc, argv, option);
    if (argc - optind != 1)
        return cli_usage("collect", "an output folder is needed");
    Status status = collect(argv[optind]);
    return status == STATUS_OK ? EXIT_DONE : cli_fail(status);
}
