/* Archives of data sets. */
#ifndef HARNESS_DATA_UNPACK_H
#define HARNESS_DATA_UNPACK_H

#include "harness/data/sets.h"

/* Writes the set's files from a .tar.gz to `folder`. They must stand in the archive as
 * <layout->folders[0]>/<name>, each once, as regular files; anything else in it is skipped, but an
 * archive with an absolute path or a ".." is refused. Errors name archive and entry. */
Status unpack_set(const SetLayout *layout, const char *archive, const char *folder);

#endif
