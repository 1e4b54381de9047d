/* A file read from front to back, plain or gzip (told by its first bytes, not by its name), with
 * its unpacked bytes hashed on the way. */
#ifndef HARNESS_DATA_STREAM_H
#define HARNESS_DATA_STREAM_H

#include <nettle/sha2.h>
#include <stddef.h>

#include "net/status.h"

typedef struct Stream Stream;

/* hash: updated with every unpacked byte that is read; may be NULL; borrowed. The caller closes. */
Status stream_open(const char *path, struct sha256_ctx *hash, Stream **stream);
void stream_close(Stream *stream);

/* Exactly `size` bytes, or STATUS_BAD_INPUT: the message gives the file, the offset at which it
 * ends, how many bytes were expected there and of what ("pixels"). */
Status stream_read(Stream *stream, void *bytes, size_t size, const char *what);
/* Fails when bytes are left, packed or unpacked. */
Status stream_end(Stream *stream);
/* Unpacked bytes read so far. */
long long stream_offset(const Stream *stream);
/* " (unpacked)" behind an offset when the file is gzip, else "". */
const char *stream_unit(const Stream *stream);

#endif
