/* Finding and loading sets: on small ones made here. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/paths.h"
#include "harness/data/sets.h"
#include "tests/data/files.h"

static char root[256];

static int setup(void **state) {
    (void)state;
    folder_new(root, sizeof root);
    return unsetenv("HARNESS_DATA");
}

static int teardown(void **state) {
    (void)state;
    return !folder_remove(root);
}

static const char *under(const char *name) {
    static char path[2][PATH_MAX];
    static int turn;
    turn = !turn;
    snprintf(path[turn], PATH_MAX, "%s/%s", root, name);
    return path[turn];
}

static void assert_found(const char *name, const char *folder, const char *where, int train) {
    DataSource source;
    Status status = data_load(name, folder, &source);
    if (status != STATUS_OK)
        fail_msg("%s: %s", name, status_message());
    assert_string_equal(source.name, name);
    assert_string_equal(source.folder, where);
    assert_int_equal(source.train.count, train);
    assert_int_equal(strlen(source.sha256), 64);
    data_free(&source);
    assert_null(source.train.images);
}

static void assert_refused(const char *name, const char *folder, Status expected, const char *a,
                           const char *b) {
    DataSource source;
    Status status = data_load(name, folder, &source);
    if (status != expected)
        fail_msg("status %d, expected %d: %s", status, expected, status_message());
    if (!strstr(status_message(), a) || !strstr(status_message(), b))
        fail_msg("'%s' or '%s' is not in the message: %s", a, b, status_message());
    assert_null(source.train.images);
    assert_null(source.test.images);
}

/* Every kind of folder, and the order: --data before $HARNESS_DATA. */
static void test_folders(void **state) {
    (void)state;
    idx_set(under("a/mnist"), 20, 10, 0);
    idx_set(under("b/MNIST/raw"), 30, 10, 1);
    idx_set(under("c"), 40, 10, 1);
    idx_set(under("d/fashion-mnist"), 50, 10, 0);
    assert_found("mnist", under("a"), under("a/mnist"), 20);
    assert_found("mnist", under("b"), under("b/MNIST/raw"), 30);
    assert_found("mnist", under("c"), under("c"), 40);
    assert_found("fashion_mnist", under("d"), under("d/fashion-mnist"), 50);
    assert_found("fashion_mnist", under("d/fashion-mnist"), under("d/fashion-mnist"), 50);
    assert_int_equal(setenv("HARNESS_DATA", under("b"), 1), 0);
    assert_found("mnist", NULL, under("b/MNIST/raw"), 30);
    assert_found("mnist", under("a"), under("a/mnist"), 20);
    assert_found("mnist", under("d"), under("b/MNIST/raw"), 30); /* d holds Fashion-MNIST only */
    assert_int_equal(unsetenv("HARNESS_DATA"), 0);
}

/* Same names of files: the folder's name decides, so neither is taken for the other. */
static void test_mnist_is_not_fashion(void **state) {
    (void)state;
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    idx_set(under("e/fashion-mnist"), 20, 10, 0);
    assert_int_equal(chdir(root), 0);
    assert_refused("mnist", under("e/fashion-mnist"), STATUS_UNAVAILABLE, "mnist", "looked in");
    assert_int_equal(chdir(here), 0);
}

static void test_missing(void **state) {
    (void)state;
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(root), 0); /* no ./data here */
    assert_refused("cifar10", "/nonexistent", STATUS_UNAVAILABLE,
                   "looked in /nonexistent, ./data, /usr/share/datasets; $HARNESS_DATA is not set",
                   "harness data fetch cifar10");
    assert_int_equal(chdir(here), 0);
    assert_refused("imagenet", NULL, STATUS_BAD_INPUT, "'imagenet'", "mnist, fashion_mnist");
}

/* A folder with some of the files is an error, not a reason to look elsewhere. */
static void test_incomplete(void **state) {
    (void)state;
    idx_set(under("f/mnist"), 20, 10, 1);
    assert_int_equal(unlink(under("f/mnist/t10k-labels-idx1-ubyte.gz")), 0);
    assert_refused("mnist", under("f"), STATUS_BAD_INPUT, "mnist/t10k-labels-idx1-ubyte: missing",
                   "harness data fetch mnist");
    file_write(under("f/mnist/t10k-labels-idx1-ubyte"), "abc", 3, 0);
    assert_refused("mnist", under("f"), STATUS_BAD_INPUT,
                   "t10k-labels-idx1-ubyte: ends at offset 3", "replace the file");
}

/* CIFAR files have no header: the number of records must be the published one. */
static void test_cifar_folder(void **state) {
    (void)state;
    static const char *const names[] = {"data_batch_1", "data_batch_2", "data_batch_3",
                                        "data_batch_4", "data_batch_5", "test_batch"};
    DataSource source;
    for (int i = 0; i < 6; i++) {
        char path[PATH_MAX];
        uint8_t first[2] = {(uint8_t)i, (uint8_t)(100 + i)}; /* label, first pixel; then zeros */
        snprintf(path, sizeof path, "%s/g/cifar-10-batches-bin/%s.bin", root, names[i]);
        file_write(path, first, sizeof first, 0);
        assert_int_equal(truncate(path, 10000 * 3073L), 0);
    }
    assert_int_equal(data_load("cifar10", under("g"), &source), STATUS_OK);
    assert_int_equal(source.train.count, 50000);
    assert_int_equal(source.test.count, 10000);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(source.train.labels[i * 10000], i);
        assert_int_equal(source.train.images[(size_t)i * 10000 * 3072], 100 + i);
    }
    assert_int_equal(source.test.labels[0], 5);
    assert_int_equal(source.test.images[0], 105);
    data_free(&source);
    assert_int_equal(truncate(under("g/cifar-10-batches-bin/data_batch_3.bin"), 9999 * 3073L), 0);
    assert_refused("cifar10", under("g"), STATUS_BAD_INPUT, "data_batch_3.bin: ends at offset",
                   "record 9999 of 10000");
    assert_int_equal(truncate(under("g/cifar-10-batches-bin/data_batch_3.bin"), 10001 * 3073L), 0);
    assert_refused("cifar10", under("g"), STATUS_BAD_INPUT, "data_batch_3.bin: goes on after",
                   "harness data fetch cifar10");
}

static void test_shapes(void **state) {
    (void)state;
    int count, classes, train, test;
    Shape shape;
    const char *const *names = data_names(&count);
    assert_int_equal(count, 4);
    for (int i = 0; i < count; i++)
        assert_int_equal(data_shape(names[i], &shape, &classes, &train, &test), STATUS_OK);
    assert_int_equal(data_shape("cifar100", &shape, &classes, &train, &test), STATUS_OK);
    assert_true(shape.c == 3 && shape.h == 32 && shape.w == 32 && classes == 100);
    assert_true(train == 50000 && test == 10000);
    assert_int_equal(data_shape("mnst", &shape, &classes, &train, &test), STATUS_BAD_INPUT);
}

static void test_resource_path(void **state) {
    (void)state;
    char here[PATH_MAX], path[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(resource_path("experiments/reference/paper_tables.csv", path, sizeof path),
                     STATUS_OK); /* this test lies in a build folder: found in the sources */
    assert_int_equal(path[0], '/');
    file_write("own/x.csv", "a\n", 2, 0);
    assert_int_equal(resource_path("own/x.csv", path, sizeof path), STATUS_OK);
    assert_string_equal(path, "own/x.csv");
    assert_int_equal(resource_path("own/y.csv", path, sizeof path), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status_message(), "share/reslab"));
    assert_int_equal(resource_path("/nonexistent/y.csv", path, sizeof path), STATUS_UNAVAILABLE);
    assert_int_equal(chdir(here), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),       cmocka_unit_test(test_mnist_is_not_fashion),
        cmocka_unit_test(test_missing),       cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_cifar_folder),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_resource_path),
    };
    return !!cmocka_run_group_tests(tests, setup, teardown);
}
