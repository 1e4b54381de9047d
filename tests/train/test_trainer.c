/* The training loop on a tiny problem, on the oracle: each number it reports is computed again here
 * with the plain contract calls. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/train/evaluate.h"
#include "harness/train/sampler.h"
#include "harness/train/trainer.h"
#include "net/models.h"
#include "net/philox.h"
#include "tests/support/rig.h"

enum { IMAGES = 24, TESTS = 11, CLASSES = 3, ITERATIONS = 7, BATCH = 5, ROWS_MAX = 16 };

static const Shape shape = {1, 6, 5};

/* ---- the problem: bytes whose brightness hints at the label ---- */

typedef struct Problem {
    ImageSet train, test;
    int32_t train_indices[IMAGES], test_indices[TESTS];
    Normalization normalization;
    Net *net;
    Backend *backend;
    TrainSpec spec;
    CurveRow rows[ROWS_MAX];
    int row_count;
} Problem;

static ImageSet images(int count, uint32_t who, int32_t *indices) {
    ImageSet set = {.count = count, .classes = CLASSES, .shape = shape};
    size_t size = shape_count(shape);
    set.images = malloc((size_t)count * size);
    set.labels = malloc((size_t)count * sizeof *set.labels);
    for (int n = 0; n < count; n++) {
        set.labels[n] = n % CLASSES;
        indices[n] = n;
        for (size_t i = 0; i < size; i++)
            set.images[n * size + i] =
                (uint8_t)(40 * set.labels[n] +
                          philox_below(philox(1, STREAM_TEST, who, (uint32_t)n, (uint32_t)i).v[0],
                                       120));
    }
    return set;
}

static int set_up(void **state) {
    Problem *p = calloc(1, sizeof *p);
    p->train = images(IMAGES, 1, p->train_indices);
    p->test = images(TESTS, 2, p->test_indices);
    OK(normalization_make(NORMALIZE_CHANNEL, &p->train, p->train_indices, IMAGES,
                          &p->normalization));
    ModelSpec model = model_default();
    model.depth = 8;
    model.width = 2;
    model.input = shape;
    model.classes = CLASSES;
    OK(model_build(&model, &p->net));
    BackendOptions options = {0};
    OK(backend_open("ref", &options, &p->backend));
    p->spec = (TrainSpec){.train_set = &p->train,
                          .test_set = &p->test,
                          .train = p->train_indices,
                          .test = p->test_indices,
                          .train_count = IMAGES,
                          .test_count = TESTS,
                          .normalization = &p->normalization,
                          .crop_pad = 1,
                          .flip = true,
                          .shuffle = true,
                          .batch = BATCH,
                          .iterations = ITERATIONS,
                          .eval_every = 3,
                          .lr = 0.05,
                          .optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9},
                          .seed = 3,
                          .precision = PRECISION_FP64};
    OK(schedule_parse("4:0.1", IMAGES, BATCH, &p->spec.schedule));
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    Problem *p = *state;
    free(p->train.images);
    free(p->train.labels);
    free(p->test.images);
    free(p->test.labels);
    normalization_free(&p->normalization);
    net_destroy(p->net);
    backend_close(p->backend);
    free(p);
    return 0;
}

static Status keep_row(void *context, const CurveRow *row) {
    Problem *p = context;
    assert_true(p->row_count < ROWS_MAX);
    p->rows[p->row_count++] = *row;
    return STATUS_OK;
}

static TrainResult trained(Problem *p) {
    TrainHooks hooks = {.context = p, .curve = keep_row};
    TrainResult result;
    p->row_count = 0;
    OK(train_run(&p->spec, p->net, p->backend, &hooks, &result));
    return result;
}

/* ---- the same by hand ---- */

static Program *compiled(State *state, Mode mode, uint64_t seed) {
    ProgramSpec spec = {
        .mode = mode, .max_batch = BATCH, .precision = PRECISION_FP64, .seed = seed};
    Program *program;
    OK(program_compile(state, &spec, &program));
    return program;
}

static Dataset *dataset(Problem *p, const ImageSet *set) {
    DatasetSpec spec = {.count = set->count,
                        .shape = set->shape,
                        .bytes = set->images,
                        .labels = set->labels,
                        .mean = p->normalization.mean,
                        .scale = p->normalization.scale};
    Dataset *data;
    OK(dataset_create(p->backend, &spec, &data));
    return data;
}

/* Trains `steps` iterations plainly; the loss and error of the test set in the given mode. */
static Evaluation by_hand(Problem *p, int steps, Mode mode) {
    State *state;
    OK(state_create(p->backend, p->net, &p->spec.optimizer, &state));
    for (int i = 0; i < p->net->param_count; i++) {
        float *values = malloc(p->net->params[i].count * sizeof *values);
        init_param(p->net, i, p->spec.init, p->spec.seed, values);
        OK(state_write(state, SECTION_VALUE, i, values));
        free(values);
    }
    SamplerSpec order = {.indices = p->train_indices,
                         .count = IMAGES,
                         .batch = BATCH,
                         .seed = p->spec.seed,
                         .shuffle = true,
                         .crop_pad = 1,
                         .flip = true};
    Sampler *sampler;
    OK(sampler_create(&order, &sampler));
    Dataset *train = dataset(p, &p->train), *test = dataset(p, &p->test);
    Program *program = compiled(state, MODE_TRAIN, p->spec.seed),
            *eval = compiled(state, mode, p->spec.seed);
    for (int t = 0; t < steps; t++) {
        Sample samples[BATCH];
        OK(sampler_batch(sampler, t, samples));
        Batch batch = {.data = train, .samples = samples, .count = BATCH, .step = t};
        OK(program_train_step(program, &batch, t < 4 ? 0.05 : 0.05 * 0.1));
    }
    Evaluation evaluation;
    OK(evaluate(eval, test, p->test_indices, TESTS, &evaluation));
    assert_int_equal(evaluation.images, TESTS); /* the short last batch counts */
    program_destroy(program);
    program_destroy(eval);
    dataset_destroy(train);
    dataset_destroy(test);
    state_destroy(state);
    sampler_destroy(sampler);
    return evaluation;
}

static void reports_what_the_plain_calls_give(void **state) {
    Problem *p = *state;
    TrainResult result = trained(p);
    assert_false(result.diverged);
    assert_int_equal(result.iterations, ITERATIONS);
    const int64_t evaluated[] = {3, 6, 7};
    assert_int_equal(p->row_count, 3);
    for (int i = 0; i < 3; i++) {
        Evaluation want = by_hand(p, (int)evaluated[i], MODE_EVAL);
        assert_int_equal(p->rows[i].iteration, evaluated[i]);
        assert_true(p->rows[i].test_loss == want.loss);
        assert_true(p->rows[i].test_error_pct == want.error_pct);
        assert_true(p->rows[i].train_error_pct >= 0 && p->rows[i].train_error_pct <= 100);
    }
    assert_true(result.last.test_loss == p->rows[2].test_loss);
    assert_true(p->rows[2].lr == 0.05 * 0.1);
    assert_true(fabs(p->rows[2].epoch - 35.0 / 24) < 1e-12);
}

/* The seed and the iteration reach what draws within the net. */
static void dropout_draws_by_seed_and_iteration(void **state) {
    Problem *p = *state;
    Net *net = net_create("dropout");
    int x = net_conv2d(net, "conv", net_input(net, shape), 4, 3, 1, 1, true);
    x = net_dropout(net, "dropout", net_relu(net, "relu", x), 0.5);
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", x, CLASSES, true));
    OK(net_finish(net));
    net_destroy(p->net);
    p->net = net;
    trained(p);
    for (int i = 0; i < p->row_count; i++) {
        Evaluation want = by_hand(p, (int)p->rows[i].iteration, MODE_EVAL);
        assert_true(p->rows[i].test_loss == want.loss);
    }
}

static void evaluates_with_the_statistics_asked_for(void **state) {
    Problem *p = *state;
    p->spec.bn_eval = BN_EVAL_BATCH;
    p->spec.eval_every = 0;
    trained(p);
    assert_int_equal(p->row_count, 1);
    assert_true(p->rows[0].test_loss == by_hand(p, ITERATIONS, MODE_EVAL_BATCH).loss);
    assert_true(p->rows[0].test_loss != by_hand(p, ITERATIONS, MODE_EVAL).loss);
}

/* Recalibration changes what evaluation sees, and nothing of the training. */
static void recalibration_leaves_training_alone(void **state) {
    Problem *p = *state;
    TrainResult running = trained(p);
    p->spec.bn_eval = BN_EVAL_RECALIBRATED;
    TrainResult exact = trained(p);
    assert_true(exact.last.train_loss == running.last.train_loss);
    assert_true(exact.last.test_loss != running.last.test_loss);
}

static void the_same_seed_gives_the_same_rows(void **state) {
    Problem *p = *state;
    TrainResult once = trained(p), again = trained(p);
    assert_true(once.last.test_loss == again.last.test_loss);
    assert_true(once.last.train_loss == again.last.train_loss);
    p->spec.seed++;
    assert_true(trained(p).last.train_loss != once.last.train_loss);
}

static void the_running_error_is_of_the_last_stretch(void **state) {
    Problem *p = *state;
    trained(p);
    double images = BATCH; /* the last row follows one iteration after the one before */
    double errors = p->rows[2].train_error_pct * images / 100;
    assert_true(fabs(errors - round(errors)) < 1e-9);
}

static void divergence_is_a_result(void **state) {
    Problem *p = *state;
    p->spec.lr = 1e300;
    p->spec.schedule.count = 0;
    TrainResult result = trained(p);
    assert_true(result.diverged);
    assert_int_equal(result.iterations, 2); /* the first step's update is seen by the next loss */
    assert_true(isnan(result.last.test_error_pct));
    assert_int_equal(result.last.iteration, result.iterations);
}

/* ---- a device that runs behind the calls ---- */

static BackendOps behind;
static const BackendOps *usual;
static int reads;

static Status counted_metrics(Program *program, Metrics *metrics) {
    reads += program->spec.mode == MODE_TRAIN;
    return usual->metrics(program, metrics);
}

/* From here on the problem's backend counts how often training asks for its metrics. */
static void count_reads(Problem *p, bool wait) {
    usual = usual ? usual : p->backend->ops;
    behind = *usual;
    behind.metrics = counted_metrics;
    behind.metrics_wait = wait;
    p->backend->ops = &behind;
    reads = 0;
}

static void a_device_is_asked_seldom(void **state) {
    Problem *p = *state;
    CurveRow rows[ROWS_MAX];
    p->spec.iterations = 47;
    p->spec.eval_every = 21;
    p->spec.lr = 0.01;
    count_reads(p, false);
    trained(p);
    assert_int_equal(reads, 47);
    assert_int_equal(p->row_count, 3);
    memcpy(rows, p->rows, sizeof rows);
    count_reads(p, true);
    TrainResult result = trained(p);
    assert_int_equal(reads, 5); /* after 20, 21, 40, 42 and 47 */
    assert_int_equal(result.iterations, 47);
    for (int i = 0; i < 3; i++) {
        const CurveRow *row = &p->rows[i];
        assert_int_equal(row->iteration, rows[i].iteration);
        assert_true(row->test_loss == rows[i].test_loss);
        assert_true(row->train_error_pct == rows[i].train_error_pct);
        /* the same losses, added in another order */
        assert_true(fabs(row->train_loss - rows[i].train_loss) <= 1e-14 * rows[i].train_loss);
    }
}

static void warm_up_watches_every_iteration(void **state) {
    Problem *p = *state;
    OK(warmup_parse("0.001 until 0.001", &p->spec.warmup));
    count_reads(p, true);
    trained(p);
    assert_int_equal(reads, ITERATIONS);
}

/* In the 28th iteration, which is seen after the 40th, the loss is not finite. */
static void divergence_is_counted_where_it_was(void **state) {
    Problem *p = *state;
    p->spec.iterations = 60;
    p->spec.eval_every = 0;
    p->spec.lr = 0.01;
    OK(schedule_parse("26:1e302", IMAGES, BATCH, &p->spec.schedule));
    count_reads(p, false);
    TrainResult each = trained(p);
    assert_true(each.diverged);
    assert_int_equal(each.iterations, 28);
    count_reads(p, true);
    TrainResult seldom = trained(p);
    assert_int_equal(reads, 2);
    assert_true(seldom.diverged);
    assert_int_equal(seldom.iterations, 28);
    assert_int_equal(seldom.last.iteration, 28);
    assert_int_equal(p->row_count, 0);
}

/* ---- layers ---- */

typedef struct Watched {
    Problem *problem;
    int64_t iterations[ROWS_MAX];
    int calls;
} Watched;

static Status keep_watched_row(void *context, const CurveRow *row) {
    return keep_row(((Watched *)context)->problem, row);
}

static Status keep_layers(void *context, int64_t iteration, const LayerRow *rows, int count) {
    Watched *w = context;
    assert_int_equal(count, 8); /* as many as the net has weighted layers */
    for (int i = 0; i < count; i++) {
        const LayerRow *row = &rows[i];
        assert_true(row->response_std > 0 && row->gradient_norm > 0 && row->weight_norm > 0);
        assert_true(row->update_ratio > 0 && row->update_ratio < 1);
    }
    w->iterations[w->calls++] = iteration;
    assert_int_equal(w->calls, w->problem->row_count); /* after the curve's row */
    return STATUS_OK;
}

/* Whoever looks at the layers sees them at each evaluation, and changes no bit of any row. */
static void layers_are_watched_unnoticed(void **state) {
    Problem *p = *state;
    static const BnEval evals[] = {BN_EVAL_RUNNING, BN_EVAL_BATCH_UPDATE, BN_EVAL_RECALIBRATED};
    for (int e = 0; e < 3; e++) {
        CurveRow rows[ROWS_MAX];
        Watched w = {.problem = p};
        TrainHooks hooks = {.context = &w, .curve = keep_watched_row, .layers = keep_layers};
        TrainResult result;
        p->spec.bn_eval = evals[e];
        trained(p);
        memcpy(rows, p->rows, sizeof rows);
        p->row_count = 0;
        OK(train_run(&p->spec, p->net, p->backend, &hooks, &result));
        assert_int_equal(w.calls, 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(w.iterations[i], rows[i].iteration);
            assert_true(p->rows[i].train_loss == rows[i].train_loss);
            assert_true(p->rows[i].train_eval_loss == rows[i].train_eval_loss);
            assert_true(p->rows[i].test_loss == rows[i].test_loss);
        }
    }
}

static void a_stop_request_ends_the_run(void **state) {
    Problem *p = *state;
    volatile sig_atomic_t stop = 1;
    TrainHooks hooks = {.context = p, .curve = keep_row, .stop = &stop};
    TrainResult result;
    assert_int_equal(train_run(&p->spec, p->net, p->backend, &hooks, &result), STATUS_INTERRUPTED);
    assert_int_equal(p->row_count, 0);
}

static void warm_up_uses_its_own_rate(void **state) {
    Problem *p = *state;
    OK(warmup_parse("0.001 until 0.001", &p->spec.warmup));
    trained(p);
    assert_true(p->rows[0].lr == 0.001);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_what_the_plain_calls_give, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dropout_draws_by_seed_and_iteration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(evaluates_with_the_statistics_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(recalibration_leaves_training_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_running_error_is_of_the_last_stretch, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(divergence_is_a_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_device_is_asked_seldom, set_up, tear_down),
        cmocka_unit_test_setup_teardown(warm_up_watches_every_iteration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(divergence_is_counted_where_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(layers_are_watched_unnoticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_request_ends_the_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(warm_up_uses_its_own_rate, set_up, tear_down),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
