/* run --layers: layers.csv of a sweep, cell by cell, and everything else as without it. Skips,
 * aloud, without Fashion-MNIST. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sweep/columns.h"
#include "tests/sweep/outputs.h"
#include "tests/sweep/program.h"

enum { LAYERS = 8, EVALUATIONS = 2, RUNS = 2 }; /* of plain-8 and resnet-8 */

static void same_but_seconds(const char *one, const char *two) {
    CsvTable a = table_of(one), b = table_of(two);
    assert_int_equal(a.rows, b.rows);
    for (int row = 0; row < a.rows; row++)
        for (int i = 0; i < a.columns; i++)
            if (strcmp(a.header[i], "seconds") != 0)
                cell_is(&b, row, a.header[i], a.cells[row][i]);
    csv_table_free(&a);
    csv_table_free(&b);
}

static void check_row(const CsvTable *layers, int row, const CsvTable *curves) {
    static const char *const copied[] = {"key",      "model", "family",   "depth",
                                         "shortcut", "seed",  "iteration"};
    static const char *const positive[] = {"response_std", "gradient_norm", "weight_norm"};
    int layer = row % LAYERS + 1;
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        cell_is(layers, row, copied[i], csv_get(curves, row / LAYERS, copied[i]));
    assert_true(number(layers, row, "layer") == layer);
    cell_is(layers, row, "op", layer == LAYERS ? "linear" : "conv2d");
    cell_is(layers, row, "kernel", layer == LAYERS ? "1" : "3");
    cell_is(layers, row, "channels", layer < 4 ? "4" : layer < 6 ? "8" : layer < 8 ? "16" : "10");
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++)
        assert_true(number(layers, row, positive[i]) > 0);
    double ratio = number(layers, row, "update_ratio");
    assert_true(ratio > 0 && ratio < 1);
}

static void every_row(void **state) {
    (void)state;
    int count;
    run_smoke("--out a --rows 1,3 --layers", 0, "a/runs.csv");
    CsvTable layers = table_of("a/layers.csv"), curves = table_of("a/curves.csv");
    const ResultColumn *columns = columns_layer(&count);
    assert_int_equal(layers.columns, count);
    for (int i = 0; i < count; i++)
        assert_string_equal(layers.header[i], columns[i].name);
    assert_int_equal(layers.rows, RUNS * EVALUATIONS * LAYERS);
    for (int row = 0; row < layers.rows; row++)
        check_row(&layers, row, &curves);
    cell_is(&layers, 2, "name", "layer1.0.conv2");
    cell_is(&layers, 7, "name", "fc");
    csv_table_free(&layers);
    csv_table_free(&curves);
}

static void training_stays_the_same(void **state) {
    (void)state;
    run_smoke("--out b --rows 1,3", 0, "b/runs.csv");
    assert_false(exists("b/layers.csv"));
    same_but_seconds("a/curves.csv", "b/curves.csv");
}

/* Runs with and without stand side by side; a missing file is told. */
static void only_some_runs(void **state) {
    (void)state;
    char line[1024];
    run_smoke("--out b --rows 2 --layers", 0, "b/runs.csv");
    CsvTable layers = table_of("b/layers.csv");
    assert_int_equal(layers.rows, EVALUATIONS * 14);
    cell_is(&layers, 0, "depth", "14");
    csv_table_free(&layers);
    snprintf(line, sizeof line, "run %s --threads 1 --no-plot --out b --rows 1 --layers",
             smoke_path());
    expect_words(program_run(line)->err, "layers.csv is not there|finished without it");
}

/* With its last part gone the file of the folder goes, too. */
static void none_left(void **state) {
    (void)state;
    char name[128];
    CsvTable layers = table_of("b/layers.csv");
    snprintf(name, sizeof name, "b/runs/%s/layers.csv", csv_get(&layers, 0, "key"));
    csv_table_free(&layers);
    assert_int_equal(unlink(in_scratch(name)), 0);
    run_smoke("--out b --rows 1,3", 0, "b/runs.csv");
    assert_false(exists("b/layers.csv"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(training_stays_the_same),
        cmocka_unit_test(only_some_runs),
        cmocka_unit_test(none_left),
    };
    int code = smoke_begin(argc, argv);
    return code ? code : !!cmocka_run_group_tests_name("layers_file", tests, NULL, NULL);
}
