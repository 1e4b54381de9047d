/* A sweep that is killed at random moments, many times, leaves the same files as one that is not:
 * rows, curves, steps, layers and final weights. usage: test_kill HARNESS KILLS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "harness/base/clock.h"
#include "net/philox.h"
#include "tests/survive/made.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"
#include "tests/tensorboard/records.h"

static const char *binary;
static long kills_wanted;

/* Every kind of state that a run carries along: momenta of both optimisers, warm-up, statistics
 * that evaluations change, the best on held-back images, dropout, short batches, a run that
 * diverges, and doubles. */
static const char experiment[] =
    "family,depth,width,dataset,batch,iterations,eval_every,optimizer,lr,schedule,warmup,bn_eval,"
    "select,shortcut_dropout,last_batch,backend\n"
    "resnet,8,4,mnist,16,36,13,sgd,0.05,20:0.1,0.01 until 95,running,best_test,0.2,exact,%1$s\n"
    "resnet,8,4,mnist,16,30,7,adam,0.002,none,none,batch_update,last,0,keep,%1$s\n"
    "plain,8,4,mnist,16,30,11,sgd,0.05,none,none,recalibrated,last,0,drop,%1$s\n"
    "plain,8,4,mnist,16,30,11,sgd,1e6,none,none,running,last,0,exact,%1$s\n"
    "resnet,8,2,mnist,8,14,5,sgd,0.05,none,none,running,last,0,exact,ref\n";

static const char options[] =
    "run e.csv --data d --no-plot --threads 1 --save-weights --log-every 3 --layers "
    "--checkpoint-every 3";
/* One process, or several of which only the first one is killed. */
static const char *const ways[] = {"", "", "--jobs 2"};

/* The exit code, or minus the signal's number; `seconds` after the start the signal is sent. */
static int run_until(const char *out, const char *way, double seconds, int signal_number) {
    char args[512];
    int state;
    snprintf(args, sizeof args, "%s --out %s --tensorboard tb/%s %s", options, out, out, way);
    pid_t child = program_start(binary, args, "log");
    if (signal_number) {
        struct timespec rest = {.tv_sec = (time_t)seconds,
                                .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};
        nanosleep(&rest, NULL);
        kill(child, signal_number);
    }
    assert_int_equal(waitpid(child, &state, 0), child);
    return WIFSIGNALED(state) ? -WTERMSIG(state) : WEXITSTATUS(state);
}

static void show_log(void) {
    char *log = text_of("log");
    size_t length = strlen(log);
    print_error("%s\n", log + (length > 4000 ? length - 4000 : 0));
    free(log);
}

/* ---- event files ---- */

/* The run's log in tb/DIR; its folder's name ends in the key. */
static void read_events(const char *dir, const char *key, Records *records) {
    char pattern[256];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/tb/%s/*-%s/events.out.tfevents.%s", scratch_folder(), dir,
             key, key);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    const char *fault = records_read(found.gl_pathv[0], records);
    if (fault)
        fail_msg("%s: %s", found.gl_pathv[0], fault);
    globfree(&found);
}

static void same_event(const Records *a, const Records *b, int i) {
    TensorboardLog__Event *x = tensorboard_log__event__unpack(NULL, a->sizes[i], a->bytes[i]);
    TensorboardLog__Event *y = tensorboard_log__event__unpack(NULL, b->sizes[i], b->bytes[i]);
    assert_true(x && y);
    assert_int_equal(x->step, y->step);
    assert_int_equal(!x->summary, !y->summary);
    for (size_t k = 0; x->summary && k < x->summary->n_value; k++) {
        const TensorboardLog__Scalar *p = x->summary->value[k], *q = y->summary->value[k];
        assert_string_equal(p->tag, q->tag);
        if (!strstr(p->tag, "images_per_s"))
            assert_true(p->simple_value == q->simple_value);
    }
    tensorboard_log__event__free_unpacked(x, NULL);
    tensorboard_log__event__free_unpacked(y, NULL);
}

static void assert_same(const char *a, const char *b) {
    assert_same_outputs(a, b);
    for (int row = 0; row < run_rows(a); row++) {
        char *key = run_cell(a, row, "key");
        Records x, y;
        read_events(a, key, &x);
        read_events(b, key, &y);
        assert_int_equal(x.count, y.count);
        for (int i = 0; i < x.count; i++)
            same_event(&x, &y, i);
        records_free(&x);
        records_free(&y);
        free(key);
    }
}

/* The moments are drawn over the time of an undisturbed sweep: most kills meet a run. */
static void kill_and_go_on(void **state) {
    (void)state;
    static const int signals[] = {SIGKILL, SIGKILL, SIGHUP, SIGINT, SIGTERM};
    double start = clock_seconds();
    if (run_until("whole", "", 0, 0) != 0) {
        show_log();
        fail();
    }
    double length = clock_seconds() - start;
    long killed = 0, finished = 0;
    for (uint32_t draw = 0; killed < kills_wanted; draw++) {
        char out[32];
        Philox random = philox(1, STREAM_TEST, draw, 0, 0);
        double moment = length * (double)random.v[0] / 4294967296.0;
        int signal_number = signals[random.v[1] % 5];
        snprintf(out, sizeof out, "killed%ld", finished);
        int end = run_until(out, ways[random.v[2] % 3], moment, signal_number);
        if (end == 0) {
            assert_same("whole", out);
            finished++;
            continue;
        }
        if (end != -signal_number && end != 1)
            show_log();
        assert_true(end == -signal_number || end == 1);
        killed++;
    }
    char last[32];
    snprintf(last, sizeof last, "killed%ld", finished);
    int end = run_until(last, "", 0, 0);
    if (end != 0)
        show_log();
    assert_int_equal(end, 0);
    assert_same("whole", last);
    char *log = text_of("log");
    int resumed = 0;
    for (const char *at = log; (at = strstr(at, "goes on after iteration")) != NULL; at++)
        resumed++;
    free(log);
    print_message("%ld kills, %ld sweeps, gone on within a run %d times\n", killed, finished + 1,
                  resumed);
    assert_true(resumed > 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kill_and_go_on)};
    if (argc != 3)
        return 2;
    binary = made_begin(argv[1], experiment);
    kills_wanted = strtol(argv[2], NULL, 10);
    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
