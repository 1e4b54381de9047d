/* Locks of files: one holder at a time, given back however the holder ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/lock.h"
#include "tests/sweep/scratch.h"

static const char *file(void) {
    static char path[256];
    snprintf(path, sizeof path, "%s/lock", scratch_folder());
    return path;
}

static void one_at_a_time(void **state) {
    (void)state;
    int first, second;
    assert_false(lock_is_held(file()));
    assert_int_equal(lock_take(file(), &first), STATUS_OK);
    assert_true(first >= 0);
    assert_true(lock_is_held(file()));
    assert_int_equal(lock_take(file(), &second), STATUS_OK);
    assert_int_equal(second, -1);
    lock_release(second);
    lock_release(first);
    assert_false(lock_is_held(file()));
    assert_int_equal(lock_take(file(), &second), STATUS_OK);
    assert_true(second >= 0); /* looking has taken nothing */
    lock_release(second);
}

/* A child that takes the lock, says so and waits to be killed. */
static pid_t holder(void) {
    int ends[2], lock;
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60); /* should the test end before it kills this one */
        if (lock_take(file(), &lock) == STATUS_OK && lock >= 0 && write(ends[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

static void given_back_when_killed(void **state) {
    (void)state;
    int lock, ended;
    volatile sig_atomic_t stop = 1;
    pid_t child = holder();
    assert_true(lock_is_held(file()));
    assert_int_equal(lock_take(file(), &lock), STATUS_OK);
    assert_int_equal(lock, -1);
    assert_int_equal(lock_wait(file(), &stop, &lock), STATUS_INTERRUPTED);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(lock_wait(file(), NULL, &lock), STATUS_OK);
    assert_true(lock >= 0);
    lock_release(lock);
    assert_int_equal(waitpid(child, &ended, 0), child);
}

static void no_such_folder(void **state) {
    (void)state;
    int lock;
    char path[300];
    snprintf(path, sizeof path, "%s/nowhere/lock", scratch_folder());
    assert_int_equal(lock_take(path, &lock), STATUS_IO);
    assert_int_equal(lock, -1);
    assert_false(lock_is_held(path));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(given_back_when_killed),
        cmocka_unit_test(no_such_folder),
    };
    scratch_folder();
    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
