/* The paper's Fig. 6 behind the curves and the distance to it; intervals; the shortcut table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

static const char *fig6_path;

static char *text_in(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return slurp_text(path);
}

static void has(const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%.3000s", part, text ? text : "(no file)");
}

/* Two seeds of plain 20 that lie 0.5 and 1.5 above the paper's points, and one that diverged far
 * off; `dataset` is the paper's or another; `schedule` "" leaves the column out. */
static const char *folder_with(const char *name, const char *dataset, const char *schedule) {
    static const double above[] = {0.5, 1.5, 50};
    char *runs = NULL, *curves = NULL;
    size_t size;
    CsvTable fig6;
    assert_int_equal(csv_read(fig6_path, &fig6), STATUS_OK);
    FILE *r = open_memstream(&runs, &size), *c = open_memstream(&curves, &size);
    fprintf(r, "%s%s", *schedule ? "schedule," : "", RUNS_HEADER);
    fputs(CURVES_HEADER, c);
    for (int seed = 0; seed < 3; seed++) {
        if (*schedule)
            fprintf(r, "%s,", schedule);
        fprintf(r, "resnet_cifar,plain,20,A,16,%s,128,64000,0.1,none,%d,k%d,%s,,%s,269722,9\n",
                dataset, seed, seed, seed == 2 ? "diverged" : "done", seed == 2 ? ",," : "2,2,10");
        for (int row = 0; row < fig6.rows; row++) {
            const char *test = csv_get(&fig6, row, "test_err_pct");
            if (strcmp(csv_get(&fig6, row, "family"), "plain") != 0 ||
                strcmp(csv_get(&fig6, row, "depth"), "20") != 0 || !*test)
                continue;
            fprintf(c, "k%d,resnet_cifar,plain,20,A,%d,%s,,%g\n", seed, seed,
                    csv_get(&fig6, row, "iter"), strtod(test, NULL) + above[seed]);
        }
    }
    fclose(r);
    fclose(c);
    csv_table_free(&fig6);
    const char *folder = fixture_folder(name, runs, curves);
    free(runs);
    free(curves);
    if (report_write(folder) != STATUS_OK)
        fail_msg("%s", status_message());
    return folder;
}

static const char *folder_above(const char *name, const char *dataset) {
    return folder_with(name, dataset, "");
}

static void distance_is_known(void **state) {
    (void)state;
    char path[1024];
    CsvTable table;
    snprintf(path, sizeof path, "%s/fig6_distance.csv", folder_above("above", "cifar10"));
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    assert_int_equal(table.rows, 3); /* stages; no training error was given */
    for (int row = 0; row < 3; row++) {
        assert_string_equal(csv_get(&table, row, "median_difference"), "1");
        assert_string_equal(csv_get(&table, row, "error"), "test");
        double ours = strtod(csv_get(&table, row, "ours"), NULL);
        double paper = strtod(csv_get(&table, row, "paper"), NULL);
        assert_true(ours > paper + 0.9 && ours < paper + 1.1);
    }
    assert_string_equal(csv_get(&table, 1, "from"), "32000");
    assert_string_equal(csv_get(&table, 2, "to"), "64000");
    csv_table_free(&table);
}

static void the_paper_stands_behind(void **state) {
    (void)state;
    const char *folder = folder_above("behind", "cifar10");
    char *script = text_in(folder, "figures/error_curves.gp");
    char *svg = text_in(folder, "figures/error_curves.svg");
    has(script, "any_paper = 1");
    has(script, "$paper << EOD\n4000 19.48 19.48 19.48\n");
    has(script, "array paper_style[3] = [41, 51, 1]");
    has(svg, ">paper<");
    free(script);
    free(svg);
}

/* Another data set, or a training that ends before the paper's first points: nothing to compare. */
static void other_nets_have_no_paper(void **state) {
    (void)state;
    const char *folder = folder_above("other", "cifar100");
    char *script = text_in(folder, "figures/error_curves.gp");
    char *svg = text_in(folder, "figures/error_curves.svg");
    has(script, "any_paper = 0");
    assert_null(strstr(svg, ">paper<"));
    assert_null(text_in(folder, "fig6_distance.csv"));
    free(script);
    free(svg);
    folder = fixture_copy("short");
    assert_int_equal(report_write(folder), STATUS_OK);
    script = text_in(folder, "figures/error_curves.gp");
    has(script, "any_paper = 0");
    assert_null(text_in(folder, "fig6_distance.csv"));
    free(script);
}

static double points_of(const char *folder, int *rows) {
    char path[1024];
    CsvTable table;
    snprintf(path, sizeof path, "%s/fig6_distance.csv", folder);
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    double points = strtod(csv_get(&table, 0, "points"), NULL);
    *rows = table.rows;
    csv_table_free(&table);
    return points;
}

/* Of a schedule that drops at 8,000 iterations, only what is before is compared: 4,000 to 8,000. */
static void a_shorter_schedule_is_compared_to_its_drop(void **state) {
    (void)state;
    static const struct {
        const char *schedule;
        double points;
        int rows;
    } cases[] = {{"8000:0.1 12000:0.01", 5, 1},
                 {"20.48e:0.1", 5, 1}, /* 20.48 epochs of 50,000 images by 128 are 8,000 steps */
                 {"none", 29, 1},
                 {"40000:0.1", 29, 1},
                 {"32000:0.1 48000:0.01", 29, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[32];
        int rows;
        snprintf(name, sizeof name, "schedule%zu", i);
        const char *folder = folder_with(name, "cifar10", cases[i].schedule);
        double points = points_of(folder, &rows);
        if (points != cases[i].points || rows != cases[i].rows)
            fail_msg("%s: %g points, %d rows", cases[i].schedule, points, rows);
    }
}

/* By hand: mean 21.5, sd 1.802775638, n 3; the quantile of t is 2.91998558. */
static void bars_are_intervals(void **state) {
    (void)state;
    const char *folder = fixture_copy("bars");
    assert_int_equal(report_write(folder), STATUS_OK);
    char *script = text_in(folder, "figures/error_depth.gp");
    has(script, "\n20 21.5 18.46078265");
    has(script, " 24.53921735\n");
    has(script, "\n20 22.125 22.125 22.125\n"); /* a single run has none */
    has(script, "$runs << EOD\n20 -1 1 0\n");
    has(script, "\n20 23.5 2 ");
    free(script);
}

/* A panel for energy where the file has some. */
static void energy_has_a_panel(void **state) {
    (void)state;
    const char *folder =
        fixture_folder("energy",
                       "family,depth,seed,key,status,test_error_pct,seconds,parameters,energy_j\n"
                       "plain,8,1,a,done,5,60,1000,4500\nplain,20,1,b,done,5,60,1000,9500\n",
                       "key,iteration\nx,1\n");
    assert_int_equal(report_write(folder), STATUS_OK);
    char *script = text_in(folder, "figures/cost_depth.gp");
    has(script, "panels = 3\n");
    has(script, "label_2 = 'energy of a run (kJ)'\nunit_2 = 1000\n");
    has(script, "\n20 9500 9500 9500\n");
    free(script);
}

static void shortcuts_side_by_side(void **state) {
    (void)state;
    const char *folder = fixture_copy("shortcuts");
    assert_int_equal(report_write(folder), STATUS_OK);
    char *table = text_in(folder, "shortcuts.md");
    has(table, "| test error % | 20 layers | 56 layers | 110 layers | parameters |");
    has(table, "| resnet A | 21.50 ± 1.80 (3) | 18.25 (1) | | 853018 |");
    has(table, "| plain | 22.12 (1) | 44.00 (1) | diverged | 1727962 |");
    free(table);
    folder = folder_above("alike", "cifar10");
    assert_null(text_in(folder, "shortcuts.md"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_is_known),
        cmocka_unit_test(the_paper_stands_behind),
        cmocka_unit_test(other_nets_have_no_paper),
        cmocka_unit_test(a_shorter_schedule_is_compared_to_its_drop),
        cmocka_unit_test(bars_are_intervals),
        cmocka_unit_test(energy_has_a_panel),
        cmocka_unit_test(shortcuts_side_by_side),
    };
    if (argc != 2)
        return 1;
    fig6_path = argv[1];
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
