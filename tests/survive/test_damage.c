/* Whatever is found damaged or changed when a sweep is started again: what is finished stays, what
 * is not ends up as if nothing had happened. usage: test_damage HARNESS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/data/files.h"
#include "tests/survive/made.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

static const char header[] = "family,depth,width,dataset,batch,iterations,eval_every,backend\n";
static char backend[8];

static const char line[] = "run e.csv --data d --no-plot --threads 1 --save-weights --layers "
                           "--log-every 2 --out ";

static void write_experiment(const char *name, const char *families) {
    char text[512];
    snprintf(text, sizeof text, "%s%s,8,2,mnist,10,24,5,%s\n", header, families, backend);
    scratch_text(name, text);
}

static const Outcome *run(const char *out) {
    char args[256];
    snprintf(args, sizeof args, "%s%s", line, out);
    const Outcome *o = program_run(args);
    if (o->code != 0)
        fail_msg("%s", o->err);
    return o;
}

/* Leaves a folder with one finished run and one that was killed after its checkpoint at iteration
 * 10. Returns the second one's folder in it; the caller frees. */
static char *killed(const char *out) {
    char args[256], name[128], key[17];
    snprintf(args, sizeof args, "%s%s", line, out);
    const Outcome *o =
        program_run_stopped(args, "[2/2] resnet-8 A, seed 1: iteration 15,", SIGKILL);
    assert_int_equal(o->code, -1);
    snprintf(name, sizeof name, "%s/plan.csv", out);
    char *plan = text_of(name);
    assert_int_equal(sscanf(strstr(plan, "\n2,") + 3, "%16[0-9a-f]", key), 1);
    free(plan);
    snprintf(name, sizeof name, "%s/runs/%s", out, key);
    return strdup(name);
}

/* A file of a folder; the buffer is reused. */
static const char *file_in(const char *folder, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void cut_off(const char *name, double part) {
    struct stat about;
    assert_int_equal(stat(in_scratch(name), &about), 0);
    assert_int_equal(truncate(in_scratch(name), (off_t)((double)about.st_size * part)), 0);
}

static void flip_bit(const char *name, double where) {
    size_t size;
    uint8_t *bytes = file_read(in_scratch(name), &size);
    bytes[(size_t)((double)size * where)] ^= 4;
    file_write(in_scratch(name), bytes, size, 0);
    free(bytes);
}

/* ---- what is on the disk ---- */

/* The tops are put together anew; nothing is trained for that. */
static void torn_tables(void **state) {
    (void)state;
    run("whole");
    run("torn");
    const char *const names[] = {"torn/runs.csv", "torn/curves.csv", "torn/layers.csv"};
    for (int i = 0; i < 3; i++)
        cut_off(names[i], 0.98);
    const Outcome *o = run("torn");
    assert_null(strstr(o->err, "begins"));
    assert_same_outputs("whole", "torn");
}

/* A finished run's own row: without it the run is not finished; the other one stays. */
static void torn_row(void **state) {
    (void)state;
    char *key = run_cell("torn", 0, "key"), name[128];
    snprintf(name, sizeof name, "torn/runs/%s/run.csv", key);
    cut_off(name, 0.9);
    const Outcome *o = run("torn");
    expect_words(o->err, "[1/2] plain-8, seed 1: begins|[2/2] resnet-8 A, seed 1: finished");
    assert_same_outputs("whole", "torn");
    free(key);
}

static void torn_rows_of_a_killed_run(void **state) {
    (void)state;
    const char *const names[] = {"curves.csv", "steps.csv", "layers.csv"};
    char *folder = killed("rows");
    for (int i = 0; i < 3; i++)
        cut_off(file_in(folder, names[i]), 0.7);
    expect_words(run("rows")->err, "goes on after iteration 1");
    assert_same_outputs("whole", "rows");
    free(folder);
}

/* Not gone on from, and said so; the run begins anew. */
static void damaged_checkpoint(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        char out[32];
        snprintf(out, sizeof out, "damaged%d", i);
        char *folder = killed(out);
        if (i == 0)
            cut_off(file_in(folder, "checkpoint.safetensors"), 0.5);
        else if (i == 1)
            cut_off(file_in(folder, "checkpoint.safetensors"), 0);
        else
            flip_bit(file_in(folder, "checkpoint.safetensors"), i == 2 ? 0.9 : 0.5);
        expect_words(run(out)->err, "begins anew: |checkpoint.safetensors");
        assert_same_outputs("whole", out);
        free(folder);
    }
}

static int temporaries(const char *folder) {
    int count = 0;
    DIR *open_folder = opendir(in_scratch(folder));
    assert_non_null(open_folder);
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        count += strstr(entry->d_name, ".new-") != NULL;
    closedir(open_folder);
    return count;
}

/* What a killed process had not yet renamed goes; without a checkpoint the run begins anew. */
static void half_written_files(void **state) {
    (void)state;
    char *folder = killed("half");
    scratch_text(file_in(folder, "checkpoint.safetensors.new-1"), "half a checkpoint");
    scratch_text(file_in(folder, "run.csv.new-2"), "model,fam");
    scratch_text("half/runs.csv.new-3", "model,fam");
    unlink(in_scratch(file_in(folder, "checkpoint.safetensors")));
    const Outcome *o = run("half");
    assert_null(strstr(o->err, "goes on"));
    assert_int_equal(temporaries(folder), 0);
    assert_int_equal(temporaries("half"), 0);
    assert_same_outputs("whole", "half");
    free(folder);
}

/* A finished run leaves nothing behind that only an unfinished one needs. */
static void tidy(void **state) {
    (void)state;
    for (int row = 0; row < 2; row++) {
        char *key = run_cell("rows", row, "key"), name[128];
        snprintf(name, sizeof name, "rows/runs/%s/checkpoint.safetensors", key);
        assert_false(exists(name));
        free(key);
    }
}

/* ---- what changed ---- */

/* The same program with a byte more is another program. */
static void another_program(void **state) {
    const char *harness = *state;
    size_t size;
    char *folder = killed("program");
    uint8_t *bytes = file_read(harness, &size);
    bytes = realloc(bytes, size + 1);
    assert_non_null(bytes);
    bytes[size] = 0;
    file_write(in_scratch("other"), bytes, size + 1, 0);
    free(bytes);
    assert_int_equal(chmod(in_scratch("other"), 0755), 0);
    program_use(in_scratch("other"));
    expect_words(run("program")->err, "begins anew: |of another run or program|program=");
    program_use(harness);
    assert_same_outputs("whole", "program");
    free(folder);
}

/* A start that is asked for rows that the checkpoint has not: they cannot be made up. */
static void other_rows_wanted(void **state) {
    (void)state;
    char *folder = killed("wanted");
    const Outcome *o = program_run("run e.csv --data d --no-plot --threads 1 --save-weights "
                                   "--layers --log-every 3 --out wanted");
    assert_int_equal(o->code, 0);
    expect_words(o->err, "begins anew: |of a start without this --log-every");
    free(folder);
}

/* Rows of runs that the experiment no longer has stay, after those that it has. */
static void another_experiment(void **state) {
    (void)state;
    run("experiment");
    write_experiment("e.csv", "resnet");
    expect_words(run("experiment")->err, "[1/1] resnet-8 A, seed 1: finished already");
    char *first = run_cell("experiment", 0, "family");
    assert_string_equal(first, "resnet");
    assert_int_equal(run_rows("experiment"), 2);
    free(first);
    write_experiment("e.csv", "plain|resnet");
    expect_words(run("experiment")->err, "[2/2] resnet-8 A, seed 1: finished already");
    assert_same_outputs("whole", "experiment");
}

/* Nothing is touched without the data; other data are other runs. */
static void another_data_set(void **state) {
    (void)state;
    char *before = text_of("experiment/runs.csv"), args[256];
    snprintf(args, sizeof args, "%sexperiment", line);
    char *from = strdup(in_scratch("d"));
    assert_int_equal(rename(from, in_scratch("elsewhere")), 0);
    program_expect(args, 2, "mnist");
    char *after = text_of("experiment/runs.csv");
    assert_string_equal(before, after);
    idx_set(in_scratch("d/mnist"), 70, 30, 0);
    run("experiment");
    assert_int_equal(run_rows("experiment"), 4);
    for (int row = 0; row < 2; row++) {
        char *new_sum = run_cell("experiment", row, "dataset_sha256");
        char *old_sum = run_cell("experiment", row + 2, "dataset_sha256");
        assert_string_not_equal(new_sum, old_sum);
        free(new_sum);
        free(old_sum);
    }
    free(before);
    free(after);
    free(from);
}

static void read_only_folder(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_scratch("closed"), 0555), 0);
    if (access(in_scratch("closed"), W_OK) == 0) {
        print_message("SKIPPED: this user may write to read-only folders\n");
        skip();
    }
    char args[256];
    snprintf(args, sizeof args, "%sclosed", line);
    program_expect(args, 2, "closed|--out");
}

int main(int argc, char **argv) {
    static char *harness;
    if (argc != 2)
        return 2;
    harness = realpath(argv[1], NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_tables),
        cmocka_unit_test(torn_row),
        cmocka_unit_test(torn_rows_of_a_killed_run),
        cmocka_unit_test(damaged_checkpoint),
        cmocka_unit_test(half_written_files),
        cmocka_unit_test(tidy),
        cmocka_unit_test_prestate(another_program, harness),
        cmocka_unit_test(other_rows_wanted),
        cmocka_unit_test(another_experiment),
        cmocka_unit_test(another_data_set),
        cmocka_unit_test(read_only_folder),
    };
    program_use(harness);
    make_data();
    snprintf(backend, sizeof backend, "%s", fast_backend());
    write_experiment("e.csv", "plain|resnet");
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
