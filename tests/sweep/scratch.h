/* A folder of its own for each test program, and files in it. */
#ifndef TESTS_SWEEP_SCRATCH_H
#define TESTS_SWEEP_SCRATCH_H

#include <stddef.h>

/* The folder: made at the first call, removed with all it holds when the program exits. */
const char *scratch_folder(void);
/* Writes a file into it; returns its path, in a buffer that the next call reuses. */
const char *scratch_file(const char *name, const char *text, size_t size);
const char *scratch_text(const char *name, const char *text);
/* The whole file as text, for the caller to free; NULL when it cannot be read. */
char *slurp_text(const char *path);

#endif
