/* Files that are there whole or not at all. */
#ifndef HARNESS_BASE_WHOLE_FILE_H
#define HARNESS_BASE_WHOLE_FILE_H

#include <stdio.h>

#include "net/status.h"

typedef Status WriteFn(FILE *file, void *context);

/* Has `write` write to a temporary name beside `path`, brings that to the disk and renames it. On
 * failure whatever was at `path` is untouched and the temporary is gone; STATUS_IO says why. */
Status whole_file_write(const char *path, WriteFn *write, void *context);

#endif
