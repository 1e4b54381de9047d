/* A whole short training, augmentation and evaluations included, leaves the same bits whatever the
 * number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/train/trainer.h"
#include "net/models.h"
#include "net/philox.h"
#include "tests/support/rig.h"

enum { IMAGES = 90, TESTS = 21, CLASSES = 10, BATCH = 32, ITERATIONS = 20, ROWS = 3 };

static const Shape shape = {3, 32, 32};

/* Noise around a brightness that tells the class. */
static ImageSet made_images(int count, uint32_t who, int32_t *indices) {
    size_t size = shape_count(shape);
    ImageSet set = {.count = count, .classes = CLASSES, .shape = shape};
    set.images = malloc((size_t)count * size);
    set.labels = malloc((size_t)count * sizeof *set.labels);
    for (int n = 0; n < count; n++) {
        indices[n] = n;
        set.labels[n] = n % CLASSES;
        for (size_t i = 0; i < size; i++) {
            uint32_t word = philox(2, STREAM_TEST, who, (uint32_t)n, (uint32_t)i / 4).v[i % 4];
            set.images[n * size + i] = (uint8_t)(12 * set.labels[n] + philox_below(word, 130));
        }
    }
    return set;
}

/* What a training leaves. */
typedef struct Outcome {
    CurveRow rows[ROWS];
    int row_count;
    float *values; /* parameters, running statistics and momentum */
    size_t count;
} Outcome;

static Status on_curve(void *context, const CurveRow *row) {
    Outcome *o = context;
    assert_true(o->row_count < ROWS);
    o->rows[o->row_count] = *row;
    o->rows[o->row_count++].seconds = 0;
    return STATUS_OK;
}

static void keep(Outcome *o, State *state, Section section, int id) {
    size_t count = state->net->params[id].count;
    o->values = realloc(o->values, (o->count + count) * sizeof *o->values);
    assert_non_null(o->values);
    OK(state_read(state, section, id, o->values + o->count));
    o->count += count;
}

static Status on_end(void *context, State *state, int64_t iterations) {
    assert_int_equal(iterations, ITERATIONS);
    for (int id = 0; id < state->net->param_count; id++) {
        keep(context, state, SECTION_VALUE, id);
        if (!param_is_statistic(&state->net->params[id]))
            keep(context, state, SECTION_MOMENTUM, id);
    }
    return STATUS_OK;
}

static Outcome trained(const ModelSpec *model, ConvAlgorithm conv, int threads) {
    int32_t train_indices[IMAGES], test_indices[TESTS];
    ImageSet train = made_images(IMAGES, 1, train_indices);
    ImageSet test = made_images(TESTS, 2, test_indices);
    Normalization normalization;
    OK(normalization_make(NORMALIZE_PIXEL, &train, train_indices, IMAGES, &normalization));
    TrainSpec spec = {
        .train_set = &train,
        .test_set = &test,
        .train = train_indices,
        .test = test_indices,
        .train_count = IMAGES,
        .test_count = TESTS,
        .normalization = &normalization,
        .crop_pad = 4,
        .flip = true,
        .shuffle = true,
        .batch = BATCH,
        .iterations = ITERATIONS,
        .eval_every = 8,
        .lr = 0.1,
        .optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-4},
        .seed = 5,
        .precision = PRECISION_FP32,
        .conv = conv};
    Net *net;
    Backend *backend;
    BackendOptions options = {.threads = threads};
    Outcome outcome = {0};
    TrainHooks hooks = {.context = &outcome, .curve = on_curve, .end = on_end};
    TrainResult result;
    OK(model_build(model, &net));
    OK(backend_open("cpu", &options, &backend));
    assert_int_equal(backend->info.threads, threads);
    OK(train_run(&spec, net, backend, &hooks, &result));
    assert_false(result.diverged);
    backend_close(backend);
    net_destroy(net);
    normalization_free(&normalization);
    free(train.images);
    free(train.labels);
    free(test.images);
    free(test.labels);
    return outcome;
}

static bool same(const Outcome *a, const Outcome *b) {
    return a->row_count == b->row_count && a->count == b->count && a->count > 0 &&
           memcmp(a->rows, b->rows, (size_t)a->row_count * sizeof *a->rows) == 0 &&
           memcmp(a->values, b->values, a->count * sizeof *a->values) == 0;
}

static void assert_threads_do_not_matter(const ModelSpec *model, ConvAlgorithm conv) {
    static const int threads[] = {2, 3, 8};
    Outcome one = trained(model, conv, 1);
    assert_int_equal(one.row_count, ROWS);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        Outcome many = trained(model, conv, threads[i]);
        if (!same(&one, &many))
            fail_msg("%d threads leave other bits than one", threads[i]);
        free(many.values);
    }
    free(one.values);
}

#define CIFAR(layers)                                                                              \
    .model = "resnet_cifar", .depth = layers, .input = {3, 32, 32}, .classes = CLASSES

static void resnet_by_winograd(void **state) {
    (void)state;
    const ModelSpec resnet8 = {CIFAR(8), .family = FAMILY_RESNET};
    assert_threads_do_not_matter(&resnet8, CONV_ALGORITHM_WINOGRAD);
}

static void resnet_directly(void **state) {
    (void)state;
    const ModelSpec resnet8 = {CIFAR(8), .family = FAMILY_RESNET};
    assert_threads_do_not_matter(&resnet8, CONV_ALGORITHM_DIRECT);
}

/* Two runs that differ in a bit are told apart: the algorithms'. */
static void the_comparison_sees_bits(void **state) {
    (void)state;
    const ModelSpec resnet8 = {CIFAR(8), .family = FAMILY_RESNET};
    Outcome winograd = trained(&resnet8, CONV_ALGORITHM_WINOGRAD, 2);
    Outcome direct = trained(&resnet8, CONV_ALGORITHM_DIRECT, 2);
    assert_false(same(&winograd, &direct));
    free(winograd.values);
    free(direct.values);
}

int main(void) {
    if (backend_is_missing("cpu"))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet_by_winograd),
        cmocka_unit_test(resnet_directly),
        cmocka_unit_test(the_comparison_sees_bits),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
