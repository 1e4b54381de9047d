/* The command line that 'harness verdict' and 'harness report' share: DIR... [--alpha X]
 * [--power X]. */
#ifndef HARNESS_JUDGED_FOLDERS_H
#define HARNESS_JUDGED_FOLDERS_H

#include "harness/verdict/decide.h"
#include "net/status.h"

/* Calls `each` for every folder that is named, until one fails; or `help` for --help. argv[0] is
 * the subcommand's name. Returns the exit code. */
int judged_folders(int argc, char **argv, int (*help)(void),
                   Status (*each)(const char *dir, Level level));

#endif
