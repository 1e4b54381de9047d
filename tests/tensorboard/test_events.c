/* The log of a run, beside its curves.csv. Skips, aloud, without Fashion-MNIST. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sweep/outputs.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"
#include "tests/tensorboard/records.h"

static Records log_of(const char *pattern) {
    Records records;
    glob_t found;
    assert_int_equal(glob(in_scratch(pattern), 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    const char *wrong = records_read(found.gl_pathv[0], &records);
    if (wrong)
        fail_msg("%s: %s", found.gl_pathv[0], wrong);
    globfree(&found);
    return records;
}

/* The scalar of this name among all events at a step; fails unless there is exactly one. */
static double scalar(const Records *records, int64_t step, const char *tag) {
    double value = NAN;
    int found = 0;
    for (int i = 1; i < records->count; i++) {
        TensorboardLog__Event *event =
            tensorboard_log__event__unpack(NULL, records->sizes[i], records->bytes[i]);
        assert_non_null(event);
        assert_non_null(event->summary);
        for (size_t k = 0; k < event->summary->n_value; k++)
            if (event->step == step && strcmp(event->summary->value[k]->tag, tag) == 0) {
                value = (double)event->summary->value[k]->simple_value;
                found++;
            }
        tensorboard_log__event__free_unpacked(event, NULL);
    }
    if (found != 1)
        fail_msg("%d values of %s at step %lld", found, tag, (long long)step);
    return value;
}

static void same_as_curves(void **state) {
    (void)state;
    static const char *const columns[] = {
        "lr",        "train_loss",    "train_error_pct", "train_eval_loss", "train_eval_error_pct",
        "test_loss", "test_error_pct"};
    run_smoke("--out a --rows 3 --tensorboard t/u", 0, "a/runs.csv");
    CsvTable curves = table_of("a/curves.csv");
    Records records = log_of("t/u/resnet-8-A-seed-1-*/events.out.tfevents.*");
    assert_int_equal(curves.rows, 2);
    for (int row = 0; row < curves.rows; row++)
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            double logged =
                scalar(&records, (int64_t)number(&curves, row, "iteration"), columns[i]);
            double expected = number(&curves, row, columns[i]);
            double room = strstr(columns[i], "pct") ? 5.1e-5 : 1e-6 * fabs(expected);
            if (!(fabs(logged - expected) <= room))
                fail_msg("%s: %.9g, curves.csv %.9g", columns[i], logged, expected);
        }
    assert_true(scalar(&records, 20, "window/loss") > 0);
    assert_true(scalar(&records, 20, "window/images_per_s") > 0);
    assert_true(fabs(scalar(&records, 20, "window/lr") - 0.005) < 1e-8);
    assert_int_equal(records.count, 1 + 2 + 1); /* version, evaluations, reports */
    records_free(&records);
    csv_table_free(&curves);
}

/* A log changes nothing else: neither the key nor a cell of the curve. */
static void nothing_else_changes(void **state) {
    (void)state;
    run_smoke("--out b --rows 3", 0, "b/runs.csv");
    CsvTable with = table_of("a/curves.csv"), without = table_of("b/curves.csv");
    assert_int_equal(with.rows, without.rows);
    for (int row = 0; row < with.rows; row++)
        for (int i = 0; i < with.columns; i++)
            if (strcmp(with.header[i], "seconds") != 0)
                cell_is(&without, row, with.header[i], with.cells[row][i]);
    csv_table_free(&with);
    csv_table_free(&without);
}

static void refused_before_training(void **state) {
    (void)state;
    scratch_text("plain", "a file");
    run_smoke("--out c --rows 3 --tensorboard plain", 2, "plain|--tensorboard");
    assert_false(exists("c"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_curves),
        cmocka_unit_test(nothing_else_changes),
        cmocka_unit_test(refused_before_training),
    };
    int code = smoke_begin(argc, argv);
    return code ? code : !!cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
