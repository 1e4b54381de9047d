/* harness run: trains the runs of an experiment. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/folder.h"
#include "harness/base/paths.h"
#include "harness/ranks/ranks.h"
#include "harness/report/report.h"
#include "harness/sweep/estimate.h"
#include "harness/sweep/jobs.h"
#include "harness/sweep/queue.h"
#include "harness/sweep/worker.h"
#include "harness/verdict/verdict.h"

enum { SETS_MAX = 64 };

typedef struct Options {
    int argc;
    char **argv;
    const char *file, *rows, *only, *out, *data;
    const char *sets[SETS_MAX];
    int set_count;
    char threads[32];
    SweepLogs logs;
    long jobs, share; /* 0: not given */
    bool dry_run, quiet, no_plot, retry;
} Options;

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    stop = number;
}

/* The first Ctrl-C has the present run write a checkpoint and stop, the second one kills. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* not under nohup */
        sigaction(SIGHUP, &action, NULL);
}

static int help(void) {
    printf(
        "Usage: harness run FILE.csv [OPTIONS]\n"
        "\n"
        "Trains every run of the experiment (experiments/README.md) and records it in runs.csv "
        "and\n"
        "curves.csv. Finished runs are not run again: the same command goes on where it stopped,\n"
        "also within a run, and leaves the same files as if it had not been stopped. At the end\n"
        "come tables, figures and, where something is expected or claimed, verdicts.\n"
        "\n"
        "  --set COLUMN=VALUE  sets a column in every row; VALUE may be a list: depth='20|56'\n"
        "  --rows 1,3-5        only these of the runs that --dry-run lists\n"
        "  --only N|KEY        one run of them, beside other processes on this or other machines;\n"
        "                      'harness collect' then puts the rows together and judges them\n"
        "  --out DIR           output folder; results/NAME when left out\n"
        "  --data DIR          where the data sets are; 'harness data' says what is found\n"
        "  --threads N         as --set threads=N\n"
        "  --jobs N            N runs at a time, each in a process of its own with an N-th of the\n"
        "                      threads; the same rows. A run that crashes does not stop the "
        "others\n"
        "  --retry             runs that failed, crashed or diverged are tried again\n"
        "  --share N           computes with an N-th of the threads, beside other processes\n"
        "  --save-weights      a run's weights.safetensors, with PyTorch's names, and\n"
        "                      optimizer.safetensors, in runs/KEY/ of the output folder\n"
        "  --log-every N       the loss of every N steps in runs/KEY/steps.csv\n"
        "  --layers            layers.csv: responses, gradients, weights and updates by layer, at\n"
        "                      each evaluation; training stays the same to the bit\n"
        "  --checkpoint-every N   a checkpoint every N iterations, besides those at evaluations;\n"
        "                      left out: every minute\n"
        "  --tensorboard DIR   logs for 'tensorboard --logdir DIR', a folder a run\n"
        "  --dry-run           lists the runs with parameters, multiply-adds and estimated time\n"
        "                      (under mpirun without what the processes exchange)\n"
        "  --no-plot           no tables, figures and verdicts at the end; 'harness plot DIR' and\n"
        "                      'harness verdict DIR' make them\n"
        "  --quiet             no progress\n"
        "\n"
        "Started by mpirun -n N, N processes train one run together; N divides its column shares.\n"
        "\n"
        "Examples:\n"
        "  harness run experiments/quickstart.csv\n"
        "  harness run experiments/depth_sweep.csv --set seed='1|2|3' --dry-run\n"
        "  harness run experiments/smoke.csv --set backend=ref --out /tmp/smoke\n");
    return EXIT_DONE;
}

static const struct option long_options[] = {
    {"set", required_argument, NULL, 's'},
    {"rows", required_argument, NULL, 'r'},
    {"only", required_argument, NULL, 'k'},
    {"out", required_argument, NULL, 'o'},
    {"data", required_argument, NULL, 'd'},
    {"threads", required_argument, NULL, 't'},
    {"jobs", required_argument, NULL, 'j'},
    {"retry", no_argument, NULL, 'R'},
    {"share", required_argument, NULL, 'S'},
    {"save-weights", no_argument, NULL, 'w'},
    {"log-every", required_argument, NULL, 'l'},
    {"layers", no_argument, NULL, 'y'},
    {"checkpoint-every", required_argument, NULL, 'c'},
    {"tensorboard", required_argument, NULL, 'b'},
    {"dry-run", no_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"no-plot", no_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* -1: go on; else the exit code. */
static int add_set(Options *options, const char *pair) {
    if (options->set_count == SETS_MAX)
        return cli_usage("run", "more than %d columns set", SETS_MAX);
    options->sets[options->set_count++] = pair;
    return -1;
}

static int set_every(int64_t *iterations, const char *option, const char *text) {
    long every;
    if (!cli_int(text, 1, 1000000000, &every))
        return cli_usage("run", "%s '%s': expected a number of iterations", option, text);
    *iterations = every;
    return -1;
}

static int set_processes(long *processes, const char *option, const char *text) {
    if (!cli_int(text, 1, JOBS_MAX, processes))
        return cli_usage("run", "%s '%s': expected a number of processes, 1 to %d", option, text,
                         JOBS_MAX);
    return -1;
}

static int apply(Options *options, int option, const char *text) {
    switch (option) {
    case 's':
        return add_set(options, text);
    case 'r':
        options->rows = text;
        return -1;
    case 'k':
        options->only = text;
        return -1;
    case 'o':
        options->out = text;
        return -1;
    case 'd':
        options->data = text;
        return -1;
    case 't':
        snprintf(options->threads, sizeof options->threads, "threads=%s", text);
        return add_set(options, options->threads);
    case 'j':
        return set_processes(&options->jobs, "--jobs", text);
    case 'S':
        return set_processes(&options->share, "--share", text);
    case 'R':
        options->retry = true;
        return -1;
    case 'w':
        options->logs.save_weights = true;
        return -1;
    case 'l':
        return set_every(&options->logs.log_every, "--log-every", text);
    case 'c':
        return set_every(&options->logs.checkpoint_every, "--checkpoint-every", text);
    case 'y':
        options->logs.layers = true;
        return -1;
    case 'b':
        options->logs.tensorboard = text;
        return -1;
    case 'n':
        options->dry_run = true;
        return -1;
    case 'p':
        options->no_plot = true;
        return -1;
    case 'q':
        options->quiet = true;
        return -1;
    default:
        return help();
    }
}

static int parse(int argc, char **argv, Options *options) {
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        int code = option == '?' || option == ':' ? cli_bad_option(argc, argv, option)
                                                  : apply(options, option, optarg);
        if (code >= 0)
            return code;
    }
    if (argc - optind != 1)
        return cli_usage("run", argc == optind ? "an experiment file is needed"
                                               : "one experiment file at a time");
    options->file = argv[optind];
    if (options->jobs && options->only && !options->share)
        return cli_usage("run", "--only is one run, --jobs are several");
    if (options->jobs && ranks_count() > 1)
        return cli_usage("run", "--jobs are processes of its own, mpirun's are %d already",
                         ranks_count());
    return -1;
}

/* ---- --dry-run ---- */

/* What this process would do of each run. Other ranks are not needed, and would take time from it.
 */
static Status dry_run(const Experiment *experiment) {
    int ranks = ranks_count();
    Sweep sweep = {.share = ranks_here()};
    Pace pace = {0};
    double total = 0;
    char time[32];
    Status status = STATUS_OK;
    ranks_tell(ORDER_LEAVE, NULL, 0);
    ranks_leave();
    printf("%4s  %-28s %12s %14s %10s  %s\n", "run", "net", "parameters", "macs", "iterations",
           "time, about");
    for (int i = 0; i < experiment->count && !stop; i++) {
        const ExperimentRun *run = &experiment->runs[i];
        Estimate estimate;
        char title[96];
        if (!run->selected)
            continue;
        status = worker_check_run(&run->config, i + 1, ranks);
        if (status == STATUS_OK)
            status = estimate_run(&sweep, &run->config, ranks, &pace, &estimate);
        if (status != STATUS_OK) {
            status_context(status, "%s:%d", experiment->path, run->line);
            break;
        }
        run_title(&run->config, title, sizeof title);
        format_duration(estimate.seconds, time, sizeof time);
        printf("%4d  %-28s %12lld %14lld %10lld  %s%s\n", i + 1, title,
               (long long)estimate.cost.parameters, (long long)estimate.cost.macs,
               (long long)estimate.iterations, time, estimate.measured ? "" : " (by the work)");
        fflush(stdout);
        total += estimate.seconds;
    }
    format_duration(total, time, sizeof time);
    if (status == STATUS_OK)
        printf("      all together: %s\n", time);
    sweep_close(&sweep);
    return status;
}

/* ---- training ---- */

/* Tables and figures, and where everything is. Without gnuplot the sweep is still a success. */
static Status conclude(const Options *options, const Sweep *sweep) {
    const char *folder = sweep->output.folder;
    if (sweep->only) {
        printf("%s/runs/; 'harness collect %s' puts the rows together\n", folder, folder);
        return STATUS_OK;
    }
    if (options->no_plot) {
        printf("%s/runs.csv\n%s/curves.csv\n", folder, folder);
        return STATUS_OK;
    }
    Status drawn = report_write(folder);
    if (drawn == STATUS_UNAVAILABLE)
        fprintf(stderr, "harness: no figures: %s\n", status_message());
    else if (drawn != STATUS_OK)
        return drawn;
    printf("\n");
    TRY(report_print_table(stdout, folder));
    TRY(verdicts_conclude(folder));
    printf("\n%s/runs.csv\n%s/curves.csv\n%s/table.md\n", folder, folder, folder);
    if (drawn == STATUS_OK)
        printf("%s/figures/\n", folder);
    return STATUS_OK;
}

static bool anything_finished(const Sweep *sweep) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->runs[i].selected && sweep_finished(sweep, i))
            return true;
    return false;
}

static Status train(Sweep *sweep, const Options *options, int *failed) {
    JobsSpec jobs = {.jobs = (int)options->jobs,
                     .argc = options->argc,
                     .argv = options->argv,
                     .retry = options->retry,
                     .stop = &stop};
    TRY(worker_check(sweep));
    sweep->share = ranks_count() > 1 ? ranks_here() : (int)options->share;
    if (options->jobs && !options->only)
        return jobs_train(sweep, &jobs, failed);
    return queue_train(sweep, &options->logs, options->quiet, options->retry, &stop, failed);
}

static int run(const Options *options, const Experiment *experiment) {
    Sweep sweep;
    int failed = 0;
    char out[600];
    snprintf(out, sizeof out, "results/%s", experiment->name);
    Status status = STATUS_OK;
    if (experiment->expectations_dropped)
        fprintf(stderr, "harness: --set makes other runs than those the file expects something of: "
                        "its expectations are left out\n");
    if (options->logs.tensorboard)
        status = folder_make_writable(options->logs.tensorboard, "--tensorboard");
    if (status == STATUS_OK)
        status = sweep_open(experiment, options->data, options->out ? options->out : out,
                            options->only, &sweep);
    if (status != STATUS_OK)
        return cli_fail(status);
    status = expectations_write(experiment, &sweep);
    if (status == STATUS_OK)
        status = train(&sweep, options, &failed);
    if (status == STATUS_OK && !options->share && anything_finished(&sweep))
        status = conclude(options, &sweep);
    sweep_close(&sweep);
    bool alone = !options->share; /* else somebody else sees to the whole */
    if (status == STATUS_INTERRUPTED && alone)
        fprintf(stderr, "harness: stopped; the same command goes on\n");
    else if (status != STATUS_OK && status != STATUS_INTERRUPTED)
        return cli_fail(status);
    if (failed && alone)
        fprintf(stderr, "harness: %d run%s failed; see above\n", failed, failed > 1 ? "s" : "");
    return status != STATUS_OK || failed ? EXIT_RUN_FAILED : EXIT_DONE;
}

/* What stands in NAME.claims.csv beside the experiment is told before anything trains. */
static Status check_claims(const char *experiment) {
    char path[600];
    TRY(expectations_claims_path(experiment, path, sizeof path));
    return access(path, F_OK) == 0 ? claims_check(path) : STATUS_OK;
}

static int run_command(int argc, char **argv) {
    Options options = {.argc = argc, .argv = argv};
    Experiment experiment;
    char path[512];
    int code = parse(argc, argv, &options);
    if (code >= 0)
        return code;
    Status status = resource_path(options.file, path, sizeof path);
    if (status == STATUS_OK)
        status = experiment_read(path, options.sets, options.set_count, options.rows, &experiment);
    if (status == STATUS_OK)
        status = check_claims(path);
    if (status != STATUS_OK)
        return cli_fail(status);
    catch_signals();
    if (options.dry_run) {
        status = dry_run(&experiment);
        code = status == STATUS_OK ? EXIT_DONE : cli_fail(status);
    } else {
        code = run(&options, &experiment);
    }
    experiment_free(&experiment);
    return code;
}

int cmd_run(int argc, char **argv) {
    int code = EXIT_DONE;
    Status status = ranks_join();
    if (status != STATUS_OK)
        return cli_fail(status);
    if (ranks_mine() > 0) {
        worker_serve();
    } else {
        code = run_command(argc, argv);
        ranks_tell(ORDER_LEAVE, NULL, 0);
    }
    ranks_leave();
    return code;
}
