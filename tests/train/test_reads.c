/* A device that runs behind the calls is asked for its metrics seldom, and what the training
 * reports stays the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/rig.h"
#include "tests/train/problem.h"

static BackendOps behind;
static const BackendOps *usual;
static int reads;

static Status counted_metrics(Program *program, Metrics *metrics) {
    reads += program->spec.mode == MODE_TRAIN;
    return usual->metrics(program, metrics);
}

/* From here on the problem's backend counts how often training asks for its metrics. */
static void count_reads(Problem *p, bool wait) {
    usual = usual ? usual : p->backend->ops;
    behind = *usual;
    behind.metrics = counted_metrics;
    behind.metrics_wait = wait;
    p->backend->ops = &behind;
    reads = 0;
}

static void a_device_is_asked_seldom(void **state) {
    Problem *p = *state;
    CurveRow rows[ROWS_MAX];
    p->spec.iterations = 47;
    p->spec.eval_every = 21;
    p->spec.lr = 0.01;
    count_reads(p, false);
    problem_train(p);
    assert_int_equal(reads, 47);
    assert_int_equal(p->row_count, 3);
    memcpy(rows, p->rows, sizeof rows);
    count_reads(p, true);
    TrainResult result = problem_train(p);
    assert_int_equal(reads, 5); /* after 20, 21, 40, 42 and 47 */
    assert_int_equal(result.iterations, 47);
    for (int i = 0; i < 3; i++) {
        const CurveRow *row = &p->rows[i];
        assert_int_equal(row->iteration, rows[i].iteration);
        assert_true(row->test_loss == rows[i].test_loss);
        assert_true(row->train_error_pct == rows[i].train_error_pct);
        /* the same losses, added in another order */
        assert_true(fabs(row->train_loss - rows[i].train_loss) <= 1e-14 * rows[i].train_loss);
    }
}

static void warm_up_watches_every_iteration(void **state) {
    Problem *p = *state;
    OK(warmup_parse("0.001 until 0.001", &p->spec.warmup));
    count_reads(p, true);
    problem_train(p);
    assert_int_equal(reads, ITERATIONS);
}

/* In the 28th iteration, which is seen after the 40th, the loss is not finite. */
static void divergence_is_counted_where_it_was(void **state) {
    Problem *p = *state;
    p->spec.iterations = 60;
    p->spec.eval_every = 0;
    p->spec.lr = 0.01;
    OK(schedule_parse("26:1e302", IMAGES, BATCH, &p->spec.schedule));
    count_reads(p, false);
    TrainResult each = problem_train(p);
    assert_true(each.diverged);
    assert_int_equal(each.iterations, 28);
    count_reads(p, true);
    TrainResult seldom = problem_train(p);
    assert_int_equal(reads, 2);
    assert_true(seldom.diverged);
    assert_int_equal(seldom.iterations, 28);
    assert_int_equal(seldom.last.iteration, 28);
    assert_int_equal(p->row_count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_device_is_asked_seldom, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(warm_up_watches_every_iteration, problem_set_up,
                                        problem_tear_down),
        cmocka_unit_test_setup_teardown(divergence_is_counted_where_it_was, problem_set_up,
                                        problem_tear_down),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
