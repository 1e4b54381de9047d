/* harness list: what this program knows. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/data/data.h"
#include "harness/sweep/columns.h"
#include "net/backend.h"
#include "net/models.h"

static int list_models(void) {
    int count;
    const ModelInfo *table = model_table(&count);
    for (int i = 0; i < count; i++)
        printf("%-15s %s\n", table[i].name, table[i].summary);
    return EXIT_DONE;
}

/* Opens each: what is listed is what would run. */
static int list_backends(void) {
    int count;
    const BackendOps *const *table = backend_table(&count);
    for (int i = 0; i < count; i++) {
        Backend *backend;
        BackendOptions options = {0};
        printf("%-6s %s\n", table[i]->name, table[i]->summary);
        if (backend_open(table[i]->name, &options, &backend) != STATUS_OK) {
            printf("       not available here: %s\n", status_message());
            continue;
        }
        printf("       %s, %s, %d threads, %s\n", backend->info.device, backend->info.isa,
               backend->info.threads, backend->info.libraries);
        backend_close(backend);
    }
    return EXIT_DONE;
}

static int list_datasets(void) {
    int count, classes, train, test;
    Shape shape;
    const char *const *names = data_names(&count);
    for (int i = 0; i < count; i++) {
        Status status = data_shape(names[i], &shape, &classes, &train, &test);
        if (status != STATUS_OK)
            return cli_fail(status);
        printf("%-14s %dx%dx%d, %d classes, %d training and %d test images\n", names[i], shape.c,
               shape.h, shape.w, classes, train, test);
    }
    printf("'harness data' says which of them are on this machine.\n");
    return EXIT_DONE;
}

static int list_columns(void) {
    int count;
    char values[256];
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++) {
        columns_values(&columns[i], values, sizeof values);
        printf("%-18s %s\n%-18s default %s: %s\n", columns[i].name, values, "", columns[i].fallback,
               columns[i].help);
    }
    return EXIT_DONE;
}

static const struct Topic {
    const char *name;
    int (*list)(void);
} topics[] = {
    {"models", list_models},
    {"datasets", list_datasets},
    {"backends", list_backends},
    {"columns", list_columns},
};

enum { TOPICS = sizeof topics / sizeof topics[0] };

static int help(void) {
    printf("Usage: harness list TOPIC\n\nTopics:");
    for (int i = 0; i < TOPICS; i++)
        printf(" %s", topics[i].name);
    printf("\n\n  --markdown   columns only: the tables of experiments/README.md\n"
           "\nExample: harness list backends\n");
    return EXIT_DONE;
}

int cmd_list(int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"markdown", no_argument, NULL, 'm'}, {0}};
    const char *names[TOPICS + 1] = {NULL};
    bool markdown = false;
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code == 'h')
            return help();
        if (code != 'm')
            return cli_bad_option(argc, argv, code);
        markdown = true;
    }
    if (argc - optind != 1)
        return cli_usage("list", "one topic is needed");
    if (markdown && strcmp(argv[optind], "columns") != 0)
        return cli_usage("list", "--markdown is for columns");
    if (markdown) {
        columns_markdown(stdout);
        return EXIT_DONE;
    }
    for (int i = 0; i < TOPICS; i++) {
        names[i] = topics[i].name;
        if (strcmp(argv[optind], topics[i].name) == 0)
            return topics[i].list();
    }
    const char *near = cli_nearest(argv[optind], names);
    return near ? cli_usage("list", "unknown topic '%s'; did you mean '%s'?", argv[optind], near)
                : cli_usage("list", "unknown topic '%s'", argv[optind]);
}
