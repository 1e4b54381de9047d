/* Texts from outside as words of a shell script. */
#ifndef HARNESS_BASE_SHELL_H
#define HARNESS_BASE_SHELL_H

#include <stdio.h>

/* Writes text as one word of a POSIX shell: in single quotes, in which nothing but the quote itself
 * means anything. */
void shell_put_word(FILE *file, const char *text);

#endif
