/* The main job's claim, checked from its runs.csv: plain nets get worse with depth, residual nets do
 * not, everything else equal. usage: check_quickstart RUNS_CSV */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/csv.h"

static CsvTable runs;

static const char *cell(int row, const char *column) {
    const char *text = csv_get(&runs, row, column);
    if (!text)
        fail_msg("%s has no column '%s'", runs.path, column);
    return text;
}

static double number(int row, const char *column) {
    char *end;
    double value = strtod(cell(row, column), &end);
    if (end == cell(row, column) || *end)
        fail_msg("row %d: %s is '%s', not a number", row, column, cell(row, column));
    return value;
}

/* The row of a family with the smallest or the largest depth. */
static int extreme(const char *family, int sign) {
    int best = -1;
    for (int row = 0; row < runs.rows; row++)
        if (strcmp(cell(row, "family"), family) == 0 &&
            (best < 0 || sign * (number(row, "depth") - number(best, "depth")) > 0))
            best = row;
    assert_true(best >= 0);
    return best;
}

/* Train error of the deepest net minus that of the shallowest, in points. */
static double gap(const char *family) {
    int deep = extreme(family, 1), shallow = extreme(family, -1);
    assert_true(number(deep, "depth") >= 3 * number(shallow, "depth"));
    return number(deep, "train_eval_error_pct") - number(shallow, "train_eval_error_pct");
}

static void plain_nets_degrade_and_residual_nets_do_not(void **state) {
    (void)state;
    double plain = gap("plain"), residual = gap("resnet");
    printf("train error, deepest minus shallowest: plain %+.2f, residual %+.2f points\n", plain,
           residual);
    assert_true(plain >= 5);
    assert_true(residual <= plain / 3);
}

static void every_row_finished_on_real_images(void **state) {
    (void)state;
    assert_true(runs.rows >= 4);
    for (int row = 0; row < runs.rows; row++) {
        assert_string_equal(cell(row, "status"), "done");
        assert_string_equal(cell(row, "dataset"), "fashion_mnist");
        /* of the Debian package's unpacked files */
        assert_string_equal(cell(row, "dataset_sha256"),
                            "14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214");
    }
}

static void every_row_has_the_same_hyper_parameters(void **state) {
    (void)state;
    const char *const equal[] = {"width",    "batch",        "iterations", "optimizer",
                                 "sgd_form", "lr",           "schedule",   "warmup",
                                 "momentum", "weight_decay", "init",       "normalize",
                                 "augment",  "train_size",   "seed",       "backend"};
    for (int row = 1; row < runs.rows; row++)
        for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++)
            assert_string_equal(cell(row, equal[i]), cell(0, equal[i]));
}

int main(int argc, char **argv) {
    if (argc != 2 || csv_read(argv[1], &runs) != STATUS_OK) {
        fprintf(stderr, "%s\n", argc == 2 ? status_message() : "usage: check_quickstart RUNS_CSV");
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_finished_on_real_images),
        cmocka_unit_test(every_row_has_the_same_hyper_parameters),
        cmocka_unit_test(plain_nets_degrade_and_residual_nets_do_not),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    csv_table_free(&runs);
    return !!failed;
}
