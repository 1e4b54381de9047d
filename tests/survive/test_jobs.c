/* Runs side by side in processes: the same rows as one after the other; a run that fails or crashes
 * is told apart from the others. usage: test_jobs HARNESS */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/survive/made.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

enum { RUNS = 4 };

static const char *binary;

/* Two threads are asked for, so that a share is another number; one run diverges. */
static const char experiment[] =
    "family,depth,width,dataset,batch,iterations,eval_every,lr,threads,"
    "backend\n"
    "plain|resnet,8,2,mnist,10,12,5,0.1|1e6,2,%s\n";
/* The first run's images are resized to less than the net takes; the third would take an hour. */
static const char faulty[] = "family,depth,width,dataset,batch,iterations,eval_every,resize,"
                             "input_size,normalize,threads,backend\n"
                             "plain,8,2,mnist,10,12,5,20,data,channel,1,%1$s\n"
                             "plain,8,2,mnist,10,12,5,none,data,channel,1,%1$s\n"
                             "resnet,8,2,mnist,10,10000000,end,none,data,channel,1,%1$s\n";

static void same_rows(void **state) {
    (void)state;
    program_expect("run e.csv --data d --no-plot --save-weights --layers --out one", 0, "one");
    program_expect("run e.csv --data d --no-plot --save-weights --layers --out jobs --jobs 3", 0,
                   "jobs/runs.csv");
    assert_int_equal(run_rows("one"), RUNS);
    assert_same_outputs("one", "jobs");
    char *diverged = run_cell("jobs", 1, "status");
    assert_string_equal(diverged, "diverged");
    free(diverged);
}

static void expect_status(const char *dir, int row, const char *expected) {
    char *status = run_cell(dir, row, "status");
    assert_string_equal(status, expected);
    free(status);
}

/* The process that trains a run, by the children of the program; 0: there is none (any more). */
static pid_t child_of(pid_t parent, const char *key) {
    char name[96], command[4096];
    long child;
    pid_t found = 0;
    snprintf(name, sizeof name, "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
    FILE *children = fopen(name, "r");
    while (children && !found && fscanf(children, "%ld", &child) == 1) {
        snprintf(name, sizeof name, "/proc/%ld/cmdline", child);
        FILE *file = fopen(name, "r");
        size_t got = file ? fread(command, 1, sizeof command, file) : 0;
        if (file)
            fclose(file);
        if (memmem(command, got, key, strlen(key)))
            found = (pid_t)child;
    }
    if (children)
        fclose(children);
    return found;
}

static void sleep_a_little(void) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* Waits until the log of a program that is at work says it. */
static void wait_for(pid_t program, const char *words) {
    for (;;) {
        siginfo_t ended = {0};
        waitid(P_PID, (id_t)program, &ended, WEXITED | WNOHANG | WNOWAIT);
        char *log = text_of("log");
        if (!strstr(log, words) && ended.si_pid)
            fail_msg("it ended before it said '%s': %s", words, log);
        bool said = strstr(log, words) != NULL;
        free(log);
        if (said)
            return;
        sleep_a_little();
    }
}

static void crash_one(pid_t program) {
    char *plan = text_of("faulty/plan.csv"), key[17];
    assert_int_equal(sscanf(strstr(plan, "\n3,") + 3, "%16[0-9a-f]", key), 1);
    free(plan);
    pid_t child = child_of(program, key);
    assert_true(child > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
}

/* One fails, one is killed, one does well. */
static void others_go_on(void **state) {
    (void)state;
    int ended;
    if (access("/proc/self/task", F_OK) != 0)
        skip();
    pid_t program =
        program_start(binary, "run f.csv --data d --no-plot --out faulty --jobs 2", "log");
    wait_for(program, "plain-8, seed 1: train error");
    wait_for(program, "resnet-8 A, seed 1: begins");
    crash_one(program);
    assert_int_equal(waitpid(program, &ended, 0), program);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 1);
    assert_int_equal(run_rows("faulty"), 3);
    expect_status("faulty", 0, "failed");
    expect_status("faulty", 1, "done");
    expect_status("faulty", 2, "crashed");
    char *key = run_cell("faulty", 0, "key"), *error = run_cell("faulty", 0, "test_error_pct"),
         name[96];
    assert_string_equal(error, "");
    snprintf(name, sizeof name, "faulty/runs/%s/failure.txt", key);
    char *why = text_of(name), *parameters = run_cell("faulty", 0, "parameters");
    assert_string_not_equal(parameters, "0");
    free(parameters);
    assert_string_equal(why, "resize: 20 is smaller than the net's input of 28\n");
    free(why);
    free(key);
    free(error);
}

/* Neither is tried again without being asked to, by one process or by several. */
static void only_with_retry(void **state) {
    (void)state;
    program_expect("run f.csv --data d --no-plot --out faulty", 1,
                   "failed before; --retry|finished already|crashed before|2 runs failed");
    program_expect("run f.csv --data d --no-plot --out faulty --jobs 2", 1,
                   "plain-8, seed 1: failed before|crashed before|--retry tries it again");
    assert_int_equal(run_rows("faulty"), 3);
    const Outcome *o = program_run_stopped("run f.csv --data d --no-plot --out faulty --retry",
                                           "resnet-8 A, seed 1: begins", SIGTERM);
    assert_int_equal(o->code, 1);
    expect_words(o->err, "[1/3] plain-8, seed 1: begins|[2/3] plain-8, seed 1: finished already");
    program_expect("collect faulty", 0, "2 of 3 runs"); /* the third is under way again */
    assert_int_equal(run_rows("faulty"), 2);
    program_expect("run e.csv --data d --no-plot --out one --rows 2 --retry", 0, "one");
    program_expect("run e.csv --data d --no-plot --out one --jobs 2 --only 1", 2, "--jobs");
    program_expect("run e.csv --data d --no-plot --out one --jobs 0", 2, "--jobs '0'");
}

/* A stop reaches the processes, and what they leave is gone on from. */
static void stopped(void **state) {
    (void)state;
    const char *line = "run g.csv --data d --no-plot --out stopped --jobs 2";
    const Outcome *o =
        program_run_stopped(line, "[2/2] resnet-8 A, seed 1: iteration 20,", SIGTERM);
    assert_int_equal(o->code, 1);
    expect_words(o->err, "stopped at iteration|the same command goes on");
    assert_int_equal(run_rows("stopped"), 0);
    o = program_run_stopped(line, "goes on after iteration", SIGINT);
    assert_int_equal(o->code, 1);
    assert_int_equal(run_rows("stopped"), 0);
}

static void make_experiments(void) {
    char text[1024], backend[8];
    snprintf(backend, sizeof backend, "%s", fast_backend());
    snprintf(text, sizeof text, experiment, backend);
    scratch_text("e.csv", text);
    snprintf(text, sizeof text, faulty, backend);
    scratch_text("f.csv", text);
    snprintf(text, sizeof text,
             "family,depth,width,dataset,batch,iterations,eval_every,threads,backend\n"
             "plain|resnet,8,2,mnist,10,10000000,20,1,%s\n",
             backend);
    scratch_text("g.csv", text);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rows),
        cmocka_unit_test(others_go_on),
        cmocka_unit_test(only_with_retry),
        cmocka_unit_test(stopped),
    };
    if (argc != 2)
        return 2;
    binary = realpath(argv[1], NULL);
    program_use(argv[1]);
    make_data();
    make_experiments();
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
