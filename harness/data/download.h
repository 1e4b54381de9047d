/* One file over HTTP, resumed where an earlier try stopped, and checked. */
#ifndef HARNESS_DATA_DOWNLOAD_H
#define HARNESS_DATA_DOWNLOAD_H

#include "harness/data/fetch.h"
#include "harness/data/sources.h"

/* Downloads row->url to <path>.part and renames it to path when its SHA-256 is right. A wrong sum
 * deletes the .part (STATUS_BAD_INPUT); a failed transfer keeps it for the next try (STATUS_IO). */
Status download_file(const SourceRow *row, const char *path, FetchProgress *progress,
                     void *context);

#endif
