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
#include "tests/support/rig.h"
#include "tests/train/problem.h"

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
    TrainResult result = problem_train(p);
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
    int x = net_conv2d(net, "conv", net_input(net, problem_shape), 4, 3, 1, 1, true);
    x = net_dropout(net, "dropout", net_relu(net, "relu", x), 0.5);
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", x, CLASSES, true));
    OK(net_finish(net));
    net_destroy(p->net);
    p->net = net;
    problem_train(p);
    for (int i = 0; i < p->row_count; i++) {
        Evaluation want = by_hand(p, (int)p->rows[i].iteration, MODE_EVAL);
        assert_true(p->rows[i].test_loss == want.loss);
    }
}

static void evaluates_with_the_statistics_asked_for(void **state) {
    Problem *p = *state;
    p->spec.bn_eval = BN_EVAL_BATCH;
    p->spec.eval_every = 0;
    problem_train(p);
    assert_int_equal(p->row_count, 1);
    assert_true(p->rows[0].test_loss == by_hand(p, ITERATIONS, MODE_EVAL_BATCH).loss);
    assert_true(p->rows[0].test_loss != by_hand(p, ITERATIONS, MODE_EVAL).loss);
}

/* Recalibration changes what evaluation sees, and nothing of the training. */
static void recalibration_leaves_training_alone(void **state) {
    Problem *p = *state;
    TrainResult running = problem_train(p);
    p->spec.bn_eval = BN_EVAL_RECALIBRATED;
    TrainResult exact = problem_train(p);
    assert_true(exact.last.train_loss == running.last.train_loss);
    assert_true(exact.last.test_loss != running.last.test_loss);
}

static void the_same_seed_gives_the_same_rows(void **state) {
    Problem *p = *state;
    TrainResult once = problem_train(p), again = problem_train(p);
    assert_true(once.last.test_loss == again.last.test_loss);
    assert_true(once.last.train_loss == again.last.train_loss);
    p->spec.seed++;
    assert_true(problem_train(p).last.train_loss != once.last.train_loss);
}

static void the_running_error_is_of_the_last_stretch(void **state) {
    Problem *p = *state;
    problem_train(p);
    double images = BATCH; /* the last row follows one iteration after the one before */
    double errors = p->rows[2].train_error_pct * images / 100;
    assert_true(fabs(errors - round(errors)) < 1e-9);
}

static void divergence_is_a_result(void **state) {
    Problem *p = *state;
    p->spec.lr = 1e300;
    p->spec.schedule.count = 0;
    TrainResult result = problem_train(p);
    assert_true(result.diverged);
    assert_int_equal(result.iterations, 2); /* the first step's update is seen by the next loss */
    assert_true(isnan(result.last.test_error_pct));
    assert_int_equal(result.last.iteration, result.iterations);
}

/* ---- layers ---- */

typedef struct Watched {
    Problem *problem;
    int64_t iterations[ROWS_MAX];
    int calls;
} Watched;

static Status keep_watched_row(void *context, const CurveRow *row) {
    return problem_keep_row(((Watched *)context)->problem, row);
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
        problem_train(p);
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
    TrainHooks hooks = {.context = p, .curve = problem_keep_row, .stop = &stop};
    TrainResult result;
    assert_int_equal(train_run(&p->spec, p->net, p->backend, &hooks, &result), STATUS_INTERRUPTED);
    assert_int_equal(p->row_count, 0);
}

static void warm_up_uses_its_own_rate(void **state) {
    Problem *p = *state;
    OK(warmup_parse("0.001 until 0.001", &p->spec.warmup));
    problem_train(p);
    assert_true(p->rows[0].lr == 0.001);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_what_the_plain_calls_give, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(dropout_draws_by_seed_and_iteration, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(evaluates_with_the_statistics_asked_for, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(recalibration_leaves_training_alone, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_rows, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(the_running_error_is_of_the_last_stretch, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(divergence_is_a_result, problem_set_up, problem_tear_down),
        cmocka_unit_test_setup_teardown(layers_are_watched_unnoticed, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(a_stop_request_ends_the_run, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(warm_up_uses_its_own_rate, problem_set_up,
                                        problem_tear_down),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
