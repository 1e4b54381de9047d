/* Files that are there whole or not at all. */
#ifndef HARNESS_BASE_WHOLE_FILE_H
#define HARNESS_BASE_WHOLE_FILE_H

#include <stdio.h>

#include "net/status.h"

/* Between a file's name and the process number in the name of its temporary. */
#define WHOLE_FILE_TEMPORARY ".new-"

typedef Status WriteFn(FILE *file, void *context);

/* Has `write` write to a temporary name beside `path`, brings that to the disk, renames it and
 * brings the folder to the disk. On failure whatever was at `path` is untouched and the temporary
 * is gone; STATUS_IO says why. A process that is killed may leave a temporary, "NAME.new-PID". */
Status whole_file_write(const char *path, WriteFn *write, void *context);

#endif
