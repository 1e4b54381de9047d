/* Sweeps that are stopped, and outputs that cannot be written. Skips, aloud, without
 * Fashion-MNIST. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/lock.h"
#include "harness/sweep/record.h"
#include "tests/sweep/outputs.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

/* Ctrl-C: what is finished is kept, the stopped run has no row and a checkpoint where it stopped,
 * the next call goes on from there. */
static void stopped(void **state) {
    (void)state;
    char line[1024];
    scratch_text("long.csv", "depth,width,dataset,train_size,test_size,augment,batch,iterations,"
                             "eval_every,backend\n"
                             "8,4,fashion_mnist,100,50,none,10,5,end,ref\n"
                             "8,4,fashion_mnist,100,50,none,10,1000000,2,ref\n");
    snprintf(line, sizeof line, "run long.csv --no-plot --out c");
    const Outcome *o = program_run_stopped(line, "[2/2] resnet-8 A, seed 1: iteration 2,", SIGINT);
    assert_int_equal(o->code, 1);
    expect_words(o->err, "stopped|the same command goes on");
    CsvTable runs = table_of("c/runs.csv"), curves = table_of("c/curves.csv");
    assert_int_equal(runs.rows, 1);
    assert_int_equal(curves.rows, 1);
    csv_table_free(&runs);
    csv_table_free(&curves);
    o = program_run_stopped(line, "goes on after iteration", SIGTERM);
    assert_int_equal(o->code, 1);
    expect_words(o->err, "[1/2] resnet-8 A, seed 1: finished already|stopped at iteration");
}

/* Two processes in one folder: a run that the other one is training is left to it; when that one
 * ends without having finished it, it goes on here. */
static void shared_folder(void **state) {
    (void)state;
    char line[1024], name[128];
    int lock;
    run_smoke("--out l/ --rows 1", 0, "l/runs.csv");
    CsvTable runs = table_of("l/runs.csv");
    snprintf(name, sizeof name, "l/runs/%s/run.csv", csv_get(&runs, 0, "key"));
    assert_int_equal(unlink(in_scratch(name)), 0);
    snprintf(name, sizeof name, "l/runs/%s/lock", csv_get(&runs, 0, "key"));
    assert_false(lock_is_held(in_scratch(name)));
    assert_int_equal(lock_take(in_scratch(name), &lock), STATUS_OK);
    assert_true(lock >= 0);
    snprintf(name, sizeof name, "l/runs/%s/curves.csv", csv_get(&runs, 0, "key"));
    csv_table_free(&runs);
    char *before = text_of(name);
    snprintf(line, sizeof line, "run %s --threads 1 --no-plot --out l --rows 1-2", smoke_path());
    const Outcome *o = program_run_stopped(line, "[2/2] plain-14, seed 1: train error", SIGTERM);
    assert_int_equal(o->code, 1);
    expect_words(o->err, "[1/2] plain-8, seed 1: another process is training it|stopped");
    char *after = text_of(name);
    assert_string_equal(before, after);
    lock_release(lock);
    run_smoke("--out l --rows 1-2", 0, "l/runs.csv");
    runs = table_of("l/runs.csv");
    assert_int_equal(runs.rows, 2);
    csv_table_free(&runs);
    free(before);
    free(after);
}

/* ---- outputs that cannot be written ---- */

static void foreign_header(void **state) {
    (void)state;
    const char *const names[] = {"f/runs.csv", "f/curves.csv"};
    assert_int_equal(mkdir(in_scratch("f"), 0777), 0);
    for (int i = 0; i < 2; i++) {
        scratch_text(names[i], "a,b\n1,2\n");
        run_smoke("--out f", 2, names[i]);
        char *text = text_of(names[i]);
        assert_string_equal(text, "a,b\n1,2\n");
        free(text);
        assert_false(exists("f/runs"));
        unlink(in_scratch(names[i]));
    }
}

static void unwritable(void **state) {
    (void)state;
    scratch_text("file", "x");
    run_smoke("--out file/sub", 2, "file");
    run_smoke("--out /proc/nowhere", 2, "/proc/nowhere");
}

/* A disk that fills up: exit 1, and the top-level files are whole or not there. */
/* Bytes of runs.csv's header. */
static size_t header_bytes(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    record_runs_header(memory);
    fclose(memory);
    free(text);
    return size;
}

static void full_disk(void **state) {
    (void)state;
    char line[1024];
    snprintf(line, sizeof line, "run %s --threads 1 --no-plot --out g --rows 1", smoke_path());
    const Outcome *o = program_run_limited(line, 100); /* not even a header */
    assert_int_equal(o->code, 1);
    expect_words(o->err, "cannot write|plan.csv");
    assert_false(exists("g/runs.csv"));
    assert_false(exists("g/curves.csv"));
    o = program_run_limited(line, (int)header_bytes() + 50); /* headers and curves, no more */
    assert_int_equal(o->code, 1);
    expect_words(o->err, "cannot write|checkpoint.safetensors");
    snprintf(line, sizeof line,
             "run %s --threads 1 --no-plot --out g --rows 1 --set eval_every=end", smoke_path());
    o = program_run_limited(line, (int)header_bytes() + 50); /* no checkpoint: up to run.csv */
    assert_int_equal(o->code, 1);
    expect_words(o->err, "cannot write|run.csv");
    CsvTable runs = table_of("g/runs.csv");
    assert_int_equal(runs.rows, 0);
    csv_table_free(&runs);
    run_smoke("--out g --rows 1", 0, "g/runs.csv"); /* room again: it goes on */
    runs = table_of("g/runs.csv");
    assert_int_equal(runs.rows, 1);
    csv_table_free(&runs);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped),        cmocka_unit_test(shared_folder),
        cmocka_unit_test(foreign_header), cmocka_unit_test(unwritable),
        cmocka_unit_test(full_disk),
    };
    int code = smoke_begin(argc, argv);
    return code ? code : !!cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
