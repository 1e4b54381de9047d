/* Several processes on one output folder, one run each or all of them at the same time, and rows
 * put together from their folders. usage: test_shared HARNESS */
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
        cmocka_unit_test(refused),
    };
    if (argc != 2)
        return 2;
    binary = made_begin(argv[1], experiment);
    return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
