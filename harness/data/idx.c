#include <stdlib.h>

#include "harness/data/formats.h"
#include "harness/data/stream.h"

enum {
    MAGIC_IMAGES = 0x803,
    MAGIC_LABELS = 0x801,
    COUNT_MAX = 1000000, /* a header with more is taken for damaged, before memory is asked for */
};

static Status read_u32(Stream *stream, const char *what, uint32_t *value) {
    uint8_t b[4];
    TRY(stream_read(stream, b, sizeof b, what));
    *value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return STATUS_OK;
}

/* Magic and count: the first 8 bytes. */
static Status read_head(Stream *stream, const char *path, uint32_t magic, int *count) {
    uint32_t found;
    TRY(read_u32(stream, "the IDX header", &found));
    if (found != magic)
        return status_fail(
            STATUS_BAD_INPUT,
            "%s: offset 0: found the number 0x%08x, expected 0x%08x: not an IDX file "
            "of %s",
            path, found, magic, magic == MAGIC_IMAGES ? "images" : "labels");
    TRY(read_u32(stream, "the IDX header", &found));
    if (found < 1 || found > COUNT_MAX)
        return status_fail(STATUS_BAD_INPUT, "%s: offset 4: found a count of %u, expected 1 to %d",
                           path, found, COUNT_MAX);
    *count = (int)found;
    return STATUS_OK;
}

static Status read_images(Stream *stream, const char *path, ImageSet *set) {
    uint32_t rows, columns;
    TRY(read_head(stream, path, MAGIC_IMAGES, &set->count));
    TRY(read_u32(stream, "the IDX header", &rows));
    TRY(read_u32(stream, "the IDX header", &columns));
    if (rows != (uint32_t)set->shape.h || columns != (uint32_t)set->shape.w)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: offset 8: found images of %u x %u pixels, expected %d x %d", path,
                           rows, columns, set->shape.h, set->shape.w);
    size_t size = (size_t)set->count * rows * columns;
    set->images = malloc(size);
    if (!set->images)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for %zu bytes of pixels", path, size);
    TRY(stream_read(stream, set->images, size, "pixels"));
    return stream_end(stream);
}

static Status read_labels(Stream *stream, const char *path, const char *images_path,
                          ImageSet *set) {
    int count;
    TRY(read_head(stream, path, MAGIC_LABELS, &count));
    if (count != set->count)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: offset 4: found %d labels, expected %d, one for each image of %s",
                           path, count, set->count, images_path);
    set->labels = malloc((size_t)count * sizeof *set->labels);
    uint8_t *bytes = malloc((size_t)count);
    Status status = STATUS_OK;
    if (!set->labels || !bytes) {
        status = status_fail(STATUS_NO_MEMORY, "%s: no memory for %d labels", path, count);
        goto out;
    }
    long long begin = stream_offset(stream);
    CHECK(stream_read(stream, bytes, (size_t)count, "labels"));
    CHECK(stream_end(stream));
    for (int i = 0; i < count; i++) {
        set->labels[i] = bytes[i];
        if (bytes[i] >= set->classes) {
            status =
                status_fail(STATUS_BAD_INPUT, "%s: offset %lld%s: found label %d, expected 0 to %d",
                            path, begin + i, stream_unit(stream), bytes[i], set->classes - 1);
            goto out;
        }
    }
out:
    free(bytes);
    return status;
}

Status idx_read(const char *images_path, const char *labels_path, struct sha256_ctx *hash,
                ImageSet *set) {
    Stream *stream = NULL;
    Status status = STATUS_OK;
    set->images = NULL;
    set->labels = NULL;
    CHECK(stream_open(images_path, hash, &stream));
    CHECK(read_images(stream, images_path, set));
    stream_close(stream);
    stream = NULL;
    CHECK(stream_open(labels_path, hash, &stream));
    CHECK(read_labels(stream, labels_path, images_path, set));
out:
    stream_close(stream);
    if (status != STATUS_OK) {
        free(set->images);
        free(set->labels);
        set->images = NULL;
        set->labels = NULL;
    }
    return status;
}
