#include "harness/data/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void digest_text(struct sha256_ctx *hash, char text[DIGEST_TEXT]) {
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

Status digest_file(const char *path, char text[DIGEST_TEXT]) {
    uint8_t buffer[1 << 16];
    struct sha256_ctx hash;
    size_t got;
    FILE *file = fopen(path, "rb");
    text[0] = '\0';
    if (!file)
        return status_fail(STATUS_IO, "%s: cannot be opened: %s", path, strerror(errno));
    sha256_init(&hash);
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        sha256_update(&hash, got, buffer);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return status_fail(STATUS_IO, "%s: cannot be read: %s", path, strerror(errno));
    digest_text(&hash, text);
    return STATUS_OK;
}
