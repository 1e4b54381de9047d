/* What `harness slurm` writes and hands over, without Slurm: a stand-in for sbatch notes its
 * arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/shell.h"
#include "harness/sweep/slurm.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"
#include "tests/sweep/tables.h"

/* The system's own programs in PATH, and the stand-in where asked for; a real sbatch would stand
 * behind it. Numbers of jobs count from
 * 41; the arguments are noted a line each in the scratch folder's file `given`. */
static void put_in_path(bool with_sbatch) {
    char folder[512], path[1100], script[1500];
    snprintf(folder, sizeof folder, "%s/bin", scratch_folder());
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/sbatch", folder);
    snprintf(script, sizeof script,
             "#!/bin/sh\n"
             "printf '%%s\\n' \"$@\" '' >> '%s/given'\n"
             "echo $((41 + $(grep -c '^$' '%s/given') - 1))';cluster'\n",
             scratch_folder(), scratch_folder());
    if (with_sbatch) {
        scratch_text("bin/sbatch", script);
        assert_int_equal(chmod(path, 0755), 0);
    } else {
        unlink(path);
    }
    snprintf(path, sizeof path, "%s:%s", folder, with_sbatch ? "/usr/bin:/bin" : folder);
    setenv("PATH", path, 1);
}

static void expect_in(const char *name, const char *words) {
    char *text = text_of(name);
    expect_words(text, words);
    free(text);
}

static const char six_runs[] = "depth,seed,dataset\n8|14,1|2|3,fashion_mnist\n";

static int begin(void **state) {
    (void)state;
    scratch_text("x.csv", six_runs);
    scratch_text("given", "");
    put_in_path(true);
    return 0;
}

static void words_are_quoted(void **state) {
    (void)state;
    static const char *const words[] = {"plain",
                                        "",
                                        "it's",
                                        "''",
                                        "$(touch mark) `touch mark`",
                                        "a\nb\\c",
                                        "\"$HOME\" | & ; > * ? ~ #",
                                        "-n",
                                        "\xc3\xa9"};
    char command[600];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char *text = NULL, got[256] = "";
        size_t size;
        FILE *memory = open_memstream(&text, &size);
        shell_put_word(memory, words[i]);
        fclose(memory);
        snprintf(command, sizeof command, "printf %%s %s", text);
        free(text);
        FILE *shell = popen(command, "r"); /* the shell itself says what it takes the word for */
        assert_non_null(shell);
        assert_true(fread(got, 1, sizeof got - 1, shell) < sizeof got);
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(got, words[i]);
    }
    assert_int_not_equal(access("mark", F_OK), 0);
}

static void nothing_is_submitted_unasked(void **state) {
    (void)state;
    program_expect("slurm x.csv --out a", 0, "a/slurm/submit.sh");
    char *given = text_of("given");
    assert_string_equal(given, "");
    free(given);
    char *copy = text_of("a/slurm/x.csv");
    assert_string_equal(copy, six_runs);
    free(copy);
    expect_in("a/slurm/run.sh", "--only \"$SLURM_ARRAY_TASK_ID\"|--threads 1 ");
    expect_in("a/slurm/collect.sh", "harness' collect '|/a' &&\n|harness' plot '|/a'\n");
}

/* Writes the jobs of a file in the scratch folder with output folder `out` in it, here and not in
 * the built program, so that planted defects show; then submits them. */
static void submit(const char *file, const char *out, const char *rows, SlurmPlan plan) {
    char path[640], folder[640], script[SLURM_PATH_SIZE], command[2 * SLURM_PATH_SIZE];
    Experiment experiment;
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), file);
    snprintf(folder, sizeof folder, "%s/%s", scratch_folder(), out);
    plan.out = folder;
    if (experiment_read(path, plan.sets.words, plan.sets.count, rows, &experiment) != STATUS_OK ||
        slurm_write(&experiment, &plan, script) != STATUS_OK)
        fail_msg("%s", status_message());
    experiment_free(&experiment);
    setenv("SUBMIT", script, 1);
    snprintf(command, sizeof command, "sh \"$SUBMIT\" > '%s/said'", scratch_folder());
    assert_int_equal(system(command), 0);
}

#define WORDS(...)                                                                                 \
    (Words) {                                                                                      \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                      \
    }

static void sbatch_is_given_both_jobs(void **state) {
    (void)state;
    SlurmPlan plan = {.threads = 3,
                      .at_once = 2,
                      .sbatch = WORDS("--time=5"),
                      .array_sbatch = WORDS("--comment=$(touch mark) '")};
    submit("x.csv", "b", "1-2,4,6", plan);
    expect_in("said", "runs: job 41; tables and figures: job 42\n");
    char *given = text_of("given");
    char *second = strstr(given, "\n\n");
    assert_non_null(second);
    *second++ = '\0';
    expect_words(given, "--array=1-2,4,6%2\n|--cpus-per-task=3\n|--requeue\n|--time=5\n|"
                        "--comment=$(touch mark) '\n|/b/slurm/run-%a.log\n|/b/slurm/run.sh");
    expect_words(second, "--dependency=afterany:41\n|--cpus-per-task=1\n|--time=5\n|"
                         "/b/slurm/collect.log\n|/b/slurm/collect.sh");
    assert_null(strstr(second, "--comment"));
    free(given);
}

/* Folder and options that would make a file `mark` if a shell took them for code, and a job's log
 * lie elsewhere if Slurm did. An element's program is this one, which prints its arguments. */
static void hostile_names_do_nothing(void **state) {
    (void)state;
    char command[1024], mark[640], expected[2048];
    SlurmPlan plan = {.sbatch = WORDS("`touch mark`"),
                      .sets = WORDS("init=he_fan_in"),
                      .run_options = WORDS("--tensorboard", ";touch 'mark';\n$(touch mark)")};
    submit("x.csv", "%j '$(touch mark)'", NULL, plan);
    expect_in("given", "/%%j '$(touch mark)'/slurm/run-%a.log\n|\n`touch mark`\n|"
                       "/%j '$(touch mark)'/slurm/run.sh\n");
    snprintf(command, sizeof command,
             "SLURM_ARRAY_TASK_ID=5 sh '%s/%%j '\\''$(touch mark)'\\''/slurm/run.sh' > '%s/said'",
             scratch_folder(), scratch_folder());
    assert_int_equal(system(command), 0);
    snprintf(
        expected, sizeof expected,
        "run\n%s/%%j '$(touch mark)'/slurm/x.csv\n--tensorboard\n;touch 'mark';\n$(touch mark)\n"
        "--set\ninit=he_fan_in\n--threads\n1\n--out\n%s/%%j '$(touch mark)'\n"
        "--only\n5\n",
        scratch_folder(), scratch_folder());
    char *said = text_of("said");
    assert_string_equal(said, expected);
    free(said);
    snprintf(mark, sizeof mark, "%s/mark", scratch_folder());
    assert_int_not_equal(access(mark, F_OK), 0);
    assert_int_not_equal(access("mark", F_OK), 0);
}

static void threads_follow_the_column(void **state) {
    (void)state;
    scratch_text("t.csv", "depth,threads\n8,2\n14,4\n20,auto\n");
    submit("t.csv", "c", NULL, (SlurmPlan){0});
    expect_in("given", "--cpus-per-task=4\n");
    char *run = text_of("c/slurm/run.sh");
    assert_null(strstr(run, "--threads"));
    free(run);
    scratch_text("given", "");
    submit("t.csv", "c", "1", (SlurmPlan){0});
    expect_in("given", "--cpus-per-task=2\n");
}

static void command_line(void **state) {
    (void)state;
    program_expect("slurm --help", 0, "Usage: harness slurm|--submit|Examples");
    program_expect("slurm", 2, "an experiment file is needed");
    program_expect("slurm x.csv y.csv", 2, "one experiment file");
    program_expect("slurm x.csv --threads 0", 2, "--threads '0'");
    program_expect("slurm x.csv --at-once x", 2, "--at-once 'x'");
    program_expect("slurm x.csv --bogus", 2, "'--bogus'");
    program_expect("slurm nowhere.csv", 2, "nowhere.csv");
    program_expect("slurm x.csv --set depht=8", 2, "did you mean 'depth'");
    program_expect("slurm x.csv --rows 9", 2, "9");
    program_expect("slurm x.csv --out d\\e", 2, "backslash");
    program_expect("slurm x.csv --out d --data nowhere", 2, "nowhere: No such file");
    program_expect("slurm x.csv --out e --rows 2 --threads 2 --at-once 1 --sbatch=-p --submit "
                   "-- --layers",
                   0, "runs: job 41");
    expect_in("given", "--array=2%1\n|--cpus-per-task=2\n|\n-p\n");
    expect_in("e/slurm/run.sh", " '--layers' --threads 2 ");
    put_in_path(false);
    program_expect("slurm x.csv --out d --submit", 2, "sbatch is not in PATH");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(words_are_quoted, begin),
        cmocka_unit_test_setup(nothing_is_submitted_unasked, begin),
        cmocka_unit_test_setup(sbatch_is_given_both_jobs, begin),
        cmocka_unit_test_setup(hostile_names_do_nothing, begin),
        cmocka_unit_test_setup(threads_follow_the_column, begin),
        cmocka_unit_test_setup(command_line, begin),
    };
    if (argc > 2) { /* as the program of a job's script */
        for (int i = 1; i < argc; i++)
            printf("%s\n", argv[i]);
        return 0;
    }
    if (argc != 2)
        return 2;
    program_use(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
