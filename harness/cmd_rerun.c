/* harness rerun: trains the run of a row again, from the row's own columns, and compares. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/folder.h"
#include "harness/sweep/queue.h"
#include "harness/sweep/rerun.h"

typedef struct Options {
    char *file;
    long line;
    const char *data;
    bool quiet;
} Options;

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    stop = number;
}

static const struct option long_options[] = {
    {"data", required_argument, NULL, 'd'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int help(void) {
    printf("Usage: harness rerun RUNS.csv:LINE [OPTIONS]\n"
           "\n"
           "Trains the run of a row of results again, from the row's own columns, and compares\n"
           "every column that is not volatile, and its rows of the curves.csv beside it. LINE\n"
           "counts from 1, the header. Exit code 0: the results are the same to the last digit;\n"
           "1: they are not. Another commit, compiler or processor is told, and is no difference\n"
           "in itself.\n"
           "\n"
           "  --data DIR  where the data sets are; 'harness data' says what is found\n"
           "  --quiet     no progress\n"
           "\n"
           "Example: harness rerun results/published/quickstart/runs.csv:2\n");
    return EXIT_DONE;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, Options *options) {
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (option == 'h')
            return help();
        if (option == '?' || option == ':')
            return cli_bad_option(argc, argv, option);
        if (option == 'd')
            options->data = optarg;
        options->quiet |= option == 'q';
    }
    char *colon = argc - optind == 1 ? strrchr(argv[optind], ':') : NULL;
    if (!colon || !cli_int(colon + 1, 2, 1000000000, &options->line))
        return cli_usage("rerun", "a row is needed, as in results/smoke/runs.csv:2");
    *colon = '\0';
    options->file = argv[optind];
    return -1;
}

/* ---- a folder for the while ---- */

static Status make_scratch(char *path, size_t size) {
    const char *base = getenv("TMPDIR");
    snprintf(path, size, "%s/reslab-rerun-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(path))
        return STATUS_OK;
    return status_fail(STATUS_IO, "cannot make a folder %s", path);
}

/* ---- training and comparing ---- */

static Status find_row(const CsvTable *runs, long line, int *row) {
    for (*row = 0; *row < runs->rows; ++*row)
        if (runs->lines[*row] == line)
            return STATUS_OK;
    return status_fail(STATUS_BAD_INPUT, "%s:%ld: no row begins there; the first is in line %d",
                       runs->path, line, runs->rows ? runs->lines[0] : runs->header_line + 1);
}

/* The curves.csv beside runs.csv, which may not be there. */
static void compare_curves(const char *file, const CsvTable *now, const char *key,
                           Differences *differences) {
    char path[1024];
    CsvTable before;
    const char *slash = strrchr(file, '/');
    int rows = 0, folder = slash ? (int)(slash - file) + 1 : 0;
    snprintf(path, sizeof path, "%.*s%s", folder, file, OUTPUT_CURVES);
    if (csv_read(path, &before) != STATUS_OK) {
        printf("%s is not compared: %s\n", path, status_message());
        return;
    }
    rerun_compare_curves(&before, key, now, &rows, differences);
    printf("%d row%s of %s compared\n", rows, rows == 1 ? "" : "s", path);
    csv_table_free(&before);
}

static Status compare(const Options *options, const CsvTable *runs, int row, const Sweep *sweep,
                      Differences *differences) {
    char path[OUTPUT_PATH_SIZE];
    const char *key = csv_get(runs, row, "key");
    CsvTable now;
    output_path(&sweep->output, sweep->runs[0].key, "run.csv", path);
    TRY(csv_read(path, &now));
    rerun_compare(runs, row, &now, 0, differences);
    csv_table_free(&now);
    output_path(&sweep->output, sweep->runs[0].key, OUTPUT_CURVES, path);
    TRY(csv_read(path, &now));
    compare_curves(options->file, &now, key ? key : "", differences);
    csv_table_free(&now);
    return STATUS_OK;
}

static Status train(const Options *options, const Experiment *experiment, const char *folder,
                    const CsvTable *runs, int row, Differences *differences) {
    Sweep sweep;
    SweepLogs logs = {0};
    int failed = 0;
    TRY(sweep_open(experiment, options->data, folder, NULL, &sweep));
    Status status = queue_train(&sweep, &logs, options->quiet, false, &stop, &failed);
    if (status == STATUS_OK && failed)
        status = status_fail(STATUS_BACKEND, "the run failed: %s", status_message());
    if (status == STATUS_OK)
        status = compare(options, runs, row, &sweep, differences);
    sweep_close(&sweep);
    return status;
}

static Status rerun(const Options *options, Differences *differences) {
    Experiment experiment = {0};
    CsvTable runs;
    char folder[256] = "";
    int row;
    Status status = STATUS_OK;
    TRY(csv_read(options->file, &runs));
    CHECK(find_row(&runs, options->line, &row));
    CHECK(rerun_experiment(&runs, row, &experiment));
    CHECK(make_scratch(folder, sizeof folder));
    status = train(options, &experiment, folder, &runs, row, differences);
    folder_remove(folder);
out:
    experiment_free(&experiment);
    csv_table_free(&runs);
    return status;
}

int cmd_rerun(int argc, char **argv) {
    Options options = {0};
    Differences differences = {0};
    int code = parse(argc, argv, &options);
    if (code >= 0)
        return code;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    Status status = rerun(&options, &differences);
    if (status != STATUS_OK)
        return cli_fail(status);
    if (differences.results)
        printf("%s:%ld: not the same: %d cells differ\n", options.file, options.line,
               differences.results);
    else
        printf("%s:%ld: the same to the last digit%s\n", options.file, options.line,
               differences.provenance ? ", by another program or machine" : "");
    return differences.results ? EXIT_RUN_FAILED : EXIT_DONE;
}
