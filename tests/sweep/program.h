/* Runs the built harness as a user would. */
#ifndef TESTS_SWEEP_PROGRAM_H
#define TESTS_SWEEP_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct Outcome {
    int code;          /* exit code; -1: ended by a signal */
    char out[1 << 16]; /* what it printed, cut there */
    char err[1 << 16];
} Outcome;

enum { PROGRAM_ARGS_MAX = 32 };

/* The binary's path, from the test's own arguments. */
void program_use(const char *path);
/* Runs "harness ARGS", ARGS cut at blanks (a '~' inside becomes a blank), in the scratch folder;
 * waits. The result lives until the next call. */
const Outcome *program_run(const char *args);
/* As program_run(), but no file may grow beyond `bytes`: a full disk. */
const Outcome *program_run_limited(const char *args, long bytes);
/* As program_run(); the signal is sent once stderr has shown `text`. */
const Outcome *program_run_stopped(const char *args, const char *text, int signal_number);
/* Fails the test unless the code is `code` and every word of `words` (cut at '|') was printed on
 * stderr, or, of code 0, on stdout. */
void program_expect(const char *args, int code, const char *words);
/* Fails unless a word of `words`, cut at '|', is missing in text. */
void expect_words(const char *text, const char *words);

#endif
