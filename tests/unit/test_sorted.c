/* Numbers in order, and the median of odd and even counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/sorted.h"

static void ascending(void **state) {
    (void)state;
    double values[] = {3, -1, 2.5, -1, 1e300, 0};
    const double expected[] = {-1, -1, 0, 2.5, 3, 1e300};
    sort_numbers(values, 6);
    assert_memory_equal(values, expected, sizeof expected);
}

static void median_of_any_count(void **state) {
    (void)state;
    const double values[] = {7, 1, 4, -5};
    const double expected[] = {7, 4, 4, 2.5}; /* of the first 1, 2, 3, 4 */
    for (int count = 1; count <= 4; count++) {
        double copy[4];
        memcpy(copy, values, sizeof copy);
        assert_true(sorted_median(copy, count) == expected[count - 1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascending),
        cmocka_unit_test(median_of_any_count),
    };
    return !!cmocka_run_group_tests_name("sorted", tests, NULL, NULL);
}
