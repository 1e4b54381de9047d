/* What finite differences and single golden passes cannot see: the statistics' bookkeeping, the
 * modes, the batch contract, metrics, decay scopes. The expected values are computed
 * here, in the plainest way. The same program checks any backend: test_semantics BACKEND. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/compare.h"
#include "tests/support/rig.h"

static const char *backend_name;

/* fp32 sums of about a hundred terms: some tens of units in the last place (6e-8). */
static const CompareTolerance close_to = {.relative = 3e-6, .absolute = 1e-7};

enum { BATCH = 6, C = 3, H = 5, W = 4, AREA = H * W };

/* ---- batch-norm statistics ---- */

static Net *norm_net(void) {
    Net *net = net_create("norm");
    net_batch_norm(net, "bn", net_input(net, (Shape){C, H, W}));
    return net;
}

/* Mean and unbiased variance of channel c over images [first, first + count). */
static void moments(const Rig *rig, int c, int first, int count, double *mean, double *var) {
    double sum = 0, square = 0;
    for (int n = first; n < first + count; n++)
        for (int i = 0; i < AREA; i++)
            sum += rig->images[(n * C + c) * AREA + i];
    *mean = sum / (count * AREA);
    for (int n = first; n < first + count; n++)
        for (int i = 0; i < AREA; i++) {
            double away = rig->images[(n * C + c) * AREA + i] - *mean;
            square += away * away;
        }
    *var = square / (count * AREA - 1);
}

/* The mean over groups of each group's moments. */
static void group_moments(const Rig *rig, int c, int count, int group, double *mean, double *var) {
    *mean = *var = 0;
    for (int first = 0; first < count; first += group) {
        double m, v;
        moments(rig, c, first, group, &m, &v);
        *mean += m * group / count;
        *var += v * group / count;
    }
}

static void assert_running(const Rig *rig, const double *mean, const double *var) {
    const char *names[] = {"bn.running_mean", "bn.running_var"};
    const double *wants[] = {mean, var};
    for (int k = 0; k < 2; k++) {
        float want[C], *got = rig_read(rig, SECTION_VALUE, net_find_param(rig->net, names[k]));
        for (int c = 0; c < C; c++)
            want[c] = (float)wants[k][c];
        assert_true(compare_floats(names[k], got, want, C, close_to, "test_semantics"));
        free(got);
    }
}

/* Runs one forward in the mode; running statistics must become keep * old + (1 - keep) * batch. */
static void check_update(Mode mode, int group, int count, double keep) {
    Rig rig;
    rig_open(&rig, backend_name, 2, norm_net(), BATCH, NULL);
    float *old_mean = rig_read(&rig, SECTION_VALUE, 2), *old_var = rig_read(&rig, SECTION_VALUE, 3);
    Program *program = rig_program(&rig, mode, group, NULL, 0);
    Batch batch = rig_batch(&rig);
    batch.count = count;
    OK(program_forward(program, &batch));
    double mean[C], var[C];
    for (int c = 0; c < C; c++) {
        group_moments(&rig, c, count, group ? group : count, &mean[c], &var[c]);
        mean[c] = keep * old_mean[c] + (1 - keep) * mean[c];
        var[c] = keep * old_var[c] + (1 - keep) * var[c];
    }
    assert_running(&rig, mean, var);
    free(old_mean);
    free(old_var);
    program_destroy(program);
    rig_close(&rig);
}

static void running_statistics_follow_the_mode(void **state) {
    (void)state;
    check_update(MODE_TRAIN, 0, BATCH, 0.9);
    check_update(MODE_TRAIN, 2, BATCH, 0.9);
    check_update(MODE_TRAIN, 2, 4, 0.9);
    check_update(MODE_TRAIN, 0, 4, 0.9); /* a short batch */
    check_update(MODE_EVAL, 0, BATCH, 1);
    check_update(MODE_EVAL_BATCH, 0, BATCH, 1);
    check_update(MODE_EVAL_BATCH_UPDATE, 0, BATCH, 0.9);
    check_update(MODE_RECALIBRATE, 0, BATCH, 0);
}

static void recalibration_is_the_mean_over_batches(void **state) {
    (void)state;
    Rig rig;
    rig_open(&rig, backend_name, 2, norm_net(), BATCH, NULL);
    Program *program = rig_program(&rig, MODE_RECALIBRATE, 0, NULL, 0);
    for (int part = 0; part < 3; part++) {
        Batch batch = rig_batch(&rig);
        batch.samples += 2 * part;
        batch.count = 2;
        OK(program_forward(program, &batch));
    }
    double mean[C], var[C];
    for (int c = 0; c < C; c++)
        group_moments(&rig, c, BATCH, 2, &mean[c], &var[c]);
    assert_running(&rig, mean, var);
    program_destroy(program);
    rig_close(&rig);
}

/* ---- loss and metrics ---- */

/* Logits given through an identity linear layer: input C x 1 x 1, weight 1, bias 0. */
static Metrics metrics_of(const float *logits, int32_t label, int classes) {
    Net *net = net_create("loss");
    int x = net_linear(net, "fc", net_input(net, (Shape){classes, 1, 1}), classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    Rig rig;
    rig_open(&rig, backend_name, 1, net, 1, NULL);
    float weight[16] = {0}, bias[4] = {0};
    for (int i = 0; i < classes; i++)
        weight[i * classes + i] = 1;
    OK(state_write(rig.state, SECTION_VALUE, 0, weight));
    OK(state_write(rig.state, SECTION_VALUE, 1, bias));
    DatasetSpec spec = {.count = 1, .shape = {classes, 1, 1}, .floats = logits, .labels = &label};
    Dataset *data;
    OK(dataset_create(rig.backend, &spec, &data));
    Sample sample = {0};
    Batch batch = {.data = data, .samples = &sample, .count = 1};
    Program *program = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    Metrics metrics, after;
    OK(program_forward(program, &batch));
    OK(program_metrics(program, &metrics));
    OK(program_metrics(program, &after));
    assert_int_equal(metrics.images, 1);
    assert_int_equal(after.images, 0); /* reading clears */
    program_destroy(program);
    dataset_destroy(data);
    rig_close(&rig);
    return metrics;
}

static void loss_and_errors_are_as_defined(void **state) {
    (void)state;
    const float plain[] = {1, 3, 2}, tie[] = {3, 1, 3}, huge[] = {1000, 0, -1000};
    assert_int_equal(metrics_of(plain, 1, 3).errors, 0);
    assert_int_equal(metrics_of(plain, 2, 3).errors, 1);
    assert_int_equal(metrics_of(tie, 0, 3).errors, 0); /* the lowest class wins a tie */
    assert_int_equal(metrics_of(tie, 2, 3).errors, 1);
    double want = log(exp(1) + exp(3) + exp(2)) - 2;
    assert_true(fabs(metrics_of(plain, 2, 3).loss_sum - want) <= 1e-6 * want);
    assert_true(fabs(metrics_of(huge, 2, 3).loss_sum - 2000) <= 1e-3);
}

static void a_nan_reaches_the_loss(void **state) {
    (void)state;
    const float bad[] = {1, NAN, 2};
    Metrics metrics = metrics_of(bad, 2, 3);
    assert_true(isnan(metrics.loss_sum));
    assert_int_equal(metrics.errors, 1);
}

static void relu_and_pools_let_a_nan_through(void **state) {
    (void)state;
    Net *net = net_create("nan");
    int x = net_conv2d(net, "conv", net_input(net, (Shape){1, 4, 4}), 2, 3, 1, 1, false);
    x = net_max_pool(net, "pool", net_relu(net, "relu", net_batch_norm(net, "bn", x)), 2, 2, 0);
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", x, 3, true));
    Rig rig;
    rig_open(&rig, backend_name, 2, net, 2, NULL);
    rig.images[5] = NAN;
    rig_reload(&rig);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    Metrics metrics;
    OK(program_forward(program, &batch));
    OK(program_metrics(program, &metrics));
    assert_true(isnan(metrics.loss_sum));
    program_destroy(program);
    rig_close(&rig);
}

/* ---- batches, divisors, decay ---- */

static Net *tiny_classifier(void) {
    Net *net = net_create("tiny");
    int x = net_conv2d(net, "conv", net_input(net, (Shape){C, H, W}), 4, 3, 1, 1, true);
    x = net_relu(net, "relu", net_batch_norm(net, "bn", x));
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", x, 3, true));
    return net;
}

/* The gradient of fc.weight for `count` images and a divisor. */
static float *gradient_of(int max_batch, int count, int divisor, size_t *values) {
    Rig rig;
    rig_open(&rig, backend_name, 2, tiny_classifier(), BATCH, NULL);
    rig.batch = max_batch;
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    batch.count = BATCH; /* fill every buffer first: a short batch must not see leftovers */
    if (max_batch == BATCH)
        OK(program_forward(program, &batch));
    batch.count = count;
    batch.divisor = divisor;
    OK(program_forward(program, &batch));
    OK(program_backward(program, NULL));
    int param = net_find_param(rig.net, "conv.weight");
    *values = rig.net->params[param].count;
    float *gradient = rig_read(&rig, SECTION_GRADIENT, param);
    program_destroy(program);
    rig_close(&rig);
    return gradient;
}

static void a_short_batch_equals_a_small_program(void **state) {
    (void)state;
    size_t count;
    float *wide = gradient_of(BATCH, 4, 0, &count), *narrow = gradient_of(4, 4, 0, &count);
    assert_true(compare_floats("short", wide, narrow, count, close_to, "test_semantics"));
    float *halved = gradient_of(4, 4, 8, &count);
    for (size_t i = 0; i < count; i++)
        halved[i] *= 2;
    assert_true(compare_floats("divisor", halved, narrow, count, close_to, "test_semantics"));
    free(wide);
    free(narrow);
    free(halved);
}

/* After one step at rate 1 without momentum, w' = w - (g + decay w). */
static void check_decay(DecayScope scope, const char *name, double decay) {
    Optimizer o = {.kind = OPTIMIZER_SGD_CAFFE, .weight_decay = 0.25, .decay_scope = scope};
    Rig rig;
    rig_open(&rig, backend_name, 2, tiny_classifier(), BATCH, &o);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    int param = net_find_param(rig.net, name);
    size_t count = rig.net->params[param].count;
    float *want = rig_read(&rig, SECTION_VALUE, param);
    Batch batch = rig_batch(&rig);
    OK(program_train_step(program, &batch, 1));
    float *g = rig_read(&rig, SECTION_GRADIENT, param);
    for (size_t i = 0; i < count; i++)
        want[i] = (float)(want[i] - (g[i] + decay * want[i]));
    float *got = rig_read(&rig, SECTION_VALUE, param);
    assert_true(compare_floats(name, got, want, count, close_to, "test_semantics"));
    assert_int_equal(rig.state->updates, 1);
    free(want);
    free(g);
    free(got);
    program_destroy(program);
    rig_close(&rig);
}

static void decay_keeps_to_its_scope(void **state) {
    (void)state;
    check_decay(DECAY_WEIGHTS, "conv.weight", 0.25);
    check_decay(DECAY_WEIGHTS, "fc.weight", 0.25);
    check_decay(DECAY_WEIGHTS, "bn.weight", 0);
    check_decay(DECAY_WEIGHTS, "fc.bias", 0);
    check_decay(DECAY_ALL, "bn.bias", 0.25);
    check_decay(DECAY_ALL, "fc.bias", 0.25);
}

/* ---- the contract's refusals ---- */

static void assert_says(Status status, const char *words) {
    assert_int_equal(status, STATUS_BAD_INPUT);
    if (!strstr(status_message(), words))
        fail_msg("'%s' lacks '%s'", status_message(), words);
}

static void wrong_calls_are_refused(void **state) {
    (void)state;
    Rig rig;
    rig_open(&rig, backend_name, 1, tiny_classifier(), BATCH, NULL);
    Program *train = rig_program(&rig, MODE_TRAIN, 3, NULL, 0);
    Program *eval = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    float value;
    assert_says(program_backward(train, NULL), "before any forward");
    assert_says(program_tap(eval, 0, &value), "only listed nodes");
    assert_says(program_train_step(eval, &batch, 0.1), "train mode");
    batch.count = BATCH + 1;
    assert_says(program_forward(eval, &batch), "takes 1 to 6");
    batch.count = 4;
    assert_says(program_forward(train, &batch), "bn_group");
    rig.samples[0].index = BATCH;
    assert_says(program_forward(eval, &batch), "data set of 6");
    rig.samples[0].index = 0;
    rig.labels[0] = 3;
    assert_says(program_forward(eval, &batch), "has label 3");
    int mean = net_find_param(rig.net, "bn.running_mean");
    assert_says(state_read(rig.state, SECTION_GRADIENT, mean, &value), "statistic");
    bool gpu = strcmp(backend_name, "gpu") == 0; /* which has bf16, but not fp64 */
    ProgramSpec spec = {
        .mode = MODE_TRAIN, .max_batch = 4, .precision = gpu ? PRECISION_FP64 : PRECISION_BF16};
    Program *none;
    assert_says(program_compile(rig.state, &spec, &none), gpu ? "fp64" : "bf16");
    spec = (ProgramSpec){.max_batch = 4, .bn_group = 3, .precision = rig.backend->ops->native};
    assert_says(program_compile(rig.state, &spec, &none), "does not divide");
    program_destroy(train);
    program_destroy(eval);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_semantics BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_statistics_follow_the_mode),
        cmocka_unit_test(recalibration_is_the_mean_over_batches),
        cmocka_unit_test(loss_and_errors_are_as_defined),
        cmocka_unit_test(a_nan_reaches_the_loss),
        cmocka_unit_test(relu_and_pools_let_a_nan_through),
        cmocka_unit_test(a_short_batch_equals_a_small_program),
        cmocka_unit_test(decay_keeps_to_its_scope),
        cmocka_unit_test(wrong_calls_are_refused),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
