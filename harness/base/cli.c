#include "harness/base/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_fail(Status status) {
    fflush(stdout);
    fprintf(stderr, "harness: %s\n", status_message());
    return status == STATUS_BAD_INPUT || status == STATUS_UNAVAILABLE ? EXIT_BAD_INPUT
                                                                      : EXIT_RUN_FAILED;
}

int cli_usage(const char *command, const char *format, ...) {
    va_list args;
    fflush(stdout);
    fprintf(stderr, "harness %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see 'harness %s --help'\n", command);
    return EXIT_BAD_INPUT;
}

int cli_bad_option(int argc, char **argv, int code) {
    const char *option = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    if (code == ':')
        return cli_usage(argv[0], "'%s' needs a value", option);
    if (optopt > ' ' && optopt < 127) /* a short one, perhaps inside a cluster */
        return cli_usage(argv[0], "unknown option '-%c'", optopt);
    return cli_usage(argv[0], "unknown or incomplete option '%s'", option);
}

bool cli_int(const char *text, long low, long high, long *value) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno || isspace((unsigned char)text[0]) || number < low ||
        number > high)
        return false;
    *value = number;
    return true;
}

/* Levenshtein distance without regard to case; words are short. */
static int distance(const char *a, const char *b) {
    enum { LONGEST = 40 };
    int la = (int)strlen(a), lb = (int)strlen(b), row[LONGEST + 1];
    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    for (int j = 0; j <= lb; j++)
        row[j] = j;
    for (int i = 1; i <= la; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int best =
                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *cli_nearest(const char *word, const char *const *words) {
    const char *nearest = NULL;
    int least = 1 + (int)strlen(word) / 3; /* farther away is no typing error */
    for (; *words; words++) {
        int d = distance(word, *words);
        if (d <= least && (!nearest || d < least)) {
            nearest = *words;
            least = d;
        }
    }
    return nearest;
}

void cli_note_backend(const char *note, const char *used) {
    if (note[0])
        fprintf(stderr, "harness: %s; computing on %s\n", note, used);
}
