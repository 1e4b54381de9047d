/* Sets that are on this machine: counts, balance and the published statistics of their training
 * images. Looked for where the program looks; Fashion-MNIST comes with the Debian package. Skipped
 * (77) when none is there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/data/data.h"

typedef struct Published {
    const char *name;
    int train, test;
    double digits; /* of the published figures */
    double mean[3], deviation[3];
} Published;

static const Published published[] = {
    {"fashion_mnist", 60000, 10000, 1e-4, {0.2860}, {0.3530}},
    {"mnist", 60000, 10000, 1e-4, {0.1307}, {0.3081}},
    {"cifar10", 50000, 10000, 1e-5, {0.49140, 0.48216, 0.44653}, {0.24703, 0.24349, 0.26159}},
};

static int checked;

static void assert_figure(double found, double expected, double digits) {
    /* Rounded in the last digit, with room for our own float: 1.01 instead of 1. */
    if (!(fabs(found - expected) <= 0.505 * digits))
        fail_msg("found %.6f, published %.6f", found, expected);
}

static void check_labels(const ImageSet *set) {
    int counts[100] = {0}, total = 0;
    for (int i = 0; i < set->count; i++)
        counts[set->labels[i]]++;
    for (int c = 0; c < set->classes; c++) {
        assert_true(counts[c] > 0);
        total += counts[c];
    }
    assert_int_equal(total, set->count);
}

static void check_set(const Published *set) {
    DataSource source;
    Normalization out;
    int32_t *indices;
    int used;
    Status status = data_load(set->name, NULL, &source);
    if (status == STATUS_UNAVAILABLE) {
        print_message("skipped: %s\n", status_message());
        skip();
    }
    if (status != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(source.train.count, set->train);
    assert_int_equal(source.test.count, set->test);
    check_labels(&source.train);
    check_labels(&source.test);
    assert_int_equal(data_subset(&source.train, 0, &indices, &used), STATUS_OK);
    assert_int_equal(normalization_make(NORMALIZE_CHANNEL, &source.train, indices, used, &out),
                     STATUS_OK);
    int plane = source.train.shape.h * source.train.shape.w;
    for (int c = 0; c < source.train.shape.c; c++) {
        assert_figure(out.mean[c * plane] / 255.0, set->mean[c], set->digits);
        assert_figure(1 / (out.scale[c] * 255.0), set->deviation[c], set->digits);
    }
    print_message("%s: %s, SHA-256 %s\n", set->name, source.folder, source.sha256);
    normalization_free(&out);
    free(indices);
    data_free(&source);
    checked++;
}

static void test_fashion_mnist(void **state) {
    (void)state;
    check_set(&published[0]);
}

static void test_mnist(void **state) {
    (void)state;
    check_set(&published[1]);
}

static void test_cifar10(void **state) {
    (void)state;
    check_set(&published[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fashion_mnist),
        cmocka_unit_test(test_mnist),
        cmocka_unit_test(test_cifar10),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed ? 1 : checked ? 0 : 77;
}
