/* harness rerun: a row is the same again, and a row that somebody has changed is not.
 * usage: test_rerun HARNESS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "tests/survive/made.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

/* Lists, words for zero, epochs in place of iterations, a divergence. */
static const char experiment[] =
    "family,depth,width,dataset,train_size,batch,epochs,eval_every,lr,select,backend\n"
    "plain|resnet,8,2,mnist,50,10,2,3,0.1,last,%1$s\n"
    "resnet,8,2,mnist,all,10,1.5,end,1e6,best_test,%1$s\n";

static void same(void **state) {
    (void)state;
    program_expect("run e.csv --data d --no-plot --threads 1 --out o", 0, "o/runs.csv");
    for (int line = 2; line <= 4; line++) {
        char args[96], words[128];
        snprintf(args, sizeof args, "rerun o/runs.csv:%d --data d --quiet", line);
        snprintf(words, sizeof words, "runs.csv:%d: the same to the last digit\n|of o/curves.csv",
                 line);
        program_expect(args, 0, words);
    }
    program_expect("rerun o/runs.csv:2 --data d --quiet", 0, "4 rows of o/curves.csv compared");
}

/* A copy of a table in the folder c, one cell of its first row changed. */
static void change(const char *file, const char *column, const char *value) {
    char name[64], *text = NULL;
    size_t size;
    CsvTable table;
    snprintf(name, sizeof name, "o/%s", file);
    assert_int_equal(csv_read(in_scratch(name), &table), STATUS_OK);
    FILE *memory = open_memstream(&text, &size);
    for (int row = -1; row < table.rows; row++)
        for (int i = 0; i < table.columns; i++) {
            bool here = row == 0 && strcmp(table.header[i], column) == 0;
            csv_put(memory, row < 0 ? table.header[i] : here ? value : table.cells[row][i]);
            fputc(i + 1 < table.columns ? ',' : '\n', memory);
        }
    fclose(memory);
    csv_table_free(&table);
    snprintf(name, sizeof name, "c/%s", file);
    scratch_text(name, text);
    free(text);
}

static void expect_changed(int code, const char *words) {
    const Outcome *o = program_run("rerun c/runs.csv:2 --data d --quiet");
    if (o->code != code)
        fail_msg("exit code %d: %s%s", o->code, o->out, o->err);
    expect_words(o->out, words);
}

static void changed(void **state) {
    (void)state;
    assert_int_equal(program_run("run e.csv --data d --no-plot --threads 1 --out c --rows 3")->code,
                     0); /* makes the folder */
    change("curves.csv", "", "");
    change("runs.csv", "test_error_pct", "0.0001");
    expect_changed(1, "c/runs.csv:2: test_error_pct was '0.0001', is |not the same: 1 cells");
    change("runs.csv", "seconds", "123456");
    expect_changed(0, "the same to the last digit\n");
    change("runs.csv", "commit", "another");
    expect_changed(0, "commit was 'another'|the same to the last digit, by another program");
    change("runs.csv", "seed", "2"); /* another run: its key is not that of the row */
    expect_changed(1, "key was|test_loss was|not the same");
    change("runs.csv", "", "");
    change("curves.csv", "test_loss", "0.5");
    expect_changed(1, "c/curves.csv:2: test_loss was '0.5', is ");
}

static int leftovers(void) {
    int count = 0;
    DIR *folder = opendir(scratch_folder());
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strncmp(entry->d_name, "reslab-rerun", 12) == 0;
    closedir(folder);
    return count;
}

static void refused(void **state) {
    (void)state;
    program_expect("rerun", 2, "a row is needed");
    program_expect("rerun o/runs.csv", 2, "a row is needed");
    program_expect("rerun o/runs.csv:1", 2, "a row is needed");
    program_expect("rerun o/runs.csv:9 --data d", 2, "o/runs.csv:9: no row begins there|line 2");
    program_expect("rerun nowhere.csv:2", 2, "nowhere.csv");
    change("runs.csv", "status", "failed");
    program_expect("rerun c/runs.csv:2 --data d", 2, "c/runs.csv:2: its status is 'failed'");
    change("runs.csv", "depth", "x");
    program_expect("rerun c/runs.csv:2 --data d", 2, "c/runs.csv:2: |depth: 'x'");
    assert_int_equal(leftovers(), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same),
        cmocka_unit_test(changed),
        cmocka_unit_test(refused),
    };
    if (argc != 2)
        return 2;
    setenv("TMPDIR", scratch_folder(), 1);
    made_begin(argv[1], experiment);
    return cmocka_run_group_tests_name("rerun", tests, NULL, NULL);
}
