/* Running gnuplot on a script, without a shell. */
#ifndef HARNESS_REPORT_GNUPLOT_H
#define HARNESS_REPORT_GNUPLOT_H

#include <stdio.h>

#include "net/status.h"

/* Runs NAME.gp in `folder` twice, for NAME.svg and NAME.png. The caller has written the script.
 * STATUS_UNAVAILABLE: gnuplot is not in PATH. STATUS_BACKEND: it failed or warned; the message has
 * its first line, and no figure of that name is left behind. */
Status gnuplot_render(const char *folder, const char *name);

/* Writes text as a gnuplot string: in single quotes, in which nothing but the quote itself
 * (doubled) means anything; control characters become '?'. */
void gnuplot_put_string(FILE *file, const char *text);

#endif
