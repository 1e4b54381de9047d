/* Sweeps through the built program on the real Fashion-MNIST: every cell of the output, resuming,
 * diverging, selecting. Skips, aloud, without the data set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/sweep/columns.h"
#include "harness/sweep/config.h"
#include "net/cost.h"
#include "tests/sweep/outputs.h"
#include "tests/sweep/program.h"

enum { RUNS = 4, EVALUATIONS = 2, ITERATIONS = 20, TRAIN = 200, TEST = 100, BATCH = 20 };

/* A percentage with four decimals that stands for a whole number of `images`. */
static void is_share(const CsvTable *table, int row, const char *column, int images) {
    double value = number(table, row, column), wrong = value * images / 100;
    const char *dot = strchr(csv_get(table, row, column), '.');
    assert_true(dot && strlen(dot) == 5);
    if (!(value >= 0 && value <= 100 && fabs(wrong - round(wrong)) < 1e-4 * images))
        fail_msg("%s of row %d: %.4f %% of %d images", column, row, value, images);
}

static void is_loss(const CsvTable *table, int row, const char *column) {
    double value = number(table, row, column);
    if (!(value > 0 && value < 20)) /* about ln 10 at the start */
        fail_msg("%s of row %d: %g", column, row, value);
}

/* ---- the smoke sweep, cell by cell ---- */

static const char *const families[RUNS] = {"plain", "plain", "resnet", "resnet"};
static const char *const depths[RUNS] = {"8", "14", "8", "14"};

/* Columns that the file sets; every other one is at its default. */
static const char *expected_independent(int run, const Column *column) {
    static const char *const set[][2] = {{"width", "4"},
                                         {"dataset", "fashion_mnist"},
                                         {"train_size", "200"},
                                         {"test_size", "100"},
                                         {"batch", "20"},
                                         {"iterations", "20"},
                                         {"lr", "0.05"},
                                         {"schedule", "15:0.1"},
                                         {"eval_every", "10"},
                                         {"threads", "1"},
                                         {"shortcut", "A"},
                                         {"block", "basic"},
                                         {"profile", "none"},
                                         {"first_kernel", "3"},
                                         {"bottleneck_stride", "1x1"}}; /* what auto stood for */
    if (strcmp(column->name, "family") == 0)
        return families[run];
    if (strcmp(column->name, "depth") == 0)
        return depths[run];
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
        if (strcmp(column->name, set[i][0]) == 0)
            return set[i][1];
    return column->fallback;
}

static void check_header_line(const CsvTable *runs, const CsvTable *curves) {
    int count, results;
    const Column *columns = columns_independent(&count);
    const ResultColumn *result = columns_result(&results);
    assert_int_equal(runs->columns, count + results);
    for (int i = 0; i < count; i++)
        assert_string_equal(runs->header[i], columns[i].name);
    for (int i = 0; i < results; i++)
        assert_string_equal(runs->header[count + i], result[i].name);
    const ResultColumn *curve = columns_curve(&count);
    assert_int_equal(curves->columns, count);
    for (int i = 0; i < count; i++)
        assert_string_equal(curves->header[i], curve[i].name);
}

static void check_independent(const CsvTable *runs, int row) {
    int count;
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++) {
        const char *name = columns[i].name;
        if (strcmp(name, "backend") == 0) {
            const char *text = csv_get(runs, row, name); /* the file's, or the build's only one */
            assert_true(strcmp(text, "cpu") == 0 || strcmp(text, "ref") == 0);
        } else if (strcmp(name, "precision") == 0) {
            bool ref = strcmp(csv_get(runs, row, "backend"), "ref") == 0;
            cell_is(runs, row, name, ref ? "fp64" : "fp32"); /* what auto stood for */
        } else if (strcmp(name, "conv") == 0) {
            bool cpu = strcmp(csv_get(runs, row, "backend"), "cpu") == 0;
            cell_is(runs, row, name, cpu ? "winograd" : "direct"); /* likewise */
        } else {
            cell_is(runs, row, name, expected_independent(row, &columns[i]));
        }
    }
}

static void check_net(const CsvTable *runs, int row) {
    ModelSpec spec = model_default();
    Net *net;
    spec.family = row < 2 ? FAMILY_PLAIN : FAMILY_RESNET;
    spec.depth = atoi(depths[row]);
    spec.width = 4;
    spec.input = (Shape){1, 28, 28};
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    Cost cost = net_cost(net);
    assert_true(number(runs, row, "parameters") == (double)cost.parameters);
    assert_true(number(runs, row, "macs") == (double)cost.macs);
    net_destroy(net);
}

static void check_provenance(const CsvTable *runs, int row) {
    const char *const words[] = {"commit", "compiler", "device", "isa", "libraries", "host"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_true(strlen(csv_get(runs, row, words[i])) > 0);
    assert_non_null(strstr(csv_get(runs, row, "flags"), "-ffp-contract=off"));
    const char *sum = csv_get(runs, row, "dataset_sha256");
    assert_true(strlen(sum) == 64 && strspn(sum, "0123456789abcdef") == 64);
    int year, month, day, hour, minute, second;
    assert_int_equal(sscanf(csv_get(runs, row, "started"), "%4d-%2d-%2dT%2d:%2d:%2dZ", &year,
                            &month, &day, &hour, &minute, &second),
                     6);
    assert_true(number(runs, row, "seconds") > 0);
    assert_true(number(runs, row, "images_per_s") > 0);
    assert_true(number(runs, row, "host_load") >= 0);
    assert_true(number(runs, row, "peak_memory_mib") > 1);
}

static void check_result(const CsvTable *runs, int row) {
    const char *key = csv_get(runs, row, "key");
    assert_true(strlen(key) == 16 && strspn(key, "0123456789abcdef") == 16);
    for (int other = 0; other < row; other++)
        assert_string_not_equal(key, csv_get(runs, other, "key"));
    cell_is(runs, row, "status", "done");
    cell_is(runs, row, "diverged_at", "");
    cell_is(runs, row, "iterations_done", "20");
    cell_is(runs, row, "validation_error_pct", "");
    cell_is(runs, row, "selected_iteration", "20");
    cell_is(runs, row, "train_images", "200");
    cell_is(runs, row, "test_images", "100");
    is_share(runs, row, "train_error_pct", BATCH * ITERATIONS / EVALUATIONS);
    is_share(runs, row, "train_eval_error_pct", TRAIN);
    is_share(runs, row, "test_error_pct", TEST);
    is_share(runs, row, "best_test_error_pct", TEST);
    is_loss(runs, row, "train_loss");
    is_loss(runs, row, "train_eval_loss");
    is_loss(runs, row, "test_loss");
}

/* Both evaluations of a run; the last one is what runs.csv says. */
static void check_curve(const CsvTable *curves, const CsvTable *runs, int run) {
    const char *const same[] = {"key", "model", "family", "depth", "shortcut", "seed"};
    const char *const final[] = {"train_loss",           "train_error_pct", "train_eval_loss",
                                 "train_eval_error_pct", "test_loss",       "test_error_pct"};
    int first = run * EVALUATIONS, last = first + EVALUATIONS - 1, best = first;
    for (int row = first; row <= last; row++)
        for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
            cell_is(curves, row, same[i], csv_get(runs, run, same[i]));
    cell_is(curves, first, "iteration", "10");
    cell_is(curves, first, "epoch", "1.0000");
    cell_is(curves, first, "lr", "0.05");
    cell_is(curves, last, "iteration", "20");
    cell_is(curves, last, "epoch", "2.0000");
    cell_is(curves, last, "lr", "0.005"); /* from iteration 15 on a tenth */
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++)
        cell_is(runs, run, final[i], csv_get(curves, last, final[i]));
    is_share(curves, first, "test_error_pct", TEST);
    is_share(curves, first, "train_eval_error_pct", TRAIN);
    assert_true(number(curves, last, "seconds") >= number(curves, first, "seconds"));
    for (int row = first; row <= last; row++)
        if (number(curves, row, "test_error_pct") < number(curves, best, "test_error_pct"))
            best = row;
    cell_is(runs, run, "best_test_error_pct", csv_get(curves, best, "test_error_pct"));
    cell_is(runs, run, "best_iteration", csv_get(curves, best, "iteration"));
}

static void every_cell(void **state) {
    (void)state;
    run_smoke("--out a", 0, "a/runs.csv|a/curves.csv");
    CsvTable runs = table_of("a/runs.csv"), curves = table_of("a/curves.csv");
    check_header_line(&runs, &curves);
    assert_int_equal(runs.rows, RUNS);
    assert_int_equal(curves.rows, RUNS * EVALUATIONS);
    for (int run = 0; run < RUNS; run++) {
        check_independent(&runs, run);
        check_result(&runs, run);
        check_net(&runs, run);
        check_provenance(&runs, run);
        check_curve(&curves, &runs, run);
    }
    csv_table_free(&runs);
    csv_table_free(&curves);
}

/* At the end come tables and figures, here without training anything again. */
static void figures(void **state) {
    (void)state;
    char line[1024];
    snprintf(line, sizeof line, "run %s --threads 1 --out a", smoke_path());
    program_expect(line, 0, "plain|resnet|a/runs.csv|a/table.md");
    assert_true(exists("a/table.md"));
    assert_true(exists("a/table.csv"));
    if (strstr(program_run(line)->err, "no figures"))
        return; /* said aloud: no gnuplot on this machine */
    assert_true(exists("a/figures/error_curves.svg"));
    assert_true(exists("a/figures/error_depth.png"));
}

/* Runs again: nothing trains, the files are the same to the byte. */
static void resume(void **state) {
    (void)state;
    char *runs = text_of("a/runs.csv"), *curves = text_of("a/curves.csv");
    const char *args = "run %s --threads 1 --no-plot --out a";
    char line[1024];
    snprintf(line, sizeof line, args, smoke_path());
    const Outcome *o = program_run(line);
    assert_int_equal(o->code, 0);
    assert_null(strstr(o->err, "begins"));
    expect_words(o->err, "[1/4]|[4/4]|finished already");
    char *runs_after = text_of("a/runs.csv"), *curves_after = text_of("a/curves.csv");
    assert_string_equal(runs, runs_after);
    assert_string_equal(curves, curves_after);
    free(runs);
    free(curves);
    free(runs_after);
    free(curves_after);
}

/* In parts, in another order: the same rows in the same order, but for the volatile cells. */
static void repeat_in_parts(void **state) {
    (void)state;
    run_smoke("--out b --rows 3-4", 0, "b/runs.csv");
    CsvTable runs = table_of("b/runs.csv");
    assert_int_equal(runs.rows, 2);
    cell_is(&runs, 0, "family", "resnet");
    csv_table_free(&runs);
    run_smoke("--out b", 0, "b/runs.csv");
    assert_same_table("a/runs.csv", "b/runs.csv");
    assert_same_table("a/curves.csv", "b/curves.csv");
}

/* Another seed in the same folder: its runs come beside the others, none is lost. */
static void runs_add_up(void **state) {
    (void)state;
    run_smoke("--out b --rows 1 --set seed=2", 0, "b/runs.csv");
    CsvTable runs = table_of("b/runs.csv");
    assert_int_equal(runs.rows, RUNS + 1);
    cell_is(&runs, 0, "seed", "2");
    csv_table_free(&runs);
}

static void diverged(void **state) {
    (void)state;
    run_smoke("--out d --rows 1 --set lr=1e6 --set schedule=none", 0, "d/runs.csv");
    CsvTable runs = table_of("d/runs.csv");
    assert_int_equal(runs.rows, 1);
    cell_is(&runs, 0, "status", "diverged");
    double at = number(&runs, 0, "diverged_at");
    assert_true(at >= 1 && at <= ITERATIONS);
    cell_is(&runs, 0, "iterations_done", csv_get(&runs, 0, "diverged_at"));
    cell_is(&runs, 0, "test_error_pct", "");
    cell_is(&runs, 0, "train_error_pct", "");
    cell_is(&runs, 0, "selected_iteration", "");
    csv_table_free(&runs);
    run_smoke("--out d --rows 1 --set lr=1e6 --set schedule=none --quiet", 0, "d/runs.csv");
    char line[1024];
    snprintf(line, sizeof line,
             "run %s --threads 1 --no-plot --out d --rows 1 --set lr=1e6 --set "
             "schedule=none --save-weights",
             smoke_path());
    const Outcome *o = program_run(line);
    assert_non_null(strstr(o->err, "finished already")); /* a result, too */
    assert_null(strstr(o->err, "finished without it"));  /* it has no weights to miss */
}

/* One thread is all that ref has: "auto" and "1" are one run, and that is told. */
static void same_run_after_resolving(void **state) {
    (void)state;
    run_smoke("--out k --set backend=ref --set threads=auto|1", 2, "same run|'auto'");
    assert_false(exists("k"));
}

static void best_test(void **state) {
    (void)state;
    run_smoke("--out s --rows 2 --set select=best_test --set eval_every=1", 0, "s/runs.csv");
    CsvTable runs = table_of("s/runs.csv"), curves = table_of("s/curves.csv");
    double least = 100;
    for (int row = 0; row < curves.rows; row++)
        least = fmin(least, number(&curves, row, "test_error_pct"));
    assert_int_equal(curves.rows, ITERATIONS);
    assert_true(number(&runs, 0, "test_error_pct") == least);
    cell_is(&runs, 0, "selected_iteration", csv_get(&runs, 0, "best_iteration"));
    csv_table_free(&runs);
    csv_table_free(&curves);
}

/* A tenth is held back: neither trained on nor left out of the account. */
static void best_validation(void **state) {
    (void)state;
    run_smoke("--out v --rows 2 --set select=best_validation --set eval_every=1", 0, "v/runs.csv");
    CsvTable runs = table_of("v/runs.csv"), curves = table_of("v/curves.csv");
    int best = 0;
    for (int row = 0; row < curves.rows; row++) {
        is_share(&curves, row, "validation_error_pct", TRAIN / 10);
        if (number(&curves, row, "validation_error_pct") <
            number(&curves, best, "validation_error_pct"))
            best = row;
    }
    assert_int_equal(curves.rows, ITERATIONS);
    cell_is(&runs, 0, "train_images", "180");
    cell_is(&curves, 0, "epoch", "0.1111"); /* 20 of 180 */
    is_share(&runs, 0, "train_eval_error_pct", TRAIN - TRAIN / 10);
    cell_is(&runs, 0, "selected_iteration", csv_get(&curves, best, "iteration"));
    cell_is(&runs, 0, "test_error_pct", csv_get(&curves, best, "test_error_pct"));
    cell_is(&runs, 0, "validation_error_pct", csv_get(&curves, best, "validation_error_pct"));
    csv_table_free(&runs);
    csv_table_free(&curves);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(figures),
        cmocka_unit_test(resume),
        cmocka_unit_test(repeat_in_parts),
        cmocka_unit_test(runs_add_up),
        cmocka_unit_test(diverged),
        cmocka_unit_test(same_run_after_resolving),
        cmocka_unit_test(best_test),
        cmocka_unit_test(best_validation),
    };
    int code = smoke_begin(argc, argv);
    return code ? code : !!cmocka_run_group_tests_name("smoke", tests, NULL, NULL);
}
