/* Whole files, read and replaced at once. */
#ifndef HARNESS_REPORT_FILES_H
#define HARNESS_REPORT_FILES_H

#include <stddef.h>

#include "net/status.h"

/* DIR/NAME gets the text, or stays as it was: written beside it, then renamed. */
Status file_replace(const char *dir, const char *name, const char *text, size_t length);
/* The caller frees *text; it ends in a zero byte. */
Status file_read(const char *path, char **text);

#endif
