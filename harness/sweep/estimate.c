#include "harness/sweep/estimate.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
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

static Status time_steps(Program *program, const Dataset *data, const RunConfig *config,
                         double *seconds) {
    int count = (int)config->batch;
    Sample *samples = calloc((size_t)count, sizeof *samples);
    if (!samples)
        return status_fail(STATUS_NO_MEMORY, "no memory for a batch of %d", count);
    Status status = STATUS_OK;
    Metrics metrics;
    Batch batch = {.data = data, .samples = samples, .count = count};
    for (int i = 0; i < count; i++)
        samples[i].index = i;
    CHECK(program_train_step(program, &batch, 1e-3));
    CHECK(program_metrics(program, &metrics));
    double start = clock_seconds();
    int steps = 0;
    for (; steps < STEPS_LEAST || (steps < STEPS_MOST && clock_seconds() - start < STEPS_SECONDS);
         steps++) {
        CHECK(program_train_step(program, &batch, 1e-3));
        CHECK(program_metrics(program, &metrics)); /* a backend may work behind our back */
    }
    *seconds = (clock_seconds() - start) / steps;
out:
    free(samples);
    return status;
}

/* Seconds of one training step. */
static Status measure(Backend *backend, const RunConfig *config, const Net *net, Shape shape,
                      int classes, double *seconds) {
    ProgramSpec spec = {.mode = MODE_TRAIN, .max_batch = (int)config->batch};
    Optimizer optimizer = config_optimizer(config);
    uint8_t *images = NULL;
    int32_t *labels = NULL;
    State *state = NULL;
    Dataset *data = NULL;
    Program *program = NULL;
    Status status = STATUS_OK;
    spec.bn_group = (int)config->bn_group;
    CHECK(precision_parse(config->precision, &spec.precision));
    CHECK(make_images(shape, (int)config->batch, classes, &images, &labels));
    DatasetSpec dataset = {
        .count = (int)config->batch, .shape = shape, .bytes = images, .labels = labels};
    CHECK(state_create(backend, net, &optimizer, &state));
    CHECK(init_state(state, (InitKind)config->init, 1));
    CHECK(dataset_create(backend, &dataset, &data));
    CHECK(program_compile(state, &spec, &program));
    CHECK(time_steps(program, data, config, seconds));
out:
    program_destroy(program);
    dataset_destroy(data);
    state_destroy(state);
    free(images);
    free(labels);
    return status;
}

/* Seconds of one step: measured, known from the run before, or told by the work. */
static Status step_seconds(Sweep *sweep, const RunConfig *config, const Net *net, Shape shape,
                           int classes, Pace *pace, Estimate *estimate, double *seconds) {
    char what[sizeof pace->last];
    Backend *backend;
    RunConfig resolved = *config;
    TRY(sweep_backend(sweep, config, &backend));
    config_resolve(&resolved, backend);
    double work = net_train_flops(net) * (double)config->batch;
    snprintf(what, sizeof what, "%s %lld %lld %lld %s %s", net->title, (long long)config->shortcut,
             (long long)config->width, (long long)config->batch, resolved.backend,
             resolved.precision);
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
    TRY(measure(backend, &resolved, net, shape, classes, seconds));
    pace->spent += clock_seconds() - start;
    pace->flops_per_s = work / *seconds;
    pace->step = *seconds;
    memcpy(pace->last, what, sizeof what);
    return STATUS_OK;
}

/* Evaluating an image costs about a third of training on it. */
static double evaluation_steps(const RunConfig *config, int64_t iterations, int train, int test) {
    double clean = train < TRAIN_CLEAN_DEFAULT ? train : TRAIN_CLEAN_DEFAULT;
    double times = config->eval_every
                       ? (double)((iterations + config->eval_every - 1) / config->eval_every)
                       : 1;
    return times * (clean + test) / (double)config->batch / 3;
}

Status estimate_run(Sweep *sweep, const RunConfig *config, Pace *pace, Estimate *estimate) {
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
    Status status = step_seconds(sweep, config, net, shape, classes, pace, estimate, &step);
    if (status == STATUS_OK)
        estimate->seconds = step * ((double)estimate->iterations +
                                    evaluation_steps(config, estimate->iterations, train, test));
    net_destroy(net);
    return status;
}
