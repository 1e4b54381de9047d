#include <stdio.h>
#include <string.h>

#include "harness/data/formats.h"
#include "harness/data/stream.h"

enum { PIXELS = 3 * 32 * 32, COARSE_CLASSES = 20 };

static Status check_label(const Stream *stream, const char *path, int record, long long offset,
                          int found, int classes) {
    if (found < classes)
        return STATUS_OK;
    return status_fail(STATUS_BAD_INPUT,
                       "%s: offset %lld%s (record %d): found label %d, expected 0 to %d", path,
                       offset, stream_unit(stream), record, found, classes - 1);
}

Status cifar_read(const char *path, int records, int classes, struct sha256_ctx *hash,
                  uint8_t *images, int32_t *labels) {
    const int label_bytes = classes == 100 ? 2 : 1;
    uint8_t record[2 + PIXELS];
    char what[64];
    Stream *stream = NULL;
    Status status = STATUS_OK;
    CHECK(stream_open(path, hash, &stream));
    for (int i = 0; i < records; i++) {
        long long offset = stream_offset(stream);
        snprintf(what, sizeof what, "record %d of %d", i, records);
        CHECK(stream_read(stream, record, (size_t)(label_bytes + PIXELS), what));
        if (label_bytes == 2)
            CHECK(check_label(stream, path, i, offset, record[0], COARSE_CLASSES));
        labels[i] = record[label_bytes - 1];
        CHECK(check_label(stream, path, i, offset + label_bytes - 1, labels[i], classes));
        memcpy(images + (size_t)i * PIXELS, record + label_bytes, PIXELS);
    }
    CHECK(stream_end(stream));
out:
    stream_close(stream);
    return status;
}
