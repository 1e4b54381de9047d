/* Tables of the fixture, cell by cell; what is said of broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/csv.h"
#include "harness/report/report.h"
#include "tests/report/fixture.h"
#include "tests/sweep/scratch.h"

/* By hand: of 20, 21, 23.5 the mean is 21.5 and the variance (2.25 + 0.25 + 4) / 2. */
static const struct Expected {
    const char *series, *depth, *column, *value;
} expected[] = {
    {"plain", "20", "runs", "1"},
    {"plain", "20", "shortcut", ""},
    {"plain", "20", "test_error_pct", "22.125"},
    {"plain", "20", "test_error_pct_sd", ""},
    {"plain", "20", "seconds", ""},
    {"plain", "20", "paper_test_error_pct", "9.67"},
    {"plain", "20", "paper_test_error_pct_place", "Fig. 6 left"},
    {"plain", "20", "paper_train_error_pct", "1.3"},
    {"plain", "56", "runs", "2"},
    {"plain", "56", "diverged", "1"},
    {"plain", "56", "test_error_pct", "44"},
    {"plain", "56", "train_error_pct", "40"},
    {"plain", "56", "train_eval_error_pct", "39"},
    {"plain", "56", "seconds", "80"},
    {"plain", "110", "diverged", "1"},
    {"plain", "110", "test_error_pct", ""},
    {"plain", "110", "parameters", "1727962"},
    {"resnet A", "20", "family", "resnet"},
    {"resnet A", "20", "shortcut", "A"},
    {"resnet A", "20", "dataset", "cifar10"},
    {"resnet A", "20", "runs", "3"},
    {"resnet A", "20", "diverged", "0"},
    {"resnet A", "20", "parameters", "269722"},
    {"resnet A", "20", "seconds", "32"},
    {"resnet A", "20", "test_error_pct", "21.5"},
    {"resnet A", "20", "test_error_pct_sd", "1.802775638"},
    {"resnet A", "20", "test_error_pct_min", "20"},
    {"resnet A", "20", "test_error_pct_max", "23.5"},
    {"resnet A", "20", "train_error_pct", "12"},
    {"resnet A", "20", "train_eval_error_pct", "10"},
    {"resnet A", "20", "paper_test_error_pct", "8.75"},
    {"resnet A", "20", "paper_test_error_pct_source", "He2015 arXiv:1512.03385"},
    {"resnet A", "20", "paper_train_error_pct", ""},
    {"resnet A", "56", "test_error_pct", "18.25"},
    {"resnet A", "56", "paper_test_error_pct", "6.97"},
    {"resnet B", "20", "test_error_pct", "19"},
    {"resnet B", "20", "paper_test_error_pct", ""},
};

static int find_row(const CsvTable *table, const char *series, const char *depth) {
    for (int row = 0; row < table->rows; row++) {
        if (strcmp(csv_get(table, row, "series"), series) == 0 &&
            strcmp(csv_get(table, row, "depth"), depth) == 0)
            return row;
    }
    fail_msg("no row %s %s", series, depth);
    return -1;
}

static void assert_contains(const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text ? text : "(no file)");
}

static void table_cell_by_cell(void **state) {
    (void)state;
    char path[600];
    CsvTable table;
    const char *folder = fixture_copy("cells");
    assert_int_equal(report_write(folder), STATUS_OK);
    snprintf(path, sizeof path, "%s/table.csv", folder);
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    assert_int_equal(table.rows, 6);
    assert_string_equal(csv_get(&table, 0, "series"), "plain"); /* though last in runs.csv */
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct Expected *e = &expected[i];
        const char *cell = csv_get(&table, find_row(&table, e->series, e->depth), e->column);
        if (!cell || strcmp(cell, e->value) != 0)
            fail_msg("%s %s, %s: '%s', expected '%s'", e->series, e->depth, e->column,
                     cell ? cell : "no such column", e->value);
    }
    csv_table_free(&table);
}

static void markdown_says_what_differs(void **state) {
    (void)state;
    char path[600];
    const char *folder = fixture_copy("markdown");
    assert_int_equal(report_write(folder), STATUS_OK);
    snprintf(path, sizeof path, "%s/table.md", folder);
    char *text = slurp_text(path);
    assert_contains(text, "| resnet A | 20 | 3 | 21.50 ± 1.80 | 12.00 ± 2.65 | 10.00 ± 0.66 "
                          "| 269722 | 32.0 | 8.75 [");
    assert_contains(text, "| plain | 56 | 2 (1 diverged) | 44.00 | 40.00 | 39.00 |");
    assert_contains(text, "| plain | 110 | 1 (1 diverged) | diverged |");
    assert_contains(text, "(its values in brackets): iterations 200 (64000).");
    assert_contains(text, "He2015 arXiv:1512.03385, Table 6: single number");
    free(text);
}

static void short_table_is_aligned(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_int_equal(report_print_table(file, fixture_copy("short")), STATUS_OK);
    fclose(file);
    assert_contains(
        text, "plain        56     2      44.00      40.00      39.00       80.0  (1 diverged)\n");
    assert_contains(text, "plain       110     1   diverged   diverged   diverged\n");
    assert_contains(text, "resnet A     20     3      21.50      12.00      10.00       32.0\n");
    free(text);
}

static void broken(const char *name, const char *runs, const char *curves, const char *message) {
    const char *folder = fixture_folder(name, runs, curves);
    assert_int_equal(report_write(folder), STATUS_BAD_INPUT);
    assert_contains(status_message(), message);
}

static void broken_files_are_named(void **state) {
    (void)state;
    const char *good = RUNS_HEADER "m,plain,8,A,16,mnist,64,9,1,none,1,k,done,,1,1,1,1,1\n";
    broken("b1", NULL, NULL, "runs.csv");
    broken("b2", RUNS_HEADER, CURVES_HEADER, "no finished run");
    broken("b3", good, NULL, "curves.csv");
    broken("b4", "family,depth,status\nplain,twenty,done\n", CURVES_HEADER,
           "runs.csv:2: column 'depth' is not a number: 'twenty'");
    broken("b5", "family,status\nplain,done\n", CURVES_HEADER, "no column 'depth'");
    broken("b6", "family,depth,status\nplain,20,running\n", CURVES_HEADER,
           "runs.csv:2: column 'status' is 'running'");
    broken("b7", "family,depth,status,test_error_pct\nplain,20,done,\n", CURVES_HEADER,
           "'test_error_pct' is empty");
    broken("b8", "family,depth,status,test_error_pct\nplain,2.5,done,1\n", CURVES_HEADER,
           "no positive integer: '2.5'");
    broken("b9", good, CURVES_HEADER "k,m,plain,8,A,1,ten,5,5\n",
           "curves.csv:2: column 'iteration' is not a number: 'ten'");
    assert_int_equal(report_write("/nonexistent/folder"), STATUS_BAD_INPUT);
    assert_contains(status_message(), "/nonexistent/folder");
}

/* Every kind of block has the number that its paper gives it, and a mixture has none. */
static void each_block_has_its_own_number(void **state) {
    (void)state;
    static const char runs[] =
        "model,family,depth,shortcut,block,width,dataset,activation,gate,gate_bias,shortcut_scale,"
        "residual_scale,shortcut_dropout,seed,key,status,test_error_pct\n"
        "resnet_cifar,resnet,110,A,basic,16,cifar10,full_preact,none,0,1,1,0,1,a,done,7\n"
        "resnet_cifar,resnet,110,A,basic,16,cifar10,original,exclusive,-6,1,1,0,1,b,done,7\n"
        "resnet_cifar,resnet,110,A,basic,16,cifar10,original,shortcut,0,1,1,0,1,c,done,7\n"
        "resnet_cifar,resnet,110,A,basic,16,cifar10,original,none,0,0.5,0.5,0,1,d,done,7\n"
        "resnet_cifar,resnet,110,C,basic,16,cifar10,original,none,0,1,1,0,1,e,done,7\n"
        "resnet_cifar,resnet,164,B,bottleneck,16,cifar10,original,none,0,1,1,0,1,f,done,7\n"
        "resnet_cifar,resnet,164,B,bottleneck,16,cifar10,relu_preact,none,0,1,1,0,1,g,done,7\n"
        "resnet_cifar,resnet,110,A,basic,16,cifar10,full_preact,exclusive,-6,1,1,0,1,h,done,7\n";
    static const char *const values[] = {"6.37",  "8.7",  "12.86", "12.35",
                                         "12.22", "5.93", "5.91",  ""};
    char path[512];
    const char *folder = fixture_folder("blocks", runs, "key,iteration\na,1\n");
    CsvTable table;
    if (report_write(folder) != STATUS_OK)
        fail_msg("%s", status_message());
    snprintf(path, sizeof path, "%s/table.csv", folder);
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    assert_int_equal(table.rows, 8);
    for (int i = 0; i < 8; i++) { /* each once: rows are sorted by series */
        int found = 0;
        for (int row = 0; row < table.rows; row++)
            found += strcmp(csv_get(&table, row, "paper_test_error_pct"), values[i]) == 0;
        assert_int_equal(found, 1);
    }
    csv_table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_cell_by_cell),
        cmocka_unit_test(markdown_says_what_differs),
        cmocka_unit_test(short_table_is_aligned),
        cmocka_unit_test(broken_files_are_named),
        cmocka_unit_test(each_block_has_its_own_number),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
