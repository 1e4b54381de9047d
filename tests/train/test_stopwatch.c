/* The stopwatch asks the device where it has a clock, else it looks at the host's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/stopwatch.h"
#include "tests/support/rig.h"

enum { CAPACITY = 3 };

/* A device whose clock stands at the square of the mark's number. */
static int marked[CAPACITY], mark_calls;

static Status device_mark(Backend *backend, int mark) {
    (void)backend;
    marked[mark_calls++] = mark;
    return STATUS_OK;
}

static Status device_between(Backend *backend, int first, int second, double *seconds) {
    (void)backend;
    *seconds = second * second - first * first;
    return STATUS_OK;
}

static const BackendOps host_ops = {.name = "host"};
static const BackendOps device_ops = {
    .name = "device", .mark = device_mark, .between = device_between};

static void a_device_is_asked(void **state) {
    (void)state;
    Backend backend = {.ops = &device_ops};
    Stopwatch watch;
    double seconds;
    OK(stopwatch_open(&watch, &backend, CAPACITY));
    for (int i = 0; i < CAPACITY; i++)
        OK(stopwatch_mark(&watch));
    for (int i = 0; i < CAPACITY; i++)
        assert_int_equal(marked[i], i);
    OK(stopwatch_lap(&watch, 1, &seconds));
    assert_true(seconds == 3);
    stopwatch_close(&watch);
}

static void else_the_host_counts(void **state) {
    (void)state;
    Backend backend = {.ops = &host_ops};
    Stopwatch watch;
    double seconds;
    OK(stopwatch_open(&watch, &backend, CAPACITY));
    for (int i = 0; i < CAPACITY; i++)
        OK(stopwatch_mark(&watch));
    watch.host[1] = watch.host[0] + 0.25;
    OK(stopwatch_lap(&watch, 0, &seconds));
    assert_true(seconds >= 0.2499 && seconds <= 0.2501);
    stopwatch_close(&watch);
}

static void what_was_not_marked_is_refused(void **state) {
    (void)state;
    Backend backend = {.ops = &host_ops};
    Stopwatch watch;
    double seconds;
    OK(stopwatch_open(&watch, &backend, CAPACITY));
    assert_int_equal(stopwatch_lap(&watch, 0, &seconds), STATUS_BAD_INPUT);
    OK(stopwatch_mark(&watch));
    assert_int_equal(stopwatch_lap(&watch, 0, &seconds), STATUS_BAD_INPUT);
    OK(stopwatch_mark(&watch));
    OK(stopwatch_lap(&watch, 0, &seconds));
    assert_true(seconds >= 0);
    assert_int_equal(stopwatch_lap(&watch, -1, &seconds), STATUS_BAD_INPUT);
    OK(stopwatch_mark(&watch));
    assert_int_equal(stopwatch_mark(&watch), STATUS_BAD_INPUT);
    stopwatch_close(&watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_asked),
        cmocka_unit_test(else_the_host_counts),
        cmocka_unit_test(what_was_not_marked_is_refused),
    };
    return !!cmocka_run_group_tests_name("stopwatch", tests, NULL, NULL);
}
