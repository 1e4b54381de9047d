/* What every call promises: metrics are sums until they are read, labels and images follow the
 * sample's index, NaN passes through a pool, and wrong arguments are refused with a message that
 * names what was wrong. usage: test_contract BACKEND */
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

enum { BATCH = 3, CLASSES = 3 };

/* Logits are the images: an identity linear layer in front of the loss. */
static Net *logit_net(void) {
    Net *net = net_create("logits");
    int x = net_linear(net, "fc", net_input(net, (Shape){CLASSES, 1, 1}), CLASSES, true);
    net_softmax_cross_entropy(net, "loss", x);
    return net;
}

/* Image i has the logits images[i]; rig.labels follow `labels`. */
static void open_logits(Rig *rig, const float images[BATCH][CLASSES], const int32_t *labels) {
    const float identity[CLASSES * CLASSES] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, zero[CLASSES] = {0};
    rig_open(rig, backend_name, 1, logit_net(), BATCH, NULL);
    OK(state_write(rig->state, SECTION_VALUE, 0, identity));
    OK(state_write(rig->state, SECTION_VALUE, 1, zero));
    for (int i = 0; i < BATCH; i++) {
        rig->labels[i] = labels[i];
        memcpy(rig->images + i * CLASSES, images[i], CLASSES * sizeof(float));
    }
    rig_reload(rig);
}

/* ---- metrics ---- */

/* log(exp(x) + 2) - x is the loss of a right answer among {x, 0, 0}. */
static double loss_of_right(double x) {
    return log(exp(x) + 2) - x;
}

static const float two_right[BATCH][CLASSES] = {{0, 4, 0}, {0, 0, 2}, {0, 0, 8}};
static const int32_t two_right_labels[BATCH] = {1, 2, 1};

static void metrics_are_sums_until_read(void **state) {
    (void)state;
    Rig rig;
    open_logits(&rig, two_right, two_right_labels);
    Program *program = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    Metrics metrics;
    batch.divisor = 7; /* the sum does not know it */
    OK(program_forward(program, &batch));
    OK(program_forward(program, &batch));
    OK(program_metrics(program, &metrics));
    double want = 2 * (loss_of_right(4) + loss_of_right(2) + loss_of_right(8) + 8);
    assert_true(fabs(metrics.loss_sum - want) <= 1e-5 * want);
    assert_int_equal(metrics.images, 2 * BATCH);
    assert_int_equal(metrics.errors, 2);
    OK(program_metrics(program, &metrics));
    assert_true(metrics.loss_sum == 0 && metrics.images == 0 && metrics.errors == 0);
    program_destroy(program);
    rig_close(&rig);
}

/* The third of four batches is the first with a loss that is not finite; reading begins anew. */
static void the_first_bad_batch_is_named(void **state) {
    (void)state;
    Rig rig;
    const float images[BATCH][CLASSES] = {{0, 4, 0}, {NAN, 0, 2}, {0, 0, 8}};
    open_logits(&rig, images, two_right_labels);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    const int image[] = {0, 2, 1, 0};
    Metrics metrics;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 4; i++) {
            Sample sample = {.index = image[i]};
            Batch batch = {.data = rig.data, .samples = &sample, .count = 1};
            OK(program_forward(program, &batch));
        }
        OK(program_metrics(program, &metrics));
        assert_int_equal(metrics.batches, 4);
        assert_int_equal(metrics.images, 4);
        assert_int_equal(metrics.bad_batch, 3);
        assert_false(isfinite(metrics.loss_sum));
    }
    OK(program_metrics(program, &metrics));
    assert_int_equal(metrics.batches, 0);
    assert_int_equal(metrics.bad_batch, 0);
    program_destroy(program);
    rig_close(&rig);
}

/* Every image right, the largest logit far above what exp() can take, in each place in turn. */
static void large_logits_do_not_overflow(void **state) {
    (void)state;
    const float images[BATCH][CLASSES] = {{900, 0, 0}, {0, 900, 0}, {-900, 0, 900}};
    const int32_t labels[BATCH] = {0, 1, 2};
    Rig rig;
    open_logits(&rig, images, labels);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    Metrics metrics;
    OK(program_forward(program, &batch));
    OK(program_backward(program, NULL));
    OK(program_metrics(program, &metrics));
    assert_true(metrics.loss_sum == 0);
    assert_int_equal(metrics.errors, 0);
    float *db = rig_read(&rig, SECTION_GRADIENT, 1);
    for (int k = 0; k < CLASSES; k++)
        assert_true(db[k] == 0);
    free(db);
    program_destroy(program);
    rig_close(&rig);
}

/* The samples' order and repetitions decide, not the data set's order. */
static void images_and_labels_follow_the_index(void **state) {
    (void)state;
    Rig rig;
    open_logits(&rig, two_right, two_right_labels);
    Program *program = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    const Sample samples[] = {{.index = 2}, {.index = 0}, {.index = 2}};
    Batch batch = {.data = rig.data, .samples = samples, .count = 3};
    Metrics metrics;
    OK(program_forward(program, &batch));
    OK(program_metrics(program, &metrics));
    double want = loss_of_right(4) + 2 * (loss_of_right(8) + 8);
    assert_true(fabs(metrics.loss_sum - want) <= 1e-5 * want);
    assert_int_equal(metrics.errors, 2);
    program_destroy(program);
    rig_close(&rig);
}

/* ---- a device's clock ---- */

/* A backend has both functions or neither; where metrics wait for a device, it needs them. */
static void marks_follow_one_another(void **state) {
    (void)state;
    Rig rig;
    open_logits(&rig, two_right, two_right_labels);
    const BackendOps *ops = rig.backend->ops;
    assert_true(!ops->mark == !ops->between);
    assert_true(ops->mark || !ops->metrics_wait);
    if (ops->mark) {
        Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
        Batch batch = rig_batch(&rig);
        double first, second, both;
        for (int i = 0; i < 3; i++) {
            OK(ops->mark(rig.backend, i));
            OK(program_train_step(program, &batch, 0.1));
        }
        OK(ops->between(rig.backend, 0, 1, &first));
        OK(ops->between(rig.backend, 1, 2, &second));
        OK(ops->between(rig.backend, 0, 2, &both));
        assert_true(first >= 0 && second >= 0 && both > 0);
        assert_true(fabs(both - first - second) <= 1e-5 * both + 3e-6); /* half a us each */
        assert_int_equal(ops->between(rig.backend, 0, 3, &both), STATUS_BAD_INPUT);
        assert_int_equal(ops->between(rig.backend, -1, 1, &both), STATUS_BAD_INPUT);
        assert_int_equal(ops->mark(rig.backend, -1), STATUS_BAD_INPUT);
        program_destroy(program);
    }
    rig_close(&rig);
}

/* ---- NaN ---- */

/* Wherever in its window a NaN stands, the window's maximum is NaN and the others are not. */
static void a_nan_wins_its_window(void **state) {
    (void)state;
    enum { H = 4, W = 6 };
    for (int at = 0; at < H * W; at++) {
        Net *net = net_create("pool");
        net_max_pool(net, "pool", net_input(net, (Shape){1, H, W}), 2, 2, 0);
        Rig rig;
        rig_open(&rig, backend_name, 1, net, 1, NULL);
        rig.images[at] = NAN;
        rig_reload(&rig);
        Tap tap = {1, TAP_VALUE};
        Program *program = rig_program(&rig, MODE_EVAL, 0, &tap, 1);
        Batch batch = rig_batch(&rig);
        OK(program_forward(program, &batch));
        size_t count;
        float *y = rig_tap(&rig, program, 0, &count);
        for (int p = 0; p < H / 2; p++)
            for (int q = 0; q < W / 2; q++)
                assert_true(!!isnan(y[p * W / 2 + q]) == (p == at / W / 2 && q == at % W / 2));
        free(y);
        program_destroy(program);
        rig_close(&rig);
    }
}

/* ---- refusals ---- */

static void assert_says(Status status, const char *words) {
    assert_int_equal(status, STATUS_BAD_INPUT);
    if (!strstr(status_message(), words))
        fail_msg("'%s' lacks '%s'", status_message(), words);
}

static void wrong_batches_are_refused(void **state) {
    (void)state;
    Rig rig;
    open_logits(&rig, two_right, two_right_labels);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    const Batch good = rig_batch(&rig);
    Batch batch = good;
    batch.count = 0;
    assert_says(program_forward(program, &batch), "a batch of 0 images");
    batch = good;
    batch.divisor = -1;
    assert_says(program_forward(program, &batch), "divisor of -1");
    rig.samples[1].index = -1;
    assert_says(program_forward(program, &good), "image -1");
    rig.samples[1].index = 1;
    rig.labels[1] = -2;
    assert_says(program_forward(program, &good), "label -2");
    rig.labels[1] = 1;
    OK(program_forward(program, &good));
    float dy[BATCH] = {1, 1, 1};
    assert_says(program_backward(program, dy), "upstream gradient");
    program_destroy(program);
    rig_close(&rig);
}

static void wrong_data_sets_are_refused(void **state) {
    (void)state;
    Rig rig, other;
    open_logits(&rig, two_right, two_right_labels);
    open_logits(&other, two_right, two_right_labels);
    Program *program = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    batch.data = other.data;
    assert_says(program_forward(program, &batch), "another backend");
    DatasetSpec spec = {
        .count = BATCH, .shape = {1, 1, 3}, .floats = rig.images, .labels = rig.labels};
    Dataset *narrow;
    OK(dataset_create(rig.backend, &spec, &narrow));
    batch.data = narrow;
    assert_says(program_forward(program, &batch), "images have 1 channels");
    dataset_destroy(narrow);
    spec.count = 0;
    assert_says(dataset_create(rig.backend, &spec, &narrow), "at least one image");
    spec.count = BATCH;
    spec.labels = NULL;
    assert_says(dataset_create(rig.backend, &spec, &narrow), "labels");
    spec.floats = NULL;
    assert_says(dataset_create(rig.backend, &spec, &narrow), "either bytes or floats");
    program_destroy(program);
    rig_close(&other);
    rig_close(&rig);
}

static void a_net_without_a_loss_needs_a_gradient(void **state) {
    (void)state;
    Net *net = net_create("no loss");
    net_linear(net, "fc", net_input(net, (Shape){CLASSES, 1, 1}), 2, true);
    Rig rig;
    rig_open(&rig, backend_name, 1, net, BATCH, NULL);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    assert_says(program_train_step(program, &batch, 0.1), "no loss");
    OK(program_forward(program, &batch));
    assert_says(program_backward(program, NULL), "upstream gradient");
    OK(program_backward(program, rig.dy));
    program_destroy(program);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_contract BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_sums_until_read),
        cmocka_unit_test(the_first_bad_batch_is_named),
        cmocka_unit_test(marks_follow_one_another),
        cmocka_unit_test(large_logits_do_not_overflow),
        cmocka_unit_test(images_and_labels_follow_the_index),
        cmocka_unit_test(a_nan_wins_its_window),
        cmocka_unit_test(wrong_batches_are_refused),
        cmocka_unit_test(wrong_data_sets_are_refused),
        cmocka_unit_test(a_net_without_a_loss_needs_a_gradient),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
