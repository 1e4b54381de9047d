/* Means, grouping of runs, the paper's values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report/figure.h"
#include "harness/report/labels.h"
#include "harness/report/reference.h"
#include "harness/report/results.h"
#include "tests/report/fixture.h"

static void assert_close(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static void summary_of_a_few(void **state) {
    (void)state;
    const double values[] = {1, NAN, 2, 4};
    Summary s = summarize(values, 4);
    assert_int_equal(s.n, 3);
    assert_close(s.mean, 7.0 / 3);
    assert_close(s.sd, sqrt((16 + 1 + 25) / 9.0 / 2));
    assert_close(s.least, 1);
    assert_close(s.greatest, 4);
}

static void summary_of_one_and_none(void **state) {
    (void)state;
    const double values[] = {NAN, -3};
    Summary one = summarize(values, 2), none = summarize(values, 1);
    assert_int_equal(one.n, 1);
    assert_close(one.mean, -3);
    assert_true(isnan(one.sd));
    assert_close(one.greatest, -3);
    assert_int_equal(none.n, 0);
    assert_true(isnan(none.mean) && isnan(none.sd) && isnan(none.least));
}

static void ceilings_are_round(void **state) {
    (void)state;
    assert_close(nice_ceiling(17.2), 20);
    assert_close(nice_ceiling(20), 20);
    assert_close(nice_ceiling(20.1), 25);
    assert_close(nice_ceiling(0.037), 0.04);
    assert_close(nice_ceiling(91), 100);
    assert_close(nice_ceiling(0), 1);
}

static void labels_are_cleaned(void **state) {
    (void)state;
    char label[24];
    label_clean("a'`$|<&>\"\n\\@{}_1.5%", label, sizeof label);
    assert_string_equal(label, "a?????????????_1.5%");
    label_clean("abcdefghijklmnopqrstuvwxyz", label, 5);
    assert_string_equal(label, "abcd");
}

/* 10 and 10.5 are moved apart around their mean 10.25; 30 stays. */
static void labels_keep_apart(void **state) {
    (void)state;
    Label labels[] = {{1, 30}, {2, 10.5}, {3, 10}};
    labels_spread(labels, 3, 2, 100);
    assert_int_equal(labels[0].depth, 3);
    assert_close(labels[0].y, 9.25);
    assert_int_equal(labels[1].depth, 2);
    assert_close(labels[1].y, 11.25);
    assert_close(labels[2].y, 30);
}

static void labels_stay_in_the_picture(void **state) {
    (void)state;
    Label high[] = {{1, NAN}, {2, 250}, {3, 100}}, low[] = {{1, 0}, {2, 0}};
    labels_spread(high, 3, 5, 100);
    for (int i = 0; i < 3; i++)
        assert_close(high[i].y, 90 + 5 * i);
    labels_spread(low, 2, 5, 100);
    assert_true(low[0].y == 0);
    assert_close(low[1].y, 5);
}

/* One row of the given net and data set; the paper's value of the metric. */
static double paper_value(const char *name, const char *row, const char *metric) {
    char runs[1024];
    Results results;
    CsvTable reference;
    snprintf(runs, sizeof runs, "%s%s,128,64000,0.1,none,1,k,done,,1,1,1,1,1\n", RUNS_HEADER, row);
    const char *folder = fixture_folder(name, runs, CURVES_HEADER);
    assert_int_equal(results_read(folder, &results), STATUS_OK);
    assert_int_equal(reference_open(&reference), STATUS_OK);
    double value = reference_find(&reference, &results, 0, metric).value;
    csv_table_free(&reference);
    results_free(&results);
    return value;
}

static void papers_values(void **state) {
    (void)state;
    const char *const test = "test_error_pct", *const train = "train_error_pct";
    assert_close(paper_value("p1", "resnet_cifar,resnet,110,A,16,cifar10", test), 6.61);
    assert_close(paper_value("p2", "resnet_cifar,plain,44,A,16,cifar10", test), 11.3);
    assert_close(paper_value("p3", "resnet_cifar,plain,44,A,16,cifar10", train), 2.7);
}

static void no_value_where_the_paper_has_none(void **state) {
    (void)state;
    const char *const test = "test_error_pct", *const train = "train_error_pct";
    assert_true(isnan(paper_value("n1", "resnet_cifar,resnet,20,B,16,cifar10", test)));
    assert_true(isnan(paper_value("n2", "resnet_cifar,resnet,20,A,32,cifar10", test)));
    assert_true(isnan(paper_value("n3", "resnet_cifar,resnet,20,A,16,fashion_mnist", test)));
    assert_true(isnan(paper_value("n4", "resnet_cifar,resnet,26,A,16,cifar10", test)));
    assert_true(isnan(paper_value("n5", "other,resnet,20,A,16,cifar10", test)));
    assert_true(isnan(paper_value("n6", "resnet_cifar,resnet,20,A,16,cifar10", train)));
}

/* Rows of runs that failed or crashed are counted, and what stands beside them keeps its own. */
static void failed_rows(void **state) {
    (void)state;
    Results results;
    const char *runs =
        RUNS_HEADER "resnet_cifar,plain,20,A,16,cifar10,128,64000,0.1,none,1,a,failed,,,,,0,1\n"
                    "resnet_cifar,resnet,32,B,16,cifar10,128,64000,0.1,none,1,b,done,,7,8,9,1,1\n"
                    "resnet_cifar,plain,44,A,16,cifar10,128,64000,0.1,none,1,c,crashed,,,,,0,1\n";
    assert_int_equal(results_read(fixture_folder("failed", runs, CURVES_HEADER), &results),
                     STATUS_OK);
    assert_int_equal(results.run_count, 1);
    assert_int_equal(results.failed, 2);
    assert_int_equal(results.series_count, 1);
    assert_false(results.series[0].plain);
    assert_string_equal(run_text(&results, results.runs[0].row, "family"), "resnet");
    assert_string_equal(run_text(&results, results.series[0].row, "depth"), "32");
    results_free(&results);
    runs = RUNS_HEADER "resnet_cifar,plain,20,A,16,cifar10,128,64000,0.1,none,1,a,failed,,,,,0,1\n";
    assert_int_equal(results_read(fixture_folder("none", runs, CURVES_HEADER), &results),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "no run has a result"));
}

static void protocol_is_compared(void **state) {
    (void)state;
    Results results;
    char text[1024];
    const char *runs =
        RUNS_HEADER "resnet_cifar,plain,20,A,16,cifar10,128,64000,0.1,none,1,a,done,,1,1,1,1,1\n"
                    "resnet_cifar,plain,20,A,16,cifar10,64,500,1e-1,none,1,b,done,,1,1,1,1,1\n"
                    "resnet_cifar,plain,20,A,16,cifar10,128,900,0.1,none,1,c,done,,1,1,1,1,1\n";
    assert_int_equal(results_read(fixture_folder("protocol", runs, CURVES_HEADER), &results),
                     STATUS_OK);
    protocol_differences(&results, text, sizeof text);
    assert_string_equal(text, "batch 64 (128), iterations 500 and 900 (64000)");
    results_free(&results);
}

/* lr varies at one depth and sets series apart; the warm-up of the deepest net alone does not. */
static void what_sets_series_apart(void **state) {
    (void)state;
    const char *runs =
        RUNS_HEADER "m,resnet,20,A,16,mnist,64,10,0.1,none,1,a,done,,1,1,1,1,1\n"
                    "m,resnet,20,A,16,mnist,64,10,0.2,none,1,b,done,,1,1,1,1,1\n"
                    "m,resnet,110,A,16,mnist,64,10,0.1,0.01 until 80,1,c,done,,1,1,1,1,1\n";
    Results results;
    assert_int_equal(results_read(fixture_folder("apart", runs, CURVES_HEADER), &results),
                     STATUS_OK);
    assert_int_equal(results.series_count, 2);
    assert_string_equal(results.series[0].label, "resnet, lr=0.1");
    assert_string_equal(results.series[1].label, "resnet, lr=0.2");
    assert_int_equal(results.runs[2].series, 0);
    assert_string_equal(results.mixed, "warmup");
    results_free(&results);
}

/* Of several columns only what differs from the default is named. */
static void labels_leave_defaults_out(void **state) {
    (void)state;
    const char *runs = RUNS_HEADER "m,resnet,20,A,16,mnist,128,10,0.1,none,1,a,done,,1,1,1,1,1\n"
                                   "m,resnet,20,A,16,mnist,64,10,0.1,none,1,b,done,,1,1,1,1,1\n"
                                   "m,resnet,20,A,16,mnist,64,10,0.2,none,1,c,done,,1,1,1,1,1\n";
    const char *const labels[] = {"resnet", "resnet, batch=64", "resnet, batch=64, lr=0.2"};
    Results results;
    assert_int_equal(results_read(fixture_folder("defaults", runs, CURVES_HEADER), &results),
                     STATUS_OK);
    assert_int_equal(results.series_count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(results.series[i].label, labels[i]);
    results_free(&results);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_of_a_few),
        cmocka_unit_test(summary_of_one_and_none),
        cmocka_unit_test(ceilings_are_round),
        cmocka_unit_test(labels_are_cleaned),
        cmocka_unit_test(labels_keep_apart),
        cmocka_unit_test(labels_stay_in_the_picture),
        cmocka_unit_test(papers_values),
        cmocka_unit_test(no_value_where_the_paper_has_none),
        cmocka_unit_test(failed_rows),
        cmocka_unit_test(protocol_is_compared),
        cmocka_unit_test(what_sets_series_apart),
        cmocka_unit_test(labels_leave_defaults_out),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
