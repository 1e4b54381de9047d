/* Every operation and every small net of the case table against finite differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/ref/gradcheck.h"
#include "tests/support/cases.h"

/* h = 1e-5: the third derivative's share is h^2 times some hundreds (batch norm over few values),
 * rounding's 2e-16 / 1e-5 times the sum's length. */
static const double tolerance = 1e-6;
/* A switching ReLU or max-pool may excuse at most this share of the entries. */
static const double most_skipped = 0.05;

static void check(const Case *test, Mode mode) {
    Rig rig;
    rig_open(&rig, "ref", 1, case_net(test), test->batch, NULL);
    int entries = rig.net->learned_count > 10000 ? 5 : 20; /* of each array: a matter of time */
    GradcheckResult result = gradcheck(&rig, mode, test->bn_group, entries);
    if (!(result.worst <= tolerance))
        fail_msg("%s: relative error %.3g at %s, tolerance %.3g", test->name, result.worst,
                 result.where, tolerance);
    if (!(result.skipped <= most_skipped * result.checked + 1))
        fail_msg("%s: %d of %d entries sit at a kink", test->name, result.skipped, result.checked);
    if (!(result.smallest_norm >= 1e-3))
        fail_msg("%s: a gradient vanished (norm %.3g)", test->name, result.smallest_norm);
    rig_close(&rig);
}

static void matches_finite_differences(void **state) {
    check(*state, MODE_TRAIN);
}

/* With batch statistics but no update, and with running statistics. */
static void other_statistics_match_too(void **state) {
    (void)state;
    int count;
    const Case *cases = case_table(&count);
    for (int i = 0; i < count; i++) {
        Net *net = case_net(&cases[i]);
        bool normalised = case_has_batch_norm(net);
        net_destroy(net);
        if (!normalised || cases[i].batch * 2 > 8)
            continue;
        check(&cases[i], MODE_EVAL);
        check(&cases[i], MODE_EVAL_BATCH);
    }
}

int main(void) {
    int count;
    const Case *cases = case_table(&count);
    struct CMUnitTest tests[128] = {{0}};
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = matches_finite_differences,
                                       .initial_state = (void *)&cases[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(other_statistics_match_too);
    return !!_cmocka_run_group_tests("gradients", tests, (size_t)count, NULL, NULL);
}
