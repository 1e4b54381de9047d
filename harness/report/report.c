#include "harness/report/report.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/report/claims.h"
#include "harness/report/fig6.h"
#include "harness/report/figure.h"
#include "harness/report/files.h"
#include "harness/report/shortcuts.h"
#include "harness/report/table.h"

static const struct {
    const char *name;
    Status (*data)(FILE *script, const Results *results, bool *any);
} figures[] = {
    {"error_curves", curves_data},       {"error_depth", depth_data},
    {"cost_depth", cost_data},           {"layer_responses", responses_data},
    {"gradient_layers", gradients_data},
};

static Status check_folder(const char *dir) {
    struct stat info;
    if (stat(dir, &info) != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "no folder %s: %s; 'harness run FILE --out %s' makes it", dir,
                           strerror(errno), dir);
    if (!S_ISDIR(info.st_mode))
        return status_fail(STATUS_BAD_INPUT, "%s is not a folder; give the one with runs.csv", dir);
    return STATUS_OK;
}

typedef struct Table {
    const Results *results;
    const CsvTable *reference;
    void (*put)(FILE *file, const Results *results, const CsvTable *reference);
} Table;

static Status put_table(FILE *file, void *context) {
    const Table *table = context;
    table->put(file, table->results, table->reference);
    return STATUS_OK;
}

static Status write_table(const char *dir, const char *name, const Results *results,
                          const CsvTable *reference,
                          void (*put)(FILE *, const Results *, const CsvTable *)) {
    Table table = {results, reference, put};
    return file_replace(dir, name, put_table, &table);
}

/* claims.csv and claims.md, where a tutorial's claims speak of the runs. */
static Status write_claims(const char *dir, const Results *results) {
    CsvTable claims;
    TRY(claims_open(&claims));
    Status status = STATUS_OK;
    if (claims_apply(&claims, results)) {
        CHECK(write_table(dir, "claims.csv", results, &claims, claims_csv));
        CHECK(write_table(dir, "claims.md", results, &claims, claims_markdown));
    }
out:
    csv_table_free(&claims);
    return status;
}

/* fig6_distance.csv, where our curves reach the paper's. */
static Status write_distance(const char *dir, const Results *results) {
    CsvTable fig6;
    TRY(fig6_open(&fig6));
    Status status = fig6_applies(&fig6, results)
                        ? write_table(dir, "fig6_distance.csv", results, &fig6, fig6_csv)
                        : STATUS_OK;
    csv_table_free(&fig6);
    return status;
}

static void put_shortcuts(FILE *file, const Results *results, const CsvTable *unused) {
    (void)unused;
    shortcuts_markdown(file, results);
}

/* An earlier figure must not pass for one of the present results. */
static void remove_figure(const char *dir, const char *name) {
    static const char *const endings[] = {"gp", "svg", "png"};
    char path[PATH_MAX];
    for (int i = 0; i < 3; i++) {
        if (snprintf(path, sizeof path, "%s/figures/%s.%s", dir, name, endings[i]) <
            (int)sizeof path)
            unlink(path);
    }
}

static Status write_figure(const char *dir, int figure, const Results *results) {
    char *text = NULL;
    size_t length = 0;
    bool any = false;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return status_fail(STATUS_NO_MEMORY, "no memory for a figure");
    Status status = figures[figure].data(memory, results, &any);
    if (fclose(memory) != 0 && status == STATUS_OK)
        status = status_fail(STATUS_NO_MEMORY, "no memory for a figure");
    remove_figure(dir, figures[figure].name);
    if (status == STATUS_OK && any)
        status = figure_make(dir, figures[figure].name, text, length);
    free(text);
    return status;
}

Status report_write(const char *dir) {
    Results results = {0};
    CsvTable reference = {0};
    Status status = STATUS_OK;
    CHECK(check_folder(dir));
    CHECK(results_read(dir, &results));
    CHECK(reference_open(&reference));
    CHECK(write_table(dir, "table.csv", &results, &reference, table_csv));
    CHECK(write_table(dir, "table.md", &results, &reference, table_markdown));
    CHECK(write_claims(dir, &results));
    CHECK(write_distance(dir, &results));
    if (shortcuts_differ(&results))
        CHECK(write_table(dir, "shortcuts.md", &results, &reference, put_shortcuts));
    for (int i = 0; i < (int)(sizeof figures / sizeof figures[0]); i++)
        CHECK(write_figure(dir, i, &results));
out:
    csv_table_free(&reference);
    results_free(&results);
    return status;
}

Status report_print_table(FILE *file, const char *dir) {
    Results results;
    TRY(check_folder(dir));
    TRY(results_read(dir, &results));
    table_print(file, &results);
    results_free(&results);
    return STATUS_OK;
}
