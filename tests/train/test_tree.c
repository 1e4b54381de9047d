/* Sums over a balanced tree: their shape, and that a subtree may be summed by somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "harness/train/tree.h"
#include "net/philox.h"
#include "tests/support/rig.h"

enum { LENGTH = 5, LEAVES = 16 };

/* Full mantissas: another order of adding them gives other bits. */
static double value(int leaf, int i) {
    uint32_t draw = philox(7, STREAM_TEST, 1, (uint32_t)leaf, (uint32_t)i).v[0];
    return ((double)draw - 2147483648.0) / 3;
}

static void sum_leaves(TreeSum *sum, int first) {
    for (int n = 0; n < sum->leaves; n++) {
        double *leaf = tree_sum_leaf(sum);
        for (int i = 0; i < LENGTH; i++)
            leaf[i] = value(first + n, i);
        tree_sum_take(sum);
    }
}

static double pairwise(int first, int count, int i) {
    if (count == 1)
        return value(first, i);
    return pairwise(first, count / 2, i) + pairwise(first + count / 2, count / 2, i);
}

static void shape(void **state) {
    (void)state;
    for (int leaves = 1; leaves <= LEAVES; leaves *= 2) {
        TreeSum sum;
        OK(tree_sum_open(&sum, LENGTH, leaves));
        for (int twice = 0; twice < 2; twice++) {
            sum_leaves(&sum, 0);
            for (int i = 0; i < LENGTH; i++)
                assert_true(tree_sum_total(&sum)[i] == pairwise(0, leaves, i));
        }
        tree_sum_close(&sum);
    }
}

/* The values tell orders apart: else the test above would pass for a running sum. */
static void order_matters(void **state) {
    (void)state;
    int different = 0;
    for (int i = 0; i < LENGTH; i++) {
        double running = 0;
        for (int n = 0; n < LEAVES; n++)
            running += value(n, i);
        different += running != pairwise(0, LEAVES, i);
    }
    assert_true(different > 0);
}

static void subtrees(void **state) {
    (void)state;
    for (int parts = 1; parts <= LEAVES; parts *= 2) {
        TreeSum part, whole;
        OK(tree_sum_open(&part, LENGTH, LEAVES / parts));
        OK(tree_sum_open(&whole, LENGTH, parts));
        for (int p = 0; p < parts; p++) {
            sum_leaves(&part, p * part.leaves);
            memcpy(tree_sum_leaf(&whole), tree_sum_total(&part), LENGTH * sizeof(double));
            tree_sum_take(&whole);
        }
        for (int i = 0; i < LENGTH; i++)
            assert_true(tree_sum_total(&whole)[i] == pairwise(0, LEAVES, i));
        tree_sum_close(&part);
        tree_sum_close(&whole);
    }
}

static void only_powers_of_two(void **state) {
    (void)state;
    static const int wrong[] = {-4, 0, 3, 6, 12};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        TreeSum sum;
        assert_int_equal(tree_sum_open(&sum, LENGTH, wrong[i]), STATUS_BAD_INPUT);
        tree_sum_close(&sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape),
        cmocka_unit_test(order_matters),
        cmocka_unit_test(subtrees),
        cmocka_unit_test(only_powers_of_two),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
