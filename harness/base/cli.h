/* The command line: one function a subcommand, each in harness/cmd_<name>.c. */
#ifndef HARNESS_BASE_CLI_H
#define HARNESS_BASE_CLI_H

#include <stdbool.h>

#include "net/status.h"

/* Exit codes: 0 done, 1 a run failed, 2 bad usage or input. */
enum { EXIT_DONE = 0, EXIT_RUN_FAILED = 1, EXIT_BAD_INPUT = 2 };

typedef struct Command {
    const char *name;                   /* "run" */
    const char *summary;                /* one line of `harness --help` */
    int (*main)(int argc, char **argv); /* argv[0] is the subcommand's name; returns an exit code */
} Command;

int cmd_run(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_collect(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_rerun(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_slurm(int argc, char **argv);
int cmd_verdict(int argc, char **argv);
int cmd_report(int argc, char **argv);

/* Prints "harness: <message>" to stderr and returns the exit code that belongs to the status. */
int cli_fail(Status status);
/* Prints "harness <command>: <text>; see 'harness <command> --help'", returns EXIT_BAD_INPUT. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For getopt_long's '?' and ':' (its own messages switched off by opterr = 0): which option is
 * wrong, as cli_usage(). */
int cli_bad_option(int argc, char **argv, int code);
/* A whole text as a number in [low, high]; false when it is anything else. */
bool cli_int(const char *text, long low, long high, long *value);

/* Says on stderr why `auto` passed over a faster backend; an empty note: it did not. */
void cli_note_backend(const char *note, const char *used);

/* The word of the list (NULL at its end) that `word` was probably meant to be; NULL when none is
 * near. */
const char *cli_nearest(const char *word, const char *const *words);

#endif
