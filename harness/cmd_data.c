/* harness data: the data sets on this machine, and how to get the others. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/csv.h"
#include "harness/data/fetch.h"
#include "harness/data/sets.h"

typedef struct Arguments {
    const char *folder, *sources;
    bool csv;
} Arguments;

static int help(void) {
    printf(
        "Usage: harness data [--data DIR] [--csv]\n"
        "       harness data fetch NAME... [--data DIR] [--sources FILE.csv]\n"
        "\n"
        "Without 'fetch': lists what was found where, with image counts and SHA-256 over the\n"
        "unpacked bytes. Sets are looked for in DIR, $HARNESS_DATA, ./data, /usr/share/datasets.\n"
        "With 'fetch': downloads, checks and unpacks sets to DIR (else $HARNESS_DATA, else\n"
        "./data). Safe to interrupt and to repeat.\n"
        "\n"
        "  --data DIR      the folder to look in first, or to fetch to\n"
        "  --csv           the list as CSV\n"
        "  --sources FILE  addresses and sums; default: experiments/datasets.csv\n"
        "  --help          this text\n"
        "\n"
        "Sets: mnist fashion_mnist cifar10 cifar100\n"
        "\n"
        "Example: harness data fetch cifar10\n"
        "Example: harness data --data /mnt/images\n");
    return EXIT_DONE;
}

/* ---- list ---- */

static const char *judge_sum(const SetLayout *layout, const char *sha256) {
    if (!layout->sha256)
        return "no sum to compare with";
    return strcmp(layout->sha256, sha256) == 0 ? "the usual copy"
                                               : "not the usual copy; used as it is";
}

static void print_source(const SetLayout *layout, const DataSource *source) {
    const Shape *shape = &source->train.shape;
    printf("%-14s %s\n", source->name, source->folder);
    printf("%-14s %d training and %d test images, %d x %d x %d, %d classes\n", "",
           source->train.count, source->test.count, shape->c, shape->h, shape->w,
           source->train.classes);
    printf("%-14s SHA-256 %s (%s)\n", "", source->sha256, judge_sum(layout, source->sha256));
}

static void print_source_csv(const char *name, const char *state, const DataSource *source) {
    const ImageSet *train = &source->train;
    printf("%s,%s,", name, state);
    csv_put(stdout, source->folder);
    if (source->sha256[0])
        printf(",%d,%d,%d,%d,%d,%d,%s\n", train->count, source->test.count, train->shape.c,
               train->shape.h, train->shape.w, train->classes, source->sha256);
    else
        printf(",,,,,,,\n");
}

/* Missing sets are no failure of a list; broken ones are. */
static int list_one(const char *name, const Arguments *arguments) {
    DataSource source;
    const SetLayout *layout = NULL;
    char advice[128];
    Status status = set_find(name, &layout);
    if (status != STATUS_OK)
        return cli_fail(status);
    status = data_load(name, arguments->folder, &source);
    bool missing = status == STATUS_UNAVAILABLE;
    if (arguments->csv)
        print_source_csv(name,
                         status == STATUS_OK ? "found"
                         : missing           ? "missing"
                                             : "broken",
                         &source);
    else if (status == STATUS_OK)
        print_source(layout, &source);
    else if (missing) {
        set_advice(layout, advice, sizeof advice);
        printf("%-14s missing; get it with: %s\n", name, advice);
    } else
        printf("%-14s broken\n", name);
    data_free(&source);
    return status == STATUS_OK || missing ? EXIT_DONE : cli_fail(status);
}

static int list(const Arguments *arguments) {
    int count, code = EXIT_DONE;
    const char *const *names = data_names(&count);
    const char *variable = getenv("HARNESS_DATA");
    if (arguments->csv)
        printf("dataset,state,folder,train,test,channels,height,width,classes,sha256\n");
    for (int i = 0; i < count; i++) {
        int one = list_one(names[i], arguments);
        code = one > code ? one : code;
    }
    if (!arguments->csv)
        printf("\nLooked in %s%s%s%s./data, /usr/share/datasets\n",
               arguments->folder ? arguments->folder : "", arguments->folder ? ", " : "",
               variable ? variable : "", variable ? ", " : "");
    return code;
}

/* ---- fetch ---- */

typedef struct Meter {
    bool terminal;
    char file[128];        /* of the line being shown */
    long long begin, done; /* bytes at the file's first call and when last shown */
    long long step;        /* tenth, or unit of 16 MiB, last shown */
    struct timespec at[2]; /* the same two moments */
} Meter;

static double seconds_since(const struct timespec *then) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

static bool is_due(const Meter *meter, long long done, long long step, bool last) {
    if (done == meter->done)
        return false;
    return meter->terminal ? last || seconds_since(&meter->at[1]) > 0.2 : step > meter->step;
}

/* On a terminal one line, redrawn five times a second; in a log a line every tenth. */
static void show_progress(void *context, const char *file, long long done, long long total) {
    Meter *meter = context;
    long long step = total ? done * 10 / total : done >> 24;
    bool next = strcmp(meter->file, file) != 0;
    if (!next && !is_due(meter, done, step, done == total))
        return;
    if (next) {
        if (meter->terminal && meter->file[0])
            fputc('\n', stderr);
        snprintf(meter->file, sizeof meter->file, "%s", file);
        clock_gettime(CLOCK_MONOTONIC, &meter->at[0]);
        meter->begin = done;
    }
    clock_gettime(CLOCK_MONOTONIC, &meter->at[1]);
    meter->step = step;
    meter->done = done;
    fprintf(stderr, "%s%s: %.1f", meter->terminal ? "\r\033[K" : "", file, (double)done / 1e6);
    if (total)
        fprintf(stderr, " of %.1f MB, %lld %%", (double)total / 1e6, done * 100 / total);
    else
        fprintf(stderr, " MB");
    double seconds = seconds_since(&meter->at[0]);
    if (done > meter->begin && seconds > 0)
        fprintf(stderr, ", %.1f MB/s", (double)(done - meter->begin) / 1e6 / seconds);
    if (!meter->terminal)
        fputc('\n', stderr);
    fflush(stderr);
}

static int fetch_one(const char *name, const Arguments *arguments) {
    Meter meter = {.terminal = isatty(STDERR_FILENO)};
    FetchOptions options = {.folder = arguments->folder,
                            .sources = arguments->sources,
                            .progress = show_progress,
                            .context = &meter};
    FetchResult result;
    Status status = data_fetch(name, &options, &result);
    if (meter.terminal && meter.file[0])
        fputc('\n', stderr);
    if (status != STATUS_OK)
        return cli_fail(status);
    printf("%s: %s %s, %d training and %d test images, SHA-256 %s\n", name,
           result.present ? "already complete in" : "fetched to", result.folder, result.train,
           result.test, result.sha256);
    return EXIT_DONE;
}

static int fetch(int count, char **names, const Arguments *arguments) {
    const SetLayout *layout;
    int code = EXIT_DONE;
    if (count == 0)
        return cli_usage("data", "fetch needs the name of a data set");
    for (int i = 0; i < count; i++) { /* a wrong name is told before anything is downloaded */
        Status status = set_find(names[i], &layout);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    for (int i = 0; i < count; i++) {
        int one = fetch_one(names[i], arguments);
        code = one > code ? one : code;
    }
    return code;
}

int cmd_data(int argc, char **argv) {
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"sources", required_argument, NULL, 's'},
                                            {"csv", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    Arguments arguments = {0};
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (code) {
        case 'd':
            arguments.folder = optarg;
            break;
        case 's':
            arguments.sources = optarg;
            break;
        case 'c':
            arguments.csv = true;
            break;
        case 'h':
            return help();
        default:
            return cli_bad_option(argc, argv, code);
        }
    }
    if (optind == argc)
        return arguments.sources ? cli_usage("data", "--sources belongs to 'fetch'")
                                 : list(&arguments);
    if (strcmp(argv[optind], "fetch") != 0)
        return cli_usage("data", "unknown word '%s'; did you mean 'fetch %s'?", argv[optind],
                         argv[optind]);
    if (arguments.csv)
        return cli_usage("data", "--csv belongs to the list, not to 'fetch'");
    return fetch(argc - optind - 1, argv + optind + 1, &arguments);
}
