/* harness slurm: an experiment as jobs of a Slurm cluster. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/paths.h"
#include "harness/sweep/slurm.h"

enum { OPTIONS_MAX = 64 };

typedef struct List {
    const char *words[OPTIONS_MAX];
    int count;
} List;

typedef struct Options {
    const char *file, *rows, *out;
    List sets, sbatch, array_sbatch;
    char threads[32]; /* "threads=N" */
    SlurmPlan plan;
    bool submit;
} Options;

static int help(void) {
    printf(
        "Usage: harness slurm FILE.csv [OPTIONS] [-- RUN-OPTIONS]\n"
        "\n"
        "Writes jobs for a Slurm cluster into DIR/slurm/: an array with one run an element, and a\n"
        "job after it that judges them and makes the tables and figures (collect.log has the\n"
        "verdicts). 'sh DIR/slurm/submit.sh' submits them, and submits again what was stopped:\n"
        "finished runs end at once, others go on where they were.\n"
        "DIR, the program and the data must be on a file system that the nodes share.\n"
        "\n"
        "  --submit            submits at once\n"
        "  --threads N         CPUs and threads of a run; when left out, the largest of the "
        "column\n"
        "                      threads, where auto counts as 1\n"
        "  --at-once N         at most N runs at a time\n"
        "  --sbatch OPTION     given to sbatch for both jobs: --sbatch=--partition=long\n"
        "  --array-sbatch OPTION   the same for the runs alone: --array-sbatch=--gres=gpu:1\n"
        "  --set, --rows, --out, --data   as in 'harness run'\n"
        "  -- RUN-OPTIONS      more options of 'harness run': -- --save-weights\n"
        "\n"
        "The numbers in the array are those of 'harness run FILE.csv --dry-run'. Slurm's own "
        "bound\n"
        "on them is MaxArraySize, 1000 unless set otherwise; --rows takes an experiment in parts.\n"
        "\n"
        "Examples:\n"
        "  harness slurm experiments/depth_sweep.csv --threads 8 --sbatch=--time=4:00:00\n"
        "  harness slurm experiments/depth_sweep.csv --out /shared/depth --submit\n");
    return EXIT_DONE;
}

static const struct option long_options[] = {
    {"submit", no_argument, NULL, 'S'},
    {"threads", required_argument, NULL, 't'},
    {"at-once", required_argument, NULL, 'a'},
    {"sbatch", required_argument, NULL, 'b'},
    {"array-sbatch", required_argument, NULL, 'B'},
    {"set", required_argument, NULL, 's'},
    {"rows", required_argument, NULL, 'r'},
    {"out", required_argument, NULL, 'o'},
    {"data", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* ---- options: -1: go on; else the exit code ---- */

static int add(List *list, const char *word) {
    if (list->count == OPTIONS_MAX)
        return cli_usage("slurm", "more than %d times the same option", OPTIONS_MAX);
    list->words[list->count++] = word;
    return -1;
}

static int set_number(const char *option, const char *text, int *number) {
    long value;
    if (!cli_int(text, 1, 4096, &value))
        return cli_usage("slurm", "%s '%s': expected a number from 1 to 4096", option, text);
    *number = (int)value;
    return -1;
}

static int apply(Options *options, int option, const char *text) {
    switch (option) {
    case 'S':
        options->submit = true;
        return -1;
    case 't':
        return set_number("--threads", text, &options->plan.threads);
    case 'a':
        return set_number("--at-once", text, &options->plan.at_once);
    case 'b':
        return add(&options->sbatch, text);
    case 'B':
        return add(&options->array_sbatch, text);
    case 's':
        return add(&options->sets, text);
    case 'r':
        options->rows = text;
        return -1;
    case 'o':
        options->out = text;
        return -1;
    case 'd':
        options->plan.data = text;
        return -1;
    default:
        return help();
    }
}

/* What follows "--" is another program's; *own becomes what precedes it. */
static Words after_dashes(int argc, char **argv, int *own) {
    for (*own = 0; *own < argc; ++*own)
        if (strcmp(argv[*own], "--") == 0)
            return (Words){(const char *const *)argv + *own + 1, argc - *own - 1};
    return (Words){0};
}

static int parse(int argc, char **argv, Options *options) {
    int option, own;
    options->plan.run_options = after_dashes(argc, argv, &own);
    opterr = 0;
    while ((option = getopt_long(own, argv, ":h", long_options, NULL)) != -1) {
        int code = option == '?' || option == ':' ? cli_bad_option(own, argv, option)
                                                  : apply(options, option, optarg);
        if (code >= 0)
            return code;
    }
    if (own - optind != 1)
        return cli_usage("slurm", own == optind ? "an experiment file is needed"
                                                : "one experiment file at a time");
    options->file = argv[optind];
    return -1;
}

/* ---- the jobs ---- */

/* The column is checked with the rest of the experiment; run.sh gives it by itself. */
static Status read_experiment(Options *options, Experiment *experiment) {
    char path[512];
    List sets = options->sets;
    TRY(resource_path(options->file, path, sizeof path));
    if (options->plan.threads && sets.count < OPTIONS_MAX) {
        snprintf(options->threads, sizeof options->threads, "threads=%d", options->plan.threads);
        sets.words[sets.count++] = options->threads;
    }
    return experiment_read(path, sets.words, sets.count, options->rows, experiment);
}

static int submit(const char *script) {
    execl("/bin/sh", "sh", script, (char *)NULL);
    return cli_fail(status_fail(STATUS_IO, "/bin/sh cannot be started to run %s", script));
}

int cmd_slurm(int argc, char **argv) {
    Options options = {0};
    Experiment experiment;
    char out[600], script[SLURM_PATH_SIZE];
    int code = parse(argc, argv, &options);
    if (code >= 0)
        return code;
    Status status = read_experiment(&options, &experiment);
    if (status != STATUS_OK)
        return cli_fail(status);
    snprintf(out, sizeof out, "results/%s", experiment.name);
    options.plan.out = options.out ? options.out : out;
    options.plan.sets = (Words){options.sets.words, options.sets.count};
    options.plan.sbatch = (Words){options.sbatch.words, options.sbatch.count};
    options.plan.array_sbatch = (Words){options.array_sbatch.words, options.array_sbatch.count};
    status = slurm_write(&experiment, &options.plan, script);
    experiment_free(&experiment);
    if (status != STATUS_OK)
        return cli_fail(status);
    if (options.submit)
        return submit(script);
    printf("%s\n", script);
    return EXIT_DONE;
}
