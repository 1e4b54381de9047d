/* harness status: what it says of runs that are done, running, stopped, failed and left.
 * usage: test_status HARNESS */
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

static const char *binary;

static const char line[] = "run e.csv --data d --no-plot --threads 1 --out o";

/* One that is done, one that fails, one that diverges, one that would take an hour, one more. */
static const char experiment[] =
    "family,depth,width,dataset,batch,iterations,eval_every,lr,resize,normalize,backend\n"
    "plain,8,2,mnist,10,12,5,0.1,none,channel,%1$s\n"
    "plain,8,2,mnist,10,12,5,0.1,20,channel,%1$s\n"
    "plain,8,2,mnist,10,12,5,1e6,none,channel,%1$s\n"
    "resnet,8,2,mnist,10,10000000,20,0.001,none,channel,%1$s\n"
    "resnet,14,2,mnist,10,10000000,20,0.001,none,channel,%1$s\n";

/* The words of a run's line and of the last line. */
static void expect_status(int run, const char *words, const char *totals) {
    const Outcome *o = program_run("status o");
    char start[16];
    if (o->code != 0)
        fail_msg("%s", o->err);
    snprintf(start, sizeof start, "\n%4d  ", run);
    char *at = strstr(o->out, start);
    assert_non_null(at);
    char *end = strchr(at + 1, '\n');
    *end = '\0';
    expect_words(at, words);
    expect_words(end + 1, totals);
}

/* Waits until status says that the run is running and has gone beyond its first evaluation. */
static void wait_until_running(pid_t program) {
    for (;;) {
        siginfo_t ended = {0};
        waitid(P_PID, (id_t)program, &ended, WEXITED | WNOHANG | WNOWAIT);
        const Outcome *o = program_run("status o");
        const char *at = strstr(o->out, "\n   4  ");
        long long done = 0;
        if (at && sscanf(at, "%*d resnet-8 A, seed 1 running %lld/", &done) == 1 && done > 0)
            return;
        if (ended.si_pid)
            fail_msg("it ended: %s", o->out);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

static void running_and_stopped(void **state) {
    (void)state;
    int ended;
    pid_t program = program_start(binary, line, "log");
    wait_until_running(program);
    expect_status(1, "plain-8, seed 1|done|12/12",
                  "1 done, 1 diverged, 1 failed, 1 running, 1 left");
    expect_status(2, "failed|0/12", "to go");
    expect_status(3, "diverged", "to go");
    expect_status(4, "resnet-8 A, seed 1|running|/10000000", "to go");
    expect_status(5, "resnet-14 A, seed 1|left| 0/10000000", "to go");
    assert_int_equal(kill(program, SIGTERM), 0);
    assert_int_equal(waitpid(program, &ended, 0), program);
    expect_status(4, "stopped", "0 running, 2 left; about |to go once it goes on");
}

static void before_and_after(void **state) {
    (void)state;
    program_expect("status nowhere", 2, "nowhere/runs: No such file");
    program_expect("status", 2, "output folder is needed");
    program_expect("status --help", 0, "Usage: harness status|Example");
    const Outcome *o = program_run("run e.csv --data d --no-plot --threads 1 --out p --rows 1");
    assert_int_equal(o->code, 0);
    program_expect("status p", 0, "1 done, 0 diverged, 0 failed, 0 running, 4 left");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_and_stopped),
        cmocka_unit_test(before_and_after),
    };
    if (argc != 2)
        return 2;
    binary = made_begin(argv[1], experiment);
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
