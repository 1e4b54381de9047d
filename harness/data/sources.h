/* The table of addresses, experiments/datasets.csv. */
#ifndef HARNESS_DATA_SOURCES_H
#define HARNESS_DATA_SOURCES_H

#include <stdbool.h>

#include "net/status.h"

/* One row: a file of a set and one address of it. */
typedef struct SourceRow {
    char *file, *url;
    char sha256[65];
    long long bytes; /* 0: not known */
    bool unpack;     /* a .tar.gz of the set's folder */
} SourceRow;

typedef struct Sources {
    SourceRow *rows; /* of one set; rows of the same file follow each other: mirrors */
    int count;       /* may be 0 */
} Sources;

/* path NULL: the project's own table. Errors say file:line and column. */
Status sources_read(const char *path, const char *dataset, Sources *sources);
void sources_free(Sources *sources);

#endif
