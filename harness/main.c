/* harness: the program. Finds the subcommand and hands over; the only place that exits. */
#include <archive.h>
#include <csv.h>
#include <curl/curl.h>
#include <jansson.h>
#include <nettle/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/cli.h"
#include "harness/base/version.h"
#include "net/backend.h"

static const Command commands[] = {
    {"run", "train the runs of an experiment", cmd_run},
    {"data", "data sets: what is here, and fetching them", cmd_data},
    {"bench", "time training and inference", cmd_bench},
    {"check", "compare a backend with the oracle here, time what agrees", cmd_check},
    {"eval", "loss and error of given weights", cmd_eval},
    {"status", "how far a sweep is, and the time to go", cmd_status},
    {"rerun", "repeat a row of results and compare", cmd_rerun},
    {"collect", "put the rows of separate runs together", cmd_collect},
    {"list", "models, datasets, backends, columns", cmd_list},
    {"plot", "tables and figures of an output folder", cmd_plot},
    {"report", "an output folder as one page of HTML", cmd_report},
    {"verdict", "what a sweep has shown: expectations and claims, judged", cmd_verdict},
    {"show", "the layers of a net: shapes, parameters, multiply-adds", cmd_show},
    {"slurm", "an experiment as jobs of a Slurm cluster", cmd_slurm},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(FILE *file) {
    fprintf(file, "Usage: harness COMMAND [OPTIONS]\n"
                  "\n"
                  "A laboratory for deep residual learning.\n"
                  "\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-7s %s\n", commands[i].name, commands[i].summary);
    fprintf(file, "\n"
                  "  --help     this text; 'harness COMMAND --help' for one command\n"
                  "  --version  commit, compiler, libraries\n"
                  "\n"
                  "Example: harness run experiments/quickstart.csv\n");
    return EXIT_DONE;
}

static int version(void) {
    int count;
    const BackendOps *const *table = backend_table(&count);
    printf("harness %s\n", version_number());
    printf("commit    %s\n", version_commit());
    printf("compiler  %s\n", version_compiler());
    printf("flags     %s\n", version_flags());
    printf("libcsv    %d.%d.%d\n", CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
    printf("nettle    %d.%d\n", nettle_version_major(), nettle_version_minor());
    printf("jansson   %s\n", JANSSON_VERSION);
    printf("zlib      %s\n", zlibVersion());
    printf("libcurl   %s\n", curl_version_info(CURLVERSION_NOW)->version);
    printf("archive   %s\n", archive_version_string());
    for (int i = 0; i < count; i++) {
        Backend *backend;
        BackendOptions options = {.threads = 1};
        if (backend_open(table[i]->name, &options, &backend) != STATUS_OK) {
            printf("%-9s %s\n", table[i]->name, status_message());
            continue;
        }
        printf("%-9s %s; %s %s\n", table[i]->name, backend->info.libraries, backend->info.device,
               backend->info.isa);
        backend_close(backend);
    }
    return EXIT_DONE;
}

static int unknown(const char *name) {
    const char *names[COMMANDS + 1] = {NULL};
    for (int i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = cli_nearest(name, names);
    if (near)
        fprintf(stderr, "harness: unknown command '%s'; did you mean '%s'?\n", name, near);
    else
        fprintf(stderr, "harness: unknown command '%s'; see 'harness --help'\n", name);
    return EXIT_BAD_INPUT;
}

/* GNU OpenMP's threads spin at the end of each parallel loop. When another program wants a core
 * they spin away the time slice that the late thread needs: measured on two cores with a compiler
 * running, a training step took 300 to 1600 ms with the default and 210 ms with this. The library
 * reads its settings before main(), so the program starts itself again; a user's own choice stays.
 */
static void let_threads_sleep(char **argv) {
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    setenv("GOMP_SPINCOUNT", "1000", 0);
    execv("/proc/self/exe", argv); /* when it fails: slower under load, nothing else */
}

int main(int argc, char **argv) {
    let_threads_sleep(argv);
    if (argc < 2) {
        help(stderr);
        return EXIT_BAD_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0)
        return version();
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    return unknown(argv[1]);
}
