#include "harness/sweep/estimate.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/train/compile.h"
#include "net/philox.h"

/* Steps that are timed, after one that is not: as many as fit into half a second. */
enum { STEPS_LEAST = 2, STEPS_MOST = 20 };
#define STEPS_SECONDS 0.5

/* One batch of noise: times do not depend on what the images show. The caller frees both. */
static Status make_images(Shape shape, int count, int classes, uint8_t **images, int32_t **labels) {
    size_t size = shape_count(shape) * (size_t)count;
    *images = malloc(size);
    *labels = malloc((size_t)count * sizeof **labels);
    if (!*images || !*labels)
        return status_fail(STATUS_NO_MEMORY, "no memory for a batch of %d images", count);
    for (size_t i = 0; i < size; i++)
        (*images)[i] = (uint8_t)philox(0, STREAM_TEST, 0, (uint32_t)i, 0).v[0];
    for (int i = 0; i < count; i++)
        (*labels)[i] = i % classes;
    return STATUS_OK;
}

/* The steps of a training, or of this process's part of it. */
typedef struct Steps {
    Program *program;
    Shares *shares; /* NULL: the batch is one */
    Batch batch;
} Steps;

/* Reads the metrics: a backend may work behind our back. */
static Status take_step(const Steps *steps) {
    Metrics metrics;
    TRY(steps->shares ? shares_train_step(steps->shares, &steps->batch, 1e-3)
                      : program_train_step(steps->program, &steps->batch, 1e-3));
    return program_metrics(steps->program, &metrics);
}

static Status time_steps(Steps *steps, double *seconds) {
    Sample *samples = calloc((size_t)steps->batch.count, sizeof *samples);
    if (!samples)
        return status_fail(STATUS_NO_MEMORY, "no memory for a batch of %d", steps->batch.count);
    Status status = STATUS_OK;
    steps->batch.samples = samples;
    for (int i = 0; i < steps->batch.count; i++)
        samples[i].index = i;
    CHECK(take_step(steps));
    double start = clock_seconds();
    int count = 0;
    for (; count < STEPS_LEAST || (count < STEPS_MOST && clock_seconds() - start < STEPS_SECONDS);
         count++)
        CHECK(take_step(steps));
    *seconds = (clock_seconds() - start) / count;
out:
    free(samples);
    return status;
}

/* Seconds of one training step of `batch` images in `shares`. */
static Status measure(Backend *backend, const RunConfig *config, const Net *net, int batch,
                      int shares, double *seconds) {
    TrainSpec spec = {.batch = batch,
                      .shares = shares,
                      .bn_group = (int)config->bn_group,
                      .conv = (ConvAlgorithm)config->conv};
    Optimizer optimizer = config_optimizer(config);
    Shape shape = net->nodes[0].out;
    int classes = node_in(net, net->node_count - 1).c;
    uint8_t *images = NULL;
    int32_t *labels = NULL;
    State *state = NULL;
    Dataset *data = NULL;
    Steps steps = {0};
    Status status = STATUS_OK;
    CHECK(precision_parse(config->precision, &spec.precision));
    CHECK(make_images(shape, batch, classes, &images, &labels));
    DatasetSpec dataset = {.count = batch, .shape = shape, .bytes = images, .labels = labels};
    CHECK(state_create(backend, net, &optimizer, &state));
    CHECK(init_state(state, (InitKind)config->init, 1));
    CHECK(dataset_create(backend, &dataset, &data));
    CHECK(train_compile_steps(&spec, state, &steps.program, &steps.shares));
    steps.batch = (Batch){.data = data, .count = batch};
    CHECK(time_steps(&steps, seconds));
out:
    shares_destroy(steps.shares);
    program_destroy(steps.program);
    dataset_destroy(data);
    state_destroy(state);
    free(images);
    free(labels);
    return status;
}

/* What a step's time depends on; the work tells nets apart whose titles are the same. */
static void describe(const RunConfig *config, const Net *net, char *what, size_t size) {
    snprintf(what, size, "%s %.0f %lld %lld %lld %lld %lld %s %s", net->title, net_train_flops(net),
             (long long)config->batch, (long long)config->bn_group, (long long)config->shares,
             (long long)config->conv, (long long)config->threads, config->backend,
             config->precision);
}

/* Seconds of this process's part of a step: measured, known from the run before, or told by the
 * work. */
static Status step_seconds(Sweep *sweep, const RunConfig *config, const Net *net, int ranks,
                           Pace *pace, Estimate *estimate, double *seconds) {
    char what[sizeof pace->last];
    Backend *backend;
    RunConfig resolved = *config;
    int batch = (int)config->batch / ranks, shares = (int)config->shares / ranks;
    TRY(sweep_backend(sweep, config, &backend));
    config_resolve(&resolved, backend);
    double work = net_train_flops(net) * batch;
    describe(&resolved, net, what, sizeof what);
    estimate->measured = true;
    if (strcmp(what, pace->last) == 0) {
        *seconds = pace->step;
        return STATUS_OK;
    }
    if (pace->spent > ESTIMATE_SECONDS) {
        estimate->measured = false;
        *seconds = work / pace->flops_per_s;
        return STATUS_OK;
    }
    double start = clock_seconds();
    if (sweep->share > 1)
        TRY(sweep_shared_backend(sweep, &resolved, &backend));
    TRY(measure(backend, &resolved, net, batch, shares, seconds));
    pace->spent += clock_seconds() - start;
    pace->flops_per_s = work / *seconds;
    pace->step = *seconds;
    memcpy(pace->last, what, sizeof what);
    return STATUS_OK;
}

/* In steps of the whole batch. Evaluating an image costs about a third of training on it. */
static double evaluation_steps(const RunConfig *config, int64_t iterations, int train, int test) {
    double clean = train < TRAIN_CLEAN_DEFAULT ? train : TRAIN_CLEAN_DEFAULT;
    double times = config->eval_every
                       ? (double)((iterations + config->eval_every - 1) / config->eval_every)
                       : 1;
    return times * (clean + test) / (double)config->batch / 3;
}

Status estimate_run(Sweep *sweep, const RunConfig *config, int ranks, Pace *pace,
                    Estimate *estimate) {
    Shape shape;
    int classes, train, test;
    double step = 0;
    Net *net = NULL;
    TRY(data_shape(config->dataset, &shape, &classes, &train, &test));
    train = config->train_size ? (int)config->train_size : train;
    train -= run_held_back(config, train);
    test = config->test_size ? (int)config->test_size : test;
    ModelSpec spec = config_model(config, shape, classes);
    TRY(model_build(&spec, &net));
    estimate->cost = net_cost(net);
    estimate->iterations = run_iterations(config, train);
    Status status = step_seconds(sweep, config, net, ranks, pace, estimate, &step);
    if (status == STATUS_OK)
        estimate->seconds =
            step * ((double)estimate->iterations + /* one process evaluates, for all */
                    ranks * evaluation_steps(config, estimate->iterations, train, test));
    net_destroy(net);
    return status;
}
