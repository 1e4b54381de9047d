/* SHA-256 as text. */
#ifndef HARNESS_DATA_DIGEST_H
#define HARNESS_DATA_DIGEST_H

#include <nettle/sha2.h>

#include "net/status.h"

enum { DIGEST_TEXT = 2 * SHA256_DIGEST_SIZE + 1 };

/* Ends the sum and writes it as 64 lower-case hexadecimal digits. */
void digest_text(struct sha256_ctx *hash, char text[DIGEST_TEXT]);
/* Of a file's bytes as they are. */
Status digest_file(const char *path, char text[DIGEST_TEXT]);

#endif
