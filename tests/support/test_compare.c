/* The comparer must be able to say no. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/compare.h"

enum { ROWS = 3, COLS = 4, COUNT = ROWS * COLS };

static const CompareTolerance tight = {.relative = 1e-6};
static float want[COUNT], got[COUNT];

static int fresh(void **state) {
    (void)state;
    for (int i = 0; i < COUNT; i++)
        got[i] = want[i] = (float)sin(i + 1);
    return 0;
}

static bool both(CompareTolerance tolerance) {
    double wide_got[COUNT], wide_want[COUNT];
    for (int i = 0; i < COUNT; i++) {
        wide_got[i] = got[i];
        wide_want[i] = want[i];
    }
    bool narrow = compare_floats("narrow", got, want, COUNT, tolerance, "test_compare");
    assert_int_equal(
        narrow, compare_doubles("wide", wide_got, wide_want, COUNT, tolerance, "test_compare"));
    assert_int_equal(narrow, compare_norm("norm", got, want, COUNT, tolerance, "test_compare"));
    return narrow;
}

static void equal_arrays_pass(void **state) {
    (void)state;
    assert_true(both(tight));
    assert_true(both((CompareTolerance){0}));
}

static void an_error_inside_the_tolerance_passes(void **state) {
    (void)state;
    got[5] += 3e-7f;
    assert_true(both(tight));
}

static void one_bad_element_fails(void **state) {
    (void)state;
    got[COUNT - 1] += 1e-5f;
    assert_false(both(tight));
}

static void nan_and_infinity_fail_on_either_side(void **state) {
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        fresh(state);
        got[3] = bad[i];
        assert_false(both((CompareTolerance){.relative = INFINITY}));
        got[3] = want[3] = bad[i];
        assert_false(both((CompareTolerance){.absolute = 1e30}));
    }
}

static void a_nan_tolerance_fails(void **state) {
    (void)state;
    assert_false(both((CompareTolerance){.relative = NAN}));
}

static void all_zeros_fail(void **state) {
    (void)state;
    memset(got, 0, sizeof got);
    assert_false(both((CompareTolerance){.relative = 0.5}));
}

static void swapped_axes_fail(void **state) {
    (void)state;
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLS; c++)
            got[c * ROWS + r] = want[r * COLS + c];
    assert_false(both((CompareTolerance){.relative = 0.1}));
}

static void nothing_to_compare_fails(void **state) {
    (void)state;
    assert_false(compare_floats("empty", got, want, 0, tight, "test_compare"));
    assert_false(compare_norm("empty", got, want, 0, tight, "test_compare"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(equal_arrays_pass, fresh),
        cmocka_unit_test_setup(an_error_inside_the_tolerance_passes, fresh),
        cmocka_unit_test_setup(one_bad_element_fails, fresh),
        cmocka_unit_test_setup(nan_and_infinity_fail_on_either_side, fresh),
        cmocka_unit_test_setup(a_nan_tolerance_fails, fresh),
        cmocka_unit_test_setup(all_zeros_fail, fresh),
        cmocka_unit_test_setup(swapped_axes_fail, fresh),
        cmocka_unit_test_setup(nothing_to_compare_fails, fresh),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
