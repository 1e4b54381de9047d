#include "harness/sweep/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/data/digest.h"
#include "harness/ranks/ranks.h"
#include "harness/sweep/progress.h"
#include "harness/sweep/run_plan.h"
#include "net/cost.h"

int64_t run_iterations(const RunConfig *config, int train_count) {
    if (config->iterations)
        return config->iterations;
    double steps = last_batch_steps((LastBatch)config->last_batch, train_count, (int)config->batch);
    return (int64_t)ceil(config->epochs * steps - 1e-9);
}

Status sweep_backend(Sweep *sweep, const RunConfig *config, Backend **backend) {
    if (!sweep->backend || strcmp(sweep->backend_asked, config->backend) != 0 ||
        sweep->threads_asked != config->threads) {
        BackendOptions options = {.threads = (int)config->threads, .device = ranks_place()};
        backend_close(sweep->backend);
        sweep->backend = NULL;
        TRY(backend_open(config->backend, &options, &sweep->backend));
        snprintf(sweep->backend_asked, sizeof sweep->backend_asked, "%s", config->backend);
        sweep->threads_asked = config->threads;
    }
    *backend = sweep->backend;
    return STATUS_OK;
}

Status sweep_shared_backend(Sweep *sweep, const RunConfig *config, Backend **backend) {
    RunConfig mine = *config;
    if (sweep->share > 1)
        mine.threads = config->threads > sweep->share ? config->threads / sweep->share : 1;
    return sweep_backend(sweep, &mine, backend);
}

const DataSource *sweep_source(const Sweep *sweep, const char *name) {
    for (int i = 0; i < sweep->source_count; i++)
        if (strcmp(sweep->sources[i].name, name) == 0)
            return &sweep->sources[i];
    return NULL;
}

/* ---- making ready ---- */

static Status load_sources(Sweep *sweep, const Experiment *experiment, const char *folder) {
    for (int i = 0; i < experiment->count; i++) {
        const char *name = experiment->runs[i].config.dataset;
        if ((!experiment->runs[i].selected && !sweep->only) || sweep_source(sweep, name))
            continue;
        if (sweep->source_count == SWEEP_SOURCES_MAX)
            return status_fail(STATUS_BAD_INPUT, "more than %d data sets in one experiment",
                               SWEEP_SOURCES_MAX);
        TRY(data_load(name, folder, &sweep->sources[sweep->source_count]));
        sweep->source_count++;
    }
    return STATUS_OK;
}

/* A precision or an algorithm that the backend lacks is found by compiling the smallest net. */
static Status try_program(Backend *backend, const RunConfig *config) {
    ProgramSpec program_spec = {
        .mode = MODE_TRAIN, .max_batch = 2, .conv = (ConvAlgorithm)config->conv};
    ModelSpec spec = model_default();
    Optimizer optimizer = {0};
    Net *net = NULL;
    State *state = NULL;
    Program *program = NULL;
    spec.depth = 8;
    spec.width = 4;
    Status status = precision_parse(config->precision, &program_spec.precision);
    bool has_conv =
        program_spec.conv == CONV_ALGORITHM_DIRECT || program_spec.conv == backend->ops->conv;
    if (status != STATUS_OK || (program_spec.precision == backend->ops->native && has_conv))
        return status;
    CHECK(model_build(&spec, &net));
    CHECK(state_create(backend, net, &optimizer, &state));
    CHECK(program_compile(state, &program_spec, &program));
out:
    program_destroy(program);
    state_destroy(state);
    net_destroy(net);
    return status;
}

static Status training_work(SweepRun *run, const DataSource *source) {
    Net *net;
    ModelSpec spec = config_model(&run->config, source->train.shape, source->train.classes);
    int train_count = run->config.train_size ? (int)run->config.train_size : source->train.count;
    train_count -= run_held_back(&run->config, train_count);
    TRY(model_build(&spec, &net));
    run->iterations = run_iterations(&run->config, train_count);
    run->work = net_train_flops(net) * (double)run->config.batch * (double)run->iterations;
    net_destroy(net);
    return STATUS_OK;
}

static Status make_ready(Sweep *sweep, SweepRun *run) {
    Backend *backend;
    const DataSource *source = sweep_source(sweep, run->config.dataset);
    if (!source)
        return status_fail(STATUS_UNAVAILABLE, "%s is not loaded", run->config.dataset);
    TRY(sweep_backend(sweep, &run->config, &backend));
    if (backend->info.note[0])
        snprintf(sweep->backend_note, sizeof sweep->backend_note, "%s", backend->info.note);
    config_resolve(&run->config, backend);
    TRY(try_program(backend, &run->config));
    TRY(training_work(run, source));
    if (config_init_weights(&run->config))
        TRY(digest_file(run->config.init_weights, run->weights_sha256));
    run_key(&run->config, source->sha256, run->weights_sha256, run->key);
    return STATUS_OK;
}

static int by_key(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Two rows may differ only in `auto` and in what it stands for. */
static Status check_keys(const Sweep *sweep, const Experiment *experiment) {
    Status status = STATUS_OK;
    char(*keys)[KEY_SIZE] = calloc((size_t)sweep->count, sizeof *keys);
    if (!keys)
        return status_fail(STATUS_NO_MEMORY, "no memory for the keys of the runs");
    for (int i = 0; i < sweep->count; i++)
        memcpy(keys[i], sweep->runs[i].key, KEY_SIZE);
    qsort(keys, (size_t)sweep->count, sizeof *keys, by_key);
    for (int i = 1; i < sweep->count; i++)
        if (keys[i][0] && strcmp(keys[i - 1], keys[i]) == 0)
            status = status_fail(STATUS_BAD_INPUT,
                                 "%s: two rows are the same run once 'auto' of backend, precision "
                                 "and threads is resolved",
                                 experiment->path);
    free(keys);
    return status;
}

/* A number from 1, or a key. */
static Status select_only(Sweep *sweep, const char *only) {
    long number;
    int found = 0;
    bool numbered = strlen(only) != KEY_SIZE - 1 && cli_int(only, 1, sweep->count, &number);
    for (int i = 0; i < sweep->count; i++) {
        SweepRun *run = &sweep->runs[i];
        run->selected = numbered ? i + 1 == number : strcmp(run->key, only) == 0;
        found += run->selected;
    }
    if (found == 1)
        return STATUS_OK;
    return status_fail(STATUS_BAD_INPUT,
                       "--only %s: expected a number from 1 to %d, as --dry-run lists the runs, or "
                       "a key",
                       only, sweep->count);
}

static Status write_plan(const Sweep *sweep) {
    RunPlan plan = {.runs = calloc((size_t)sweep->count + 1, sizeof *plan.runs)};
    if (!plan.runs)
        return status_fail(STATUS_NO_MEMORY, "no memory for a plan of %d runs", sweep->count);
    for (int i = 0; i < sweep->count; i++) {
        const SweepRun *run = &sweep->runs[i];
        if (!run->key[0])
            continue;
        PlannedRun *planned = &plan.runs[plan.count++];
        memcpy(planned->key, run->key, KEY_SIZE);
        run_title(&run->config, planned->title, sizeof planned->title);
        planned->iterations = run->iterations;
        planned->work = run->work;
    }
    Status status = run_plan_write(&sweep->output, &plan);
    run_plan_free(&plan);
    return status;
}

Status sweep_open(const Experiment *experiment, const char *data_folder, const char *out,
                  const char *only, Sweep *sweep) {
    Status status = STATUS_OK;
    memset(sweep, 0, sizeof *sweep);
    sweep->only = only != NULL;
    sweep->data_folder = data_folder;
    sweep->runs = calloc((size_t)experiment->count, sizeof *sweep->runs);
    if (!sweep->runs)
        return status_fail(STATUS_NO_MEMORY, "no memory for %d runs", experiment->count);
    CHECK(digest_file("/proc/self/exe", sweep->program));
    CHECK(load_sources(sweep, experiment, data_folder));
    for (; sweep->count < experiment->count; sweep->count++) {
        SweepRun *run = &sweep->runs[sweep->count];
        run->config = experiment->runs[sweep->count].config;
        run->selected = experiment->runs[sweep->count].selected;
        status = make_ready(sweep, run);
        if (status != STATUS_OK && (run->selected || only)) {
            status_context(status, "%s:%d", experiment->path, experiment->runs[sweep->count].line);
            goto out;
        }
    }
    CHECK(check_keys(sweep, experiment));
    if (only)
        CHECK(select_only(sweep, only));
    CHECK(output_open(out, &sweep->output));
    CHECK(write_plan(sweep));
    CHECK(sweep_rebuild(sweep));
out:
    if (status != STATUS_OK)
        sweep_close(sweep);
    return status;
}

void sweep_close(Sweep *sweep) {
    for (int i = 0; i < sweep->source_count; i++)
        data_free(&sweep->sources[i]);
    backend_close(sweep->backend);
    free(sweep->runs);
    memset(sweep, 0, sizeof *sweep);
}

bool sweep_finished(const Sweep *sweep, int run) {
    return output_finished(&sweep->output, sweep->runs[run].key);
}

Status sweep_rebuild(const Sweep *sweep) {
    int count = 0;
    if (sweep->only)
        return STATUS_OK;
    char(*keys)[KEY_SIZE] = calloc((size_t)sweep->count, sizeof *keys);
    if (!keys)
        return status_fail(STATUS_NO_MEMORY, "no memory for the keys of the runs");
    for (int i = 0; i < sweep->count; i++)
        if (sweep->runs[i].key[0])
            memcpy(keys[count++], sweep->runs[i].key, KEY_SIZE);
    Status status = output_rebuild(&sweep->output, keys, count);
    free(keys);
    return status;
}
