/* Where the project's own data files (experiments/, plots/) are. */
#ifndef HARNESS_BASE_PATHS_H
#define HARNESS_BASE_PATHS_H

#include <stddef.h>

#include "net/status.h"

/* Finds a file or folder of the project by its name within it, "experiments/datasets.csv". Tried in
 * this order, the first that exists is written to `path`:
 *   1. the current directory: a checkout, or a user's own copy
 *   2. <folder of the program>/../share/reslab: where `cmake --install` puts them
 *   3. the source folder this program was built from
 * None: STATUS_UNAVAILABLE; the message names all three. An absolute name is only checked. */
Status resource_path(const char *name, char *path, size_t size);

#endif
