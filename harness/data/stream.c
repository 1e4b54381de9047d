#include "harness/data/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BUFFER = 1 << 16 };

struct Stream {
    char *path;
    FILE *file;
    struct sha256_ctx *hash;
    bool packed;      /* gzip */
    bool unpacked;    /* ... and its end has been reached */
    z_stream inflate; /* next_in and avail_in also serve plain files */
    long long offset;
    uint8_t buffer[BUFFER];
};

/* Refills an empty input buffer; avail_in stays 0 at the end of the file. */
static Status fill(Stream *stream) {
    if (stream->inflate.avail_in > 0)
        return STATUS_OK;
    size_t got = fread(stream->buffer, 1, BUFFER, stream->file);
    if (got == 0 && ferror(stream->file))
        return status_fail(STATUS_IO, "%s: cannot be read: %s", stream->path, strerror(errno));
    stream->inflate.next_in = stream->buffer;
    stream->inflate.avail_in = (unsigned)got;
    return STATUS_OK;
}

Status stream_open(const char *path, struct sha256_ctx *hash, Stream **stream) {
    Status status = STATUS_OK;
    *stream = NULL;
    Stream *made = calloc(1, sizeof *made);
    if (!made || !(made->path = strdup(path))) {
        free(made);
        return status_fail(STATUS_NO_MEMORY, "%s: no memory to read it", path);
    }
    made->hash = hash;
    made->file = fopen(path, "rb");
    if (!made->file) {
        status = status_fail(STATUS_IO, "%s: cannot be opened: %s", path, strerror(errno));
        goto out;
    }
    CHECK(fill(made));
    made->packed =
        made->inflate.avail_in >= 2 && made->buffer[0] == 0x1f && made->buffer[1] == 0x8b;
    if (made->packed && inflateInit2(&made->inflate, 16 + MAX_WBITS) != Z_OK) {
        made->packed = false;
        status = status_fail(STATUS_NO_MEMORY, "%s: zlib cannot start", path);
    }
out:
    if (status != STATUS_OK) {
        stream_close(made);
        return status;
    }
    *stream = made;
    return STATUS_OK;
}

void stream_close(Stream *stream) {
    if (!stream)
        return;
    if (stream->packed)
        inflateEnd(&stream->inflate);
    if (stream->file)
        fclose(stream->file);
    free(stream->path);
    free(stream);
}

static Status inflate_some(Stream *stream, uint8_t *bytes, size_t size, size_t *got) {
    z_stream *z = &stream->inflate;
    z->next_out = bytes;
    z->avail_out = size < UINT32_MAX ? (unsigned)size : UINT32_MAX;
    unsigned room = z->avail_out;
    int code = inflate(z, Z_NO_FLUSH);
    *got = room - z->avail_out;
    if (code == Z_STREAM_END)
        stream->unpacked = true;
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: the gzip data is damaged near packed offset %lld (%s)",
                           stream->path, (long long)z->total_in, z->msg ? z->msg : "zlib error");
    return STATUS_OK;
}

/* At most `size` bytes; *got is less only where the file ends. */
static Status read_some(Stream *stream, uint8_t *bytes, size_t size, size_t *got) {
    *got = 0;
    while (*got < size && !stream->unpacked) {
        TRY(fill(stream));
        if (stream->inflate.avail_in == 0)
            break;
        size_t step = 0;
        if (stream->packed) {
            TRY(inflate_some(stream, bytes + *got, size - *got, &step));
        } else {
            z_stream *in = &stream->inflate;
            step = in->avail_in < size - *got ? in->avail_in : size - *got;
            memcpy(bytes + *got, in->next_in, step);
            in->next_in += step;
            in->avail_in -= (unsigned)step;
        }
        *got += step;
    }
    stream->offset += (long long)*got;
    return STATUS_OK;
}

Status stream_read(Stream *stream, void *bytes, size_t size, const char *what) {
    long long begin = stream->offset;
    size_t got = 0;
    TRY(read_some(stream, bytes, size, &got));
    if (got < size)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: ends at offset %lld%s; expected %zu bytes of %s from offset %lld: "
                           "the copy is cut short",
                           stream->path, stream->offset, stream_unit(stream), size, what, begin);
    if (stream->hash)
        sha256_update(stream->hash, size, bytes);
    return STATUS_OK;
}

Status stream_end(Stream *stream) {
    uint8_t extra;
    size_t got = 0;
    TRY(read_some(stream, &extra, 1, &got));
    if (got > 0)
        return status_fail(STATUS_BAD_INPUT, "%s: goes on after offset %lld%s, where it should end",
                           stream->path, stream->offset - 1, stream_unit(stream));
    if (stream->packed && !stream->unpacked)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: ends at packed offset %lld without the gzip "
                           "trailer: the copy is cut short",
                           stream->path, (long long)stream->inflate.total_in);
    TRY(fill(stream));
    if (stream->inflate.avail_in > 0)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: goes on after packed offset %lld, where its gzip data ends",
                           stream->path, (long long)stream->inflate.total_in);
    return STATUS_OK;
}

long long stream_offset(const Stream *stream) {
    return stream->offset;
}

const char *stream_unit(const Stream *stream) {
    return stream->packed ? " (unpacked)" : "";
}
