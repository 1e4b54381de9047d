/* Whole files, read and replaced at once. */
#ifndef HARNESS_REPORT_FILES_H
#define HARNESS_REPORT_FILES_H

#include "harness/base/whole_file.h"

/* DIR/NAME gets what `write` writes, or stays as it was: whole_file_write(). */
Status file_replace(const char *dir, const char *name, WriteFn *write, const void *context);
/* The caller frees *text; it ends in a zero byte. */
Status file_read(const char *path, char **text);

#endif
