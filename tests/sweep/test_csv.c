/* The CSV reader: what it accepts, what it refuses, and where it says the fault is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/base/csv.h"
#include "tests/sweep/scratch.h"

static CsvTable read_good(const char *text) {
    CsvTable table;
    if (csv_read(scratch_text("t.csv", text), &table) != STATUS_OK)
        fail_msg("refused: %s", status_message());
    return table;
}

/* The text is refused and the message says all of `words` (separated by '|'). */
static void refused(const char *text, size_t size, const char *words) {
    CsvTable table;
    char copy[256], *rest = copy;
    assert_int_equal(csv_read(scratch_file("t.csv", text, size), &table), STATUS_BAD_INPUT);
    assert_null(table.cells);
    assert_null(table.header);
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&rest, "|")) != NULL;)
        if (!strstr(status_message(), word))
            fail_msg("'%s' is not in: %s", word, status_message());
}

static void refused_text(const char *text, const char *words) {
    refused(text, strlen(text), words);
}

static void plain_table(void **state) {
    (void)state;
    CsvTable table = read_good("a,b,c\n1,2,3\n4,,6\n");
    assert_int_equal(table.columns, 3);
    assert_int_equal(table.rows, 2);
    assert_string_equal(table.header[2], "c");
    assert_string_equal(table.cells[1][1], "");
    assert_string_equal(csv_get(&table, 1, "c"), "6");
    assert_null(csv_get(&table, 0, "d"));
    assert_int_equal(csv_column(&table, "b"), 1);
    assert_int_equal(table.lines[0], 2);
    assert_int_equal(table.positions[1][2], 4);
    csv_table_free(&table);
}

static void line_ends(void **state) {
    (void)state;
    const char *const same[] = {"\xEF\xBB\xBFx,y\r\n1,2\r\n", "x,y\n1,2", "\n\nx,y\n\n1,2\n\n",
                                "# said\nx,y\n# more, \"text\n1,2\n#end", "x , y\n 1,2 \n"};
    const int lines[] = {2, 2, 5, 4, 2};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        CsvTable table = read_good(same[i]);
        assert_int_equal(table.columns, 2);
        assert_int_equal(table.rows, 1);
        assert_string_equal(table.header[0], "x");
        assert_string_equal(table.cells[0][0], "1");
        assert_string_equal(table.cells[0][1], "2");
        assert_int_equal(table.lines[0], lines[i]);
        csv_table_free(&table);
    }
}

static void quotes(void **state) {
    (void)state;
    CsvTable table = read_good("x,y\n\"a,\"\"b\"\"\n# c\",\" 2 \"\n3,4\n");
    assert_int_equal(table.rows, 2);
    assert_string_equal(table.cells[0][0], "a,\"b\"\n# c");
    assert_string_equal(table.cells[0][1], " 2 ");
    assert_int_equal(table.lines[1], 4); /* the quoted line break counts */
    csv_table_free(&table);
}

static void header_only(void **state) {
    (void)state;
    CsvTable table = read_good("x,y\n");
    assert_int_equal(table.rows, 0);
    csv_table_free(&table);
}

static void refusals(void **state) {
    (void)state;
    refused_text("", "t.csv|empty");
    refused_text("\n\n", "empty");
    refused_text("# only this\n", "empty");
    refused_text("x,y\n1,2\n3\n", "t.csv:3:|1 cells|2 columns");
    refused_text("x,y\n1,2,3\n", "t.csv:2:|3 cells|2 columns");
    refused_text("x,y,x\n", "t.csv:1:5:|'x'|twice");
    refused_text("x,,y\n", "t.csv:1:3:|no name");
    refused_text("x,y\n1,a\"b\n", "t.csv:2:4:|quote");
    refused_text("x,y\n1,\"a\"b\n", "t.csv:2:6:|quote");
    refused_text("x,y\n1,2\n3,\"4\n5,6\n", "t.csv:3:|never ends");
    refused("x,y\n1,\0\n", 8, "t.csv:2:3:|NUL");
}

static void no_file(void **state) {
    (void)state;
    CsvTable table;
    assert_int_equal(csv_read("/nowhere/x.csv", &table), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "/nowhere/x.csv"));
    assert_int_equal(csv_read(scratch_folder(), &table), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), scratch_folder()));
}

/* Whatever csv_put() writes, csv_read() gives back. */
static void round_trip(void **state) {
    (void)state;
    const char *const texts[] = {"plain",  "a,b",    "say \"hi\"", "two\nlines", "two\r\nlines",
                                 " blank", "blank ", "# sharp",    "20|32",      ""};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_text("round.csv", ""));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("text,end\n", file);
    for (int i = 0; i < TEXTS; i++) {
        csv_put(file, texts[i]);
        fputs(",x\n", file);
    }
    fclose(file);
    CsvTable table;
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    assert_int_equal(table.rows, TEXTS);
    for (int i = 0; i < TEXTS; i++)
        assert_string_equal(table.cells[i][0], texts[i]);
    csv_table_free(&table);
}

static void many_cells(void **state) {
    (void)state;
    enum { COLUMNS = 100, ROWS = 200 };
    FILE *file = fopen(scratch_text("t.csv", ""), "w");
    assert_non_null(file);
    for (int row = -1; row < ROWS; row++)
        for (int i = 0; i < COLUMNS; i++)
            fprintf(file, "%d%c", row < 0 ? i : row * i, i == COLUMNS - 1 ? '\n' : ',');
    fclose(file);
    char path[512];
    snprintf(path, sizeof path, "%s/t.csv", scratch_folder());
    CsvTable table;
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    assert_int_equal(table.rows, ROWS);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < COLUMNS; i++)
            assert_int_equal(atoi(table.cells[row][i]), row * i);
    csv_table_free(&table);
}

static void nearest_word(void **state) {
    (void)state;
    const char *const words[] = {"depth", "width", "batch", "bn_group", NULL};
    assert_string_equal(cli_nearest("deph", words), "depth");
    assert_string_equal(cli_nearest("Depth", words), "depth");
    assert_string_equal(cli_nearest("bngroup", words), "bn_group");
    assert_null(cli_nearest("momentum", words));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_table), cmocka_unit_test(line_ends),  cmocka_unit_test(quotes),
        cmocka_unit_test(header_only), cmocka_unit_test(refusals),   cmocka_unit_test(no_file),
        cmocka_unit_test(round_trip),  cmocka_unit_test(many_cells), cmocka_unit_test(nearest_word),
    };
    return !!cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
