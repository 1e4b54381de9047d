/* harness show: totals against the reference counts; exit codes of show and plot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "harness/base/csv.h"
#include "tests/report/fixture.h"
#include "tests/sweep/scratch.h"

static const char *harness, *counts;

/* Runs `harness <arguments>`; the output (stdout and stderr) goes to scratch file `out`, whose path
 * is returned; *code receives the exit status, -1 when a signal ended it. */
static const char *run_harness(const char *arguments, const char *out, int *code) {
    static char path[600];
    char command[4096];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), out);
    int length = snprintf(command, sizeof command, "'%s' %s > '%s' 2>&1 < /dev/null", harness,
                          arguments, path);
    assert_in_range(length, 1, sizeof command - 1);
    int result = system(command);
    *code = WIFEXITED(result) ? WEXITSTATUS(result) : -1;
    return path;
}

static void read_show(const char *arguments, CsvTable *table) {
    int code;
    const char *path = run_harness(arguments, "show.csv", &code);
    assert_int_equal(code, 0);
    assert_int_equal(csv_read(path, table), STATUS_OK);
}

/* The total row, and the layers summed up, are the expected texts. */
static void assert_totals(const CsvTable *table, const char *parameters, const char *macs) {
    long long sums[2] = {0, 0};
    int last = table->rows - 1;
    for (int row = 0; row < last; row++) {
        sums[0] += atoll(csv_get(table, row, "parameters"));
        sums[1] += atoll(csv_get(table, row, "macs"));
    }
    assert_string_equal(csv_get(table, last, "layer"), "total");
    assert_string_equal(csv_get(table, last, "parameters"), parameters);
    assert_string_equal(csv_get(table, last, "macs"), macs);
    assert_int_equal(sums[0], atoll(parameters));
    assert_int_equal(sums[1], atoll(macs));
}

/* ",column=value" for a cell that holds something. */
static void add_choice(char *text, size_t size, const char *column, const char *value) {
    size_t used = strlen(text);
    if (value[0])
        snprintf(text + used, size - used, ",%s=%s", column, value);
}

/* What `harness show` is asked for a row of the reference. */
static void arguments_for(const CsvTable *reference, int row, char *text, size_t size) {
    const char *variant = csv_get(reference, row, "variant");
    snprintf(text, size, "show --csv --set model=%s", csv_get(reference, row, "model"));
    add_choice(text, size, "depth", csv_get(reference, row, "depth"));
    add_choice(text, size, "shortcut", csv_get(reference, row, "shortcut"));
    if (strcmp(variant, "v1") == 0)
        add_choice(text, size, "bottleneck_stride", "1x1");
    else if (strcmp(variant, "v1.5") == 0)
        add_choice(text, size, "bottleneck_stride", "3x3");
    else
        add_choice(text, size, "profile", variant);
}

static void totals_are_the_reference(void **state) {
    (void)state;
    CsvTable reference;
    int compared = 0;
    assert_int_equal(csv_read(counts, &reference), STATUS_OK);
    for (int row = 0; row < reference.rows; row++) {
        char arguments[200];
        CsvTable table;
        arguments_for(&reference, row, arguments, sizeof arguments);
        read_show(arguments, &table);
        assert_totals(&table, csv_get(&reference, row, "parameters"),
                      csv_get(&reference, row, "forward_macs"));
        assert_string_equal(csv_get(&table, 0, "output"), csv_get(&reference, row, "input"));
        csv_table_free(&table);
        compared++;
    }
    csv_table_free(&reference);
    assert_int_equal(compared, 35);
}

/* Option A has no parameters, so a plain net has those of the residual one. */
static void plain_equals_resnet_a(void **state) {
    (void)state;
    CsvTable table;
    read_show("show --set family=plain --set depth=20 --csv", &table);
    assert_totals(&table, "269722", "40551040");
    for (int row = 0; row < table.rows; row++)
        assert_string_not_equal(csv_get(&table, row, "op"), "add");
    csv_table_free(&table);
}

/* By hand for 1x28x28: the first convolution has 16 * 9 weights and 28 * 28 times as many MACs. */
static void data_set_gives_the_input(void **state) {
    (void)state;
    CsvTable table;
    read_show("show --set depth=8,dataset=fashion_mnist --csv", &table);
    assert_string_equal(csv_get(&table, 0, "output"), "1x28x28");
    assert_string_equal(csv_get(&table, 1, "layer"), "conv1");
    assert_string_equal(csv_get(&table, 1, "op"), "conv2d");
    assert_string_equal(csv_get(&table, 1, "output"), "16x28x28");
    assert_string_equal(csv_get(&table, 1, "parameters"), "144");
    assert_string_equal(csv_get(&table, 1, "macs"), "112896");
    csv_table_free(&table);
    read_show("show --set depth=8 --input 2x7x6 --classes 3 --csv", &table);
    assert_string_equal(csv_get(&table, 0, "output"), "2x7x6");
    assert_string_equal(csv_get(&table, table.rows - 3, "output"), "3x1x1");
    csv_table_free(&table);
}

static void assert_contains(const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%.2000s", part, text ? text : "(no file)");
}

static void says(const char *arguments, int code, const char *message) {
    int found;
    char *text = slurp_text(run_harness(arguments, "says.txt", &found));
    if (found != code)
        fail_msg("harness %s: exit status %d, expected %d:\n%s", arguments, found, code, text);
    assert_contains(text, message);
    free(text);
}

static void table_ends_in_totals(void **state) {
    (void)state;
    says("show --set depth=8", 0, "layer1.0.conv1");
    says("show --set depth=8", 0, "total                                                     ");
    says("show --set depth=8", 0, "75290       12239488\n");
}

static void show_exit_codes(void **state) {
    (void)state;
    says("show --help", 0, "Examples:");
    says("show --set depth=21", 2, "6n+2");
    says("show --set dpth=20", 2, "dpth");
    says("show --set depth", 2, "depth");
    says("show --set", 2, "--set");
    says("show --model vgg", 2, "vgg");
    says("show --set dataset=svhn", 2, "svhn");
    says("show --set family=plain,shortcut=B", 2, "shortcut");
    says("show depth=20", 2, "depth=20");
    says("show --tsv", 2, "--tsv");
    says("show --input 3x22x", 2, "--input");
    says("show --classes one", 2, "--classes");
    says("show --set profile=asis", 2, "profile");
}

static void plot_exit_codes(void **state) {
    (void)state;
    char arguments[600];
    says("plot --help", 0, "Examples:");
    says("plot", 2, "folder");
    says("plot --now", 2, "--now");
    says("plot /nonexistent/folder", 2, "/nonexistent/folder");
    says("plot /dev/null", 2, "not a folder");
    snprintf(arguments, sizeof arguments, "plot '%s'", fixture_folder("empty", NULL, NULL));
    says(arguments, 2, "runs.csv");
    snprintf(arguments, sizeof arguments, "plot '%s'", fixture_copy("plotted"));
    says(arguments, 0, "resnet A     20     3      21.50");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_the_reference), cmocka_unit_test(plain_equals_resnet_a),
        cmocka_unit_test(data_set_gives_the_input), cmocka_unit_test(table_ends_in_totals),
        cmocka_unit_test(show_exit_codes),          cmocka_unit_test(plot_exit_codes),
    };
    if (argc != 3) {
        fprintf(stderr, "usage: test_show HARNESS parameter_counts.csv\n");
        return 2;
    }
    harness = argv[1];
    counts = argv[2];
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
