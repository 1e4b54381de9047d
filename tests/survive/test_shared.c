/* Several processes on one output folder, one run each or all of them at the same time, and rows
 * put together from their folders and judged. usage: test_shared HARNESS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/survive/made.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

enum { RUNS = 4 };

static const char *binary;

static const char experiment[] = "family,depth,width,dataset,batch,iterations,eval_every,backend\n"
                                 "plain|resnet,8|14,2,mnist,10,12,5,%s\n";

static const char line[] = "run e.csv --data d --no-plot --threads 1 --save-weights --layers";

static pid_t start(const char *more) {
    char args[512];
    snprintf(args, sizeof args, "%s %s", line, more);
    return program_start(binary, args, "log");
}

static void ends_well(pid_t child) {
    int state;
    assert_int_equal(waitpid(child, &state, 0), child);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        char *log = text_of("log");
        fail_msg("%s", log);
    }
}

static void whole(void **state) {
    (void)state;
    ends_well(start("--out whole"));
    assert_int_equal(run_rows("whole"), RUNS);
}

/* By number and by key, in any order, two at a time; nothing is merged until it is asked for. */
static void one_run_each(void **state) {
    (void)state;
    char *key = run_cell("whole", 1, "key"), more[96];
    snprintf(more, sizeof more, "--out parts --only %s", key);
    pid_t first = start("--out parts --only 4"), second = start(more);
    ends_well(first);
    ends_well(second);
    assert_false(exists("parts/runs.csv"));
    program_expect("collect parts", 0, "parts/runs.csv: 2 of 4 runs");
    assert_int_equal(run_rows("parts"), 2);
    char *row = run_cell("parts", 0, "key");
    assert_string_equal(row, key); /* in the experiment's order */
    first = start("--out parts --only 3");
    second = start("--out parts --only 1");
    ends_well(first);
    ends_well(second);
    program_expect("collect parts/", 0, "parts/runs.csv: 4 of 4 runs");
    assert_same_outputs("whole", "parts");
    free(key);
    free(row);
}

/* All of them at once: each run is trained by one process, none twice, and every process ends when
 * all runs are finished. */
static void three_at_once(void **state) {
    (void)state;
    pid_t children[3];
    unlink(in_scratch("log"));
    for (int i = 0; i < 3; i++)
        children[i] = start("--out shared");
    for (int i = 0; i < 3; i++)
        ends_well(children[i]);
    assert_same_outputs("whole", "shared");
    char *log = text_of("log");
    int trained = 0;
    for (const char *at = log; (at = strstr(at, " begins, ")) != NULL; at++)
        trained++;
    assert_int_equal(trained, RUNS);
    free(log);
}

/* ---- verdicts ---- */

static const char judged[] = "family,depth,width,dataset,batch,iterations,eval_every,backend,"
                             "expect,tolerance,source\n"
                             "plain|resnet,8,2,mnist,10,12,5,%s,50,500,by guess\n";
static const char claims[] =
    "claim,metric,left,relation,right,margin,source\n"
    "no difference,test_error_pct,family=plain depth=8,=,family=resnet depth=8,1e3,\n";

/* What was printed of them, to the end of the last line. */
static char *verdict_lines(const char *args) {
    const Outcome *o = program_run(args);
    if (o->code != 0)
        fail_msg("%s", o->err);
    const char *begin = strstr(o->out, "expectation of"), *last = strstr(o->out, " verdicts: ");
    assert_true(begin && last && last > begin);
    return strndup(begin, (size_t)(strchr(last, '\n') - begin));
}

/* collect ends in the verdicts in which the whole sweep ends. */
static void same_verdicts(void **state) {
    (void)state;
    char text[512], *path = strdup(getenv("PATH"));
    snprintf(text, sizeof text, judged, fast_backend());
    scratch_text("v.csv", text);
    scratch_text("v.claims.csv", claims);
    setenv("PATH", "/nonexistent", 1); /* no gnuplot: figures would only take their time */
    char *at_once = verdict_lines("run v.csv --data d --threads 1 --out v");
    setenv("PATH", path, 1);
    free(path);
    expect_words(at_once, "plain, 8 layers|inside band (n=1)|claim: no difference|3 verdicts: 0");
    program_expect("run v.csv --data d --threads 1 --out w --only 2", 0, "w/runs/");
    assert_false(exists("w/verdict.csv"));
    program_expect("collect w", 0, "w/runs.csv: 1 of 2 runs|1 run with an expectation: not fin");
    program_expect("run v.csv --data d --threads 1 --out w --only 1", 0, "w/runs/");
    char *collected = verdict_lines("collect w");
    assert_string_equal(collected, at_once);
    char *one = text_of("v/verdict.csv"), *other = text_of("w/verdict.csv");
    assert_string_equal(other, one);
    free(one);
    free(other);
    free(collected);
    free(at_once);
}

/* Rows, but none with a result. */
static void nothing_to_judge(void **state) {
    (void)state;
    char text[512];
    snprintf(text, sizeof text,
             "depth,width,dataset,batch,iterations,resize,input_size,normalize,backend,"
             "expect,tolerance\n"
             "8,2,mnist,10,12,20,data,channel,%s,50,1\n",
             fast_backend());
    scratch_text("x.csv", text);
    program_expect("run x.csv --data d --threads 1 --out x --only 1", 1, "smaller than the net's");
    program_expect("collect x", 0, "x/runs.csv: 1 of 1 runs");
    assert_int_equal(run_rows("x"), 1);
    assert_false(exists("x/verdict.csv"));
}

static void refused(void **state) {
    (void)state;
    program_expect("run e.csv --data d --threads 1 --out r --only 5", 2, "--only 5|from 1 to 4");
    program_expect("run e.csv --data d --threads 1 --out r --only 0123456789abcdef", 2, "a key");
    program_expect("collect nowhere", 2, "nowhere/runs: No such file");
    program_expect("collect", 2, "output folder is needed");
    program_expect("collect --help", 0, "Usage: harness collect|Example");
    unlink(in_scratch("parts/plan.csv"));
    program_expect("collect parts", 2, "parts/plan.csv");
    scratch_text("parts/plan.csv", "run,key,title,iterations,work\n1,0123,x,1,1\n");
    program_expect("collect parts", 2, "parts/plan.csv:2: no row of a plan");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(one_run_each),
        cmocka_unit_test(three_at_once),
        cmocka_unit_test(same_verdicts),
        cmocka_unit_test(nothing_to_judge),
        cmocka_unit_test(refused),
    };
    if (argc != 2)
        return 2;
    binary = made_begin(argv[1], experiment);
    return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
