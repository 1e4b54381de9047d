/* Files that the tests of data/ make: folders of their own, small image sets, damaged copies. */
#ifndef TESTS_DATA_FILES_H
#define TESTS_DATA_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/folder.h"

/* A new folder under $TMPDIR or /tmp, which the caller removes. Fails the test. */
void folder_new(char *path, size_t size);

/* Makes missing folders above it. packed: as gzip. */
void file_write(const char *path, const void *bytes, size_t size, int packed);
/* The caller frees. */
uint8_t *file_read(const char *path, size_t *size);

/* An IDX file of `count` 28 x 28 images or of labels; pixel k of the file is (7 k + seed) % 251,
 * label i is (3 i + seed) % 10. The caller frees. */
uint8_t *idx_images(int count, int seed, size_t *size);
uint8_t *idx_labels(int count, int seed, size_t *size);
/* Writes the four files of a set to folder, plain or .gz. */
void idx_set(const char *folder, int train, int test, int packed);

#endif
