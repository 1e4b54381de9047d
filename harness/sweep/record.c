#include "harness/sweep/record.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/csv.h"
#include "harness/base/version.h"
#include "harness/sweep/columns.h"

/* The cells of one line, filled by name and written in the dictionary's order. */
enum { CELLS = 48, CELL_SIZE = 512 };

typedef struct Line {
    const ResultColumn *columns;
    int count;
    bool filled[CELLS];
    char cells[CELLS][CELL_SIZE];
} Line;

__attribute__((format(printf, 3, 4))) static void put(Line *line, const char *column,
                                                      const char *format, ...) {
    va_list args;
    for (int i = 0; i < line->count; i++) {
        if (strcmp(line->columns[i].name, column) != 0)
            continue;
        va_start(args, format);
        vsnprintf(line->cells[i], CELL_SIZE, format, args);
        va_end(args);
        line->filled[i] = true;
        return;
    }
    abort(); /* a column that the dictionary lacks is a defect of this file */
}

/* Percentages with fixed decimals, losses and the like to the last bit of a float; nothing for NaN.
 */
static void put_percent(Line *line, const char *column, double value) {
    if (isfinite(value))
        put(line, column, "%.4f", value);
    else
        put(line, column, "%s", "");
}

static void put_real(Line *line, const char *column, double value) {
    if (isfinite(value))
        put(line, column, "%.9g", value);
    else
        put(line, column, "%s", "");
}

static void write_line(FILE *file, const Line *line, bool first) {
    for (int i = 0; i < line->count; i++) {
        if (!line->filled[i])
            abort(); /* as above */
        if (i || !first)
            fputc(',', file);
        csv_put(file, line->cells[i]);
    }
    fputc('\n', file);
}

static void write_names(FILE *file, const ResultColumn *columns, int count, bool first) {
    for (int i = 0; i < count; i++)
        fprintf(file, "%s%s", i || !first ? "," : "", columns[i].name);
    fputc('\n', file);
}

void record_runs_header(FILE *file) {
    int count;
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++)
        fprintf(file, "%s%s", i ? "," : "", columns[i].name);
    const ResultColumn *results = columns_result(&count);
    write_names(file, results, count, false);
}

void record_curves_header(FILE *file) {
    int count;
    const ResultColumn *columns = columns_curve(&count);
    write_names(file, columns, count, true);
}

void record_steps_header(FILE *file) {
    int count;
    const ResultColumn *columns = columns_step(&count);
    write_names(file, columns, count, true);
}

void record_layers_header(FILE *file) {
    int count;
    const ResultColumn *columns = columns_layer(&count);
    write_names(file, columns, count, true);
}

/* ---- runs.csv ---- */

static void put_errors(Line *line, const CurveRow *row) {
    static const CurveRow nothing = {.train_loss = NAN,
                                     .train_error_pct = NAN,
                                     .train_eval_loss = NAN,
                                     .train_eval_error_pct = NAN,
                                     .test_loss = NAN,
                                     .test_error_pct = NAN,
                                     .validation_error_pct = NAN};
    row = row ? row : &nothing;
    put_real(line, "train_loss", row->train_loss);
    put_percent(line, "train_error_pct", row->train_error_pct);
    put_real(line, "train_eval_loss", row->train_eval_loss);
    put_percent(line, "train_eval_error_pct", row->train_eval_error_pct);
    put_real(line, "test_loss", row->test_loss);
    put_percent(line, "test_error_pct", row->test_error_pct);
    put_percent(line, "validation_error_pct", row->validation_error_pct);
}

static void put_iteration(Line *line, const char *column, const CurveRow *row) {
    if (row)
        put(line, column, "%lld", (long long)row->iteration);
    else
        put(line, column, "%s", "");
}

static void put_provenance(Line *line, const RunFacts *facts, const TrainResult *result) {
    double load = 0;
    struct rusage usage = {0};
    getloadavg(&load, 1);
    getrusage(RUSAGE_SELF, &usage);
    put(line, "dataset_sha256", "%s", facts->dataset_sha256);
    put(line, "init_weights_sha256", "%s", facts->weights_sha256);
    put(line, "commit", "%s", version_commit());
    put(line, "compiler", "%s", version_compiler());
    put(line, "flags", "%s", version_flags());
    put(line, "device", "%s", facts->backend.device);
    put(line, "isa", "%s", facts->backend.isa);
    put(line, "libraries", "%s", facts->backend.libraries);
    put(line, "algorithms", "%s", facts->algorithms);
    put(line, "host", "%s", facts->host);
    put(line, "started", "%s", facts->started);
    put(line, "seconds", "%.3f", result->seconds);
    put(line, "images_per_s", "%.1f", result->images_per_s);
    if (isfinite(facts->joules) && !facts->outcome)
        put(line, "energy_j", "%.1f", facts->joules);
    else
        put(line, "energy_j", "%s", "");
    put(line, "host_load", "%.2f", load);
    put(line, "peak_memory_mib", "%.1f", (double)usage.ru_maxrss / 1024);
}

static void write_independent(FILE *file, const RunConfig *config) {
    int count;
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++) {
        char text[256];
        config_get(config, columns[i].name, text, sizeof text);
        if (i)
            fputc(',', file);
        csv_put(file, text);
    }
}

void record_run(FILE *file, const RunConfig *config, const RunFacts *facts,
                const TrainResult *result, const CurveRow *chosen, const CurveRow *best,
                const CurveRow *best_validation) {
    Line line = {0};
    line.columns = columns_result(&line.count);
    put(&line, "key", "%s", facts->key);
    put(&line, "status", "%s",
        facts->outcome     ? facts->outcome
        : result->diverged ? "diverged"
                           : "done");
    if (result->diverged)
        put(&line, "diverged_at", "%lld", (long long)result->iterations);
    else
        put(&line, "diverged_at", "%s", "");
    put(&line, "iterations_done", "%lld", (long long)result->iterations);
    put_errors(&line, chosen);
    put_percent(&line, "last_test_error_pct",
                result->diverged || facts->outcome ? NAN : result->last.test_error_pct);
    put_percent(&line, "validation_test_error_pct",
                best_validation ? best_validation->test_error_pct : NAN);
    put_percent(&line, "best_test_error_pct", best ? best->test_error_pct : NAN);
    put_iteration(&line, "best_iteration", best);
    put_iteration(&line, "selected_iteration", chosen);
    put(&line, "parameters", "%lld", (long long)facts->parameters);
    put(&line, "macs", "%lld", (long long)facts->macs);
    put(&line, "train_images", "%d", facts->train_images);
    put(&line, "test_images", "%d", facts->test_images);
    put_provenance(&line, facts, result);
    write_independent(file, config);
    write_line(file, &line, false);
}

/* ---- curves.csv ---- */

/* What tells the run of a row of curves.csv or layers.csv. */
static void put_identity(Line *line, const RunConfig *config, const char *key) {
    static const char *const copied[] = {"model", "family", "depth", "shortcut", "seed"};
    put(line, "key", "%s", key);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        char text[256];
        config_get(config, copied[i], text, sizeof text);
        put(line, copied[i], "%s", text);
    }
}

void record_curve(FILE *file, const RunConfig *config, const char *key, const CurveRow *row) {
    Line line = {0};
    line.columns = columns_curve(&line.count);
    put_identity(&line, config, key);
    put(&line, "iteration", "%lld", (long long)row->iteration);
    put(&line, "epoch", "%.4f", row->epoch);
    put(&line, "lr", "%.9g", row->lr);
    put_errors(&line, row);
    put(&line, "seconds", "%.3f", row->seconds);
    write_line(file, &line, true);
}

/* ---- steps.csv ---- */

void record_step(FILE *file, const StepRow *row) {
    Line line = {0};
    line.columns = columns_step(&line.count);
    put(&line, "iteration", "%lld", (long long)row->iteration);
    put(&line, "lr", "%.9g", row->lr);
    put_real(&line, "loss", row->loss);
    put_percent(&line, "error_pct", row->error_pct);
    write_line(file, &line, true);
}

void record_layer(FILE *file, const RunConfig *config, const char *key, int64_t iteration,
                  const LayerRow *row) {
    Line line = {0};
    line.columns = columns_layer(&line.count);
    put_identity(&line, config, key);
    put(&line, "iteration", "%lld", (long long)iteration);
    put(&line, "layer", "%d", row->layer);
    put(&line, "name", "%s", row->name);
    put(&line, "op", "%s", op_name(row->op));
    put(&line, "kernel", "%d", row->kernel);
    put(&line, "channels", "%d", row->channels);
    put_real(&line, "response_std", row->response_std);
    put_real(&line, "gradient_norm", row->gradient_norm);
    put_real(&line, "weight_norm", row->weight_norm);
    put_real(&line, "update_ratio", row->update_ratio);
    write_line(file, &line, true);
}

void record_begin(RunFacts *facts) {
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(facts->started, sizeof facts->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (gethostname(facts->host, sizeof facts->host) != 0)
        snprintf(facts->host, sizeof facts->host, "unknown");
    facts->host[sizeof facts->host - 1] = '\0';
}
