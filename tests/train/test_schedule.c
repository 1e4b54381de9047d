/* Learning rates and warm-up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "harness/train/schedule.h"

static Schedule parsed(const char *text) {
    Schedule schedule;
    if (schedule_parse(text, 50000, 128, &schedule) != STATUS_OK)
        fail_msg("%s", status_message());
    return schedule;
}

static void the_rate_drops_at_the_iteration_named(void **state) {
    (void)state;
    Schedule s = parsed("32000:0.1 48000:0.01");
    assert_true(schedule_rate(&s, 0.1, 0) == 0.1);
    assert_true(schedule_rate(&s, 0.1, 31999) == 0.1);
    assert_true(schedule_rate(&s, 0.1, 32000) == 0.1 * 0.1);
    assert_true(schedule_rate(&s, 0.1, 47999) == 0.1 * 0.1);
    assert_true(schedule_rate(&s, 0.1, 48000) == 0.1 * 0.01);
    assert_true(schedule_rate(&s, 0.1, 1000000) == 0.1 * 0.01);
}

static void an_empty_schedule_is_constant(void **state) {
    (void)state;
    Schedule s = parsed("");
    assert_true(schedule_rate(&s, 0.3, 123456) == 0.3);
}

static void epochs_become_whole_iterations(void **state) {
    (void)state;
    Schedule s = parsed("1e:0.5 150e:0.1");
    assert_int_equal(s.steps[0].from, 391); /* 50000 / 128 = 390.6 */
    assert_int_equal(s.steps[1].from, 58594);
}

static void bad_schedules_are_refused(void **state) {
    (void)state;
    const char *bad[] = {"x",      "1e300:0.1",     "1e15e:0.1",     "10",    "10:",  "10:y",
                         "-1:0.1", "10:0.1,20:0.1", "20:0.1 10:0.1", "nan:1", "10:-1"};
    Schedule schedule;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (schedule_parse(bad[i], 100, 10, &schedule) != STATUS_BAD_INPUT)
            fail_msg("schedule '%s' was accepted", bad[i]);
}

/* Iterations until the warm-up is over when every iteration has `errors` of 100. */
static int iterations_at(int errors) {
    Warmup warmup;
    WarmupState state = {0};
    assert_int_equal(warmup_parse("0.01 until 80", &warmup), STATUS_OK);
    assert_true(warmup.rate == 0.01);
    int count = 0;
    for (; !state.over && count < 500; count++)
        warmup_feed(&warmup, &state, errors, 100);
    return count;
}

static void warm_up_ends_below_the_bound(void **state) {
    (void)state;
    assert_int_equal(iterations_at(79), WARMUP_BLOCK);
    assert_int_equal(iterations_at(80), 500); /* not below: never */
}

static void bad_warm_ups_are_refused(void **state) {
    (void)state;
    const char *bad[] = {"0.01",       "0.01 until",     "until 80",    "0.01 until 80 x",
                         "0 until 80", "0.01 until 101", "nan until 80"};
    Warmup warmup;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (warmup_parse(bad[i], &warmup) != STATUS_BAD_INPUT)
            fail_msg("warmup '%s' was accepted", bad[i]);
    assert_int_equal(warmup_parse("", &warmup), STATUS_OK);
    assert_true(warmup.rate == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_drops_at_the_iteration_named),
        cmocka_unit_test(an_empty_schedule_is_constant),
        cmocka_unit_test(epochs_become_whole_iterations),
        cmocka_unit_test(bad_schedules_are_refused),
        cmocka_unit_test(warm_up_ends_below_the_bound),
        cmocka_unit_test(bad_warm_ups_are_refused),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
