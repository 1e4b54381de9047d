/* Reads event files as TensorBoard does: record by record, both checksums looked at. Written apart
 * from what writes them. */
#ifndef TESTS_TENSORBOARD_RECORDS_H
#define TESTS_TENSORBOARD_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "event.pb-c.h"

enum { RECORDS_MAX = 64 };

typedef struct Records {
    int count;
    uint8_t *bytes[RECORDS_MAX]; /* within `text` */
    size_t sizes[RECORDS_MAX];
    uint8_t *text;
} Records;

/* NULL; or why the file is not sound. The caller frees with records_free(). */
const char *records_read(const char *path, Records *records);
void records_free(Records *records);

#endif
