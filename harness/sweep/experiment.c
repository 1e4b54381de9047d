#include "harness/sweep/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/sweep/columns.h"
#include "harness/sweep/expand.h"
#include "harness/sweep/key.h"
#include "harness/weights/weights.h"

static Status check_header(const CsvTable *table) {
    for (int i = 0; i < table->columns; i++) {
        if (columns_find(table->header[i]) || expectation_is_column(table->header[i]))
            continue;
        RunConfig none;
        config_default(&none);
        return status_context(config_set(&none, table->header[i], ""), "%s:%d:%d", table->path,
                              table->header_line, table->header_positions[i]);
    }
    if (table->rows == 0)
        return status_fail(STATUS_BAD_INPUT, "%s: a header but no rows; each row is a run",
                           table->path);
    return STATUS_OK;
}

/* What the data set allows; the message begins with a column's name. */
static Status check_data(const RunConfig *config, Shape *shape, int *classes) {
    int train, test;
    TRY(data_shape(config->dataset, shape, classes, &train, &test));
    if (config->train_size > train)
        return status_fail(STATUS_BAD_INPUT, "train_size: %lld, but %s has %d training images",
                           (long long)config->train_size, config->dataset, train);
    if (config->select == SELECT_BEST_VALIDATION && config->train_size &&
        config->train_size < 10 * (int64_t)*classes)
        return status_fail(STATUS_BAD_INPUT,
                           "select: best_validation holds back a tenth of the training images; "
                           "with %d classes at least %d are needed, not %lld",
                           *classes, 10 * *classes, (long long)config->train_size);
    if (config->test_size > test)
        return status_fail(STATUS_BAD_INPUT, "test_size: %lld, but %s has %d test images",
                           (long long)config->test_size, config->dataset, test);
    if (config->normalize == NORMALIZE_IMAGENET && shape->c != 3)
        return status_fail(STATUS_BAD_INPUT, "normalize: imagenet needs three channels, %s has %d",
                           config->dataset, shape->c);
    return STATUS_OK;
}

Status run_check(RunConfig *config) {
    Shape shape;
    int classes;
    Net *net;
    TRY(config_settle(config));
    TRY(config_check(config));
    TRY(check_data(config, &shape, &classes));
    ModelSpec spec = config_model(config, shape, classes);
    Status status = model_build(&spec, &net);
    if (status != STATUS_OK)
        return status;
    if (config_init_weights(config))
        status = weights_check(config->init_weights, net);
    net_destroy(net);
    return status == STATUS_OK ? status : status_context(status, "init_weights");
}

/* The messages of run_check() begin with the column at fault: the file's position of that one. */
static Status blame(const ListRow *list, Status status) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(status_message(), ": "), status_message());
    const Column *column = columns_find(word);
    return list_row_blame(list, column ? column->name : NULL, status);
}

static Status add_runs(Experiment *experiment, const ListRow *list,
                       const Expectation *expectation) {
    int count = list_row_count(list, EXPERIMENT_RUNS_MAX - experiment->count);
    if (count == 0)
        return list_row_blame(list, NULL,
                              status_fail(STATUS_BAD_INPUT,
                                          "the lists multiply out to more than %d runs",
                                          EXPERIMENT_RUNS_MAX));
    ExperimentRun *runs =
        realloc(experiment->runs, (size_t)(experiment->count + count) * sizeof *runs);
    if (!runs)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for its runs", experiment->path);
    experiment->runs = runs;
    for (int i = 0; i < count; i++) {
        ExperimentRun *run = &runs[experiment->count];
        memset(run, 0, sizeof *run);
        run->line = list->line;
        run->selected = true;
        run->expectation = *expectation;
        TRY(list_row_config(list, i, &run->config));
        Status status = run_check(&run->config);
        if (status != STATUS_OK)
            return blame(list, status);
        experiment->count++;
    }
    return STATUS_OK;
}

/* ---- the same run twice ---- */

typedef struct Canonical {
    char *text;
    int run;
} Canonical;

static int by_text(const void *a, const void *b) {
    const Canonical *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : x->run - y->run;
}

static Status check_distinct(const Experiment *experiment) {
    Status status = STATUS_OK;
    Canonical *all = calloc((size_t)experiment->count, sizeof *all);
    if (!all)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", experiment->path);
    for (int i = 0; i < experiment->count; i++) {
        char text[CANONICAL_SIZE];
        config_canonical(&experiment->runs[i].config, text);
        all[i] = (Canonical){strdup(text), i};
        if (!all[i].text) {
            status = status_fail(STATUS_NO_MEMORY, "%s: no memory", experiment->path);
            goto out;
        }
    }
    qsort(all, (size_t)experiment->count, sizeof *all, by_text);
    for (int i = 1; i < experiment->count; i++) {
        if (strcmp(all[i - 1].text, all[i].text) != 0)
            continue;
        status = status_fail(STATUS_BAD_INPUT,
                             "%s:%d:1: run %d is the same as run %d of line %d; let them differ, "
                             "in seed for instance",
                             experiment->path, experiment->runs[all[i].run].line, all[i].run + 1,
                             all[i - 1].run + 1, experiment->runs[all[i - 1].run].line);
        goto out;
    }
out:
    for (int i = 0; i < experiment->count; i++)
        free(all[i].text);
    free(all);
    return status;
}

/* ---- --rows ---- */

static Status bad_rows(const Experiment *experiment, const char *rows) {
    return status_fail(STATUS_BAD_INPUT,
                       "--rows %s: expected numbers from 1 to %d, as in 1,3-5; 'harness run %s "
                       "--dry-run' lists the runs",
                       rows, experiment->count, experiment->path);
}

static Status select_rows(Experiment *experiment, const char *rows) {
    Status status = STATUS_OK;
    char *copy = strdup(rows), *rest = copy;
    if (!copy)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", experiment->path);
    for (int i = 0; i < experiment->count; i++)
        experiment->runs[i].selected = false;
    for (char *part; (part = strsep(&rest, ",")) != NULL;) {
        long first, last;
        char *dash = strchr(part, '-');
        if (dash)
            *dash = '\0';
        if (!cli_int(part, 1, experiment->count, &first) ||
            !cli_int(dash ? dash + 1 : part, first, experiment->count, &last)) {
            status = bad_rows(experiment, rows);
            goto out;
        }
        for (long i = first; i <= last; i++)
            experiment->runs[i - 1].selected = true;
    }
out:
    free(copy);
    return status;
}

/* Whether what a row expects still speaks of its runs. */
static bool sets_keep_expectations(const char *const *sets, int count) {
    static const char *const harmless[] = {"seed", "backend", "precision", "threads", "eval_every"};
    enum { HARMLESS = sizeof harmless / sizeof harmless[0] };
    for (int i = 0; i < count; i++) {
        int k = 0;
        while (k < HARMLESS && !(strcspn(sets[i], "=") == strlen(harmless[k]) &&
                                 strncmp(sets[i], harmless[k], strlen(harmless[k])) == 0))
            k++;
        if (k == HARMLESS)
            return false;
    }
    return true;
}

static void take_name(Experiment *experiment) {
    const char *slash = strrchr(experiment->path, '/');
    const char *base = slash ? slash + 1 : experiment->path;
    size_t length = strlen(base);
    if (length > 4 && strcmp(base + length - 4, ".csv") == 0)
        length -= 4;
    snprintf(experiment->name, sizeof experiment->name, "%.*s", (int)length, base);
}

Status experiment_read(const char *path, const char *const *sets, int set_count, const char *rows,
                       Experiment *experiment) {
    Status status = STATUS_OK;
    CsvTable table;
    memset(experiment, 0, sizeof *experiment);
    TRY(csv_read(path, &table));
    snprintf(experiment->path, sizeof experiment->path, "%s", path);
    take_name(experiment);
    CHECK(check_header(&table));
    for (int row = 0; row < table.rows; row++) {
        ListRow list;
        Expectation expectation;
        CHECK(expectation_read(&table, row, &expectation));
        if (expectation.given && !sets_keep_expectations(sets, set_count)) {
            expectation.given = false;
            experiment->expectations_dropped = true;
        }
        status = list_row_make(&table, row, sets, set_count, &list);
        if (status == STATUS_OK)
            status = add_runs(experiment, &list, &expectation);
        list_row_free(&list);
        if (status != STATUS_OK)
            goto out;
    }
    CHECK(check_distinct(experiment));
    if (rows)
        CHECK(select_rows(experiment, rows));
out:
    csv_table_free(&table);
    if (status != STATUS_OK)
        experiment_free(experiment);
    return status;
}

void experiment_free(Experiment *experiment) {
    free(experiment->runs);
    experiment->runs = NULL;
    experiment->count = 0;
}
