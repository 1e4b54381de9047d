/* Getting data sets: download, check, unpack, put in place. */
#ifndef HARNESS_DATA_FETCH_H
#define HARNESS_DATA_FETCH_H

#include <stdbool.h>

#include "harness/data/data.h"

/* Bytes of `file` that are here, of `total` (0: not known). Called often. */
typedef void FetchProgress(void *context, const char *file, long long done, long long total);

typedef struct FetchOptions {
    const char *folder;      /* the set's own folder is made in it; NULL: $HARNESS_DATA or ./data */
    const char *sources;     /* CSV of addresses and sums; NULL: experiments/datasets.csv */
    FetchProgress *progress; /* may be NULL */
    void *context;
} FetchOptions;

typedef struct FetchResult {
    char folder[512]; /* where the set is now */
    char sha256[65];  /* of its unpacked bytes, as DataSource has it */
    int train, test;
    bool present; /* it had been there before: nothing was done */
} FetchResult;

/* Everything happens in <folder>/<set>.part and is renamed when it is complete, so that an
 * interrupted fetch leaves nothing that looks like a set, and a repeated one goes on where it
 * stopped. A network failure is STATUS_IO, a file with the wrong sum or content STATUS_BAD_INPUT.
 */
Status data_fetch(const char *name, const FetchOptions *options, FetchResult *result);

#endif
