#define _GNU_SOURCE
#include "tests/sweep/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sweep/scratch.h"

static char *binary;
static Outcome outcome;

void program_use(const char *path) {
    free(binary);
    binary = realpath(path, NULL); /* it is run from another folder */
    if (!binary) {
        perror(path);
        exit(2);
    }
}

/* "run a~b" -> {"harness", "run", "a b"} */
static void cut(char *args, char **argv) {
    int count = 0;
    argv[count++] = "harness";
    for (char *word; (word = strsep(&args, " ")) != NULL;) {
        assert_true(count < PROGRAM_ARGS_MAX - 1);
        for (char *c = word; *c; c++)
            *c = *c == '~' ? ' ' : *c;
        if (*word)
            argv[count++] = word;
    }
    argv[count] = NULL;
}

/* In the child: never returns. */
static void become(const char *args, int out, int err, long file_limit) {
    char copy[2048], *argv[PROGRAM_ARGS_MAX];
    snprintf(copy, sizeof copy, "%s", args);
    cut(copy, argv);
    if (file_limit) {
        struct rlimit limit = {(rlim_t)file_limit, (rlim_t)file_limit};
        setrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_IGN); /* write() then fails, as on a full disk */
    }
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (chdir(scratch_folder()) == 0)
        execv(binary, argv);
    _exit(126);
}

/* Reads both pipes to their ends; sends the signal when stderr shows `text`. */
static void drain(pid_t child, int out, int err, const char *text, int signal_number) {
    struct pollfd fds[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    char *texts[2] = {outcome.out, outcome.err};
    size_t used[2] = {0, 0};
    for (int open = 2; open > 0;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++) {
            char buffer[4096];
            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            ssize_t got = read(fds[i].fd, buffer, sizeof buffer);
            if (got <= 0) {
                fds[i].fd = -1;
                open--;
                continue;
            }
            size_t room = sizeof outcome.out - 1 - used[i];
            size_t take = (size_t)got < room ? (size_t)got : room;
            memcpy(texts[i] + used[i], buffer, take);
            used[i] += take;
            texts[i][used[i]] = '\0';
        }
        if (text && strstr(outcome.err, text)) {
            kill(child, signal_number);
            text = NULL;
        }
    }
}

static const Outcome *start(const char *args, long limit, const char *text, int signal_number) {
    int out[2], err[2], state;
    memset(&outcome, 0, sizeof outcome);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    scratch_folder(); /* made by the parent, who removes it */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(args, out[1], err[1], limit);
    close(out[1]);
    close(err[1]);
    drain(child, out[0], err[0], text, signal_number);
    close(out[0]);
    close(err[0]);
    assert_int_equal(waitpid(child, &state, 0), child);
    outcome.code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    return &outcome;
}

const Outcome *program_run(const char *args) {
    return start(args, 0, NULL, 0);
}

const Outcome *program_run_limited(const char *args, long bytes) {
    return start(args, bytes, NULL, 0);
}

const Outcome *program_run_stopped(const char *args, const char *text, int signal_number) {
    return start(args, 0, text, signal_number);
}

void expect_words(const char *text, const char *words) {
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&rest, "|")) != NULL;)
        if (!strstr(text, word))
            fail_msg("'%s' is not in: %s", word, text);
}

void program_expect(const char *args, int code, const char *words) {
    const Outcome *o = program_run(args);
    if (o->code != code)
        fail_msg("harness %s: exit code %d, expected %d\n%s%s", args, o->code, code, o->out,
                 o->err);
    expect_words(code ? o->err : o->out, words);
}
