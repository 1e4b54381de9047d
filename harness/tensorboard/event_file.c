#define _GNU_SOURCE
#include "harness/tensorboard/event_file.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "event.pb-c.h"
#include "harness/base/folder.h"
#include "harness/tensorboard/crc32c.h"

struct EventFile {
    FILE *file;
    char *path;
};

static Status io_error(const char *path) {
    return status_fail(STATUS_IO, "cannot write %s: %s", path, strerror(errno));
}

/* ---- records ---- */

static void put_u32(FILE *file, uint32_t value) {
    value = htole32(value);
    fwrite(&value, sizeof value, 1, file);
}

static Status put_record(EventFile *file, const uint8_t *bytes, size_t count) {
    uint64_t length = htole64((uint64_t)count);
    fwrite(&length, sizeof length, 1, file->file);
    put_u32(file->file, crc32c_masked(&length, sizeof length));
    fwrite(bytes, 1, count, file->file);
    put_u32(file->file, crc32c_masked(bytes, count));
    return fflush(file->file) == 0 && !ferror(file->file) ? STATUS_OK : io_error(file->path);
}

static Status put_event(EventFile *file, const TensorboardLog__Event *event) {
    size_t size = tensorboard_log__event__get_packed_size(event);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for an event", file->path);
    tensorboard_log__event__pack(event, bytes);
    Status status = put_record(file, bytes, size);
    free(bytes);
    return status;
}

/* ---- the file ---- */

static double wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static Status put_version(EventFile *file) {
    char version[] = "brain.Event:2";
    TensorboardLog__Event event = TENSORBOARD_LOG__EVENT__INIT;
    event.wall_time = wall_clock();
    event.file_version = version;
    return put_event(file, &event);
}

/* With its name, not yet opened. */
static Status allocate(const char *folder, const char *name, EventFile **out) {
    EventFile *file = calloc(1, sizeof *file);
    if (!file || asprintf(&file->path, "%s/events.out.tfevents.%s", folder, name) < 0) {
        free(file);
        return status_fail(STATUS_NO_MEMORY, "no memory for an event file in %s", folder);
    }
    *out = file;
    return STATUS_OK;
}

Status event_file_create(const char *folder, const char *name, EventFile **out) {
    EventFile *file = NULL;
    TRY(folder_make(folder));
    TRY(allocate(folder, name, &file));
    unlink(file->path); /* who still reads an earlier one keeps it whole */
    file->file = fopen(file->path, "wbe");
    Status status = file->file ? put_version(file) : io_error(file->path);
    if (status == STATUS_OK)
        *out = file;
    else
        event_file_close(file);
    return status;
}

static Status cut(EventFile *file, int64_t size) {
    struct stat about;
    if (fstat(fileno(file->file), &about) != 0)
        return io_error(file->path);
    if (size < 0 || about.st_size < size)
        return status_fail(STATUS_BAD_INPUT, "%s: has %lld bytes, not the %lld it once had",
                           file->path, (long long)about.st_size, (long long)size);
    if (ftruncate(fileno(file->file), size) != 0 || fseek(file->file, 0, SEEK_END) != 0)
        return io_error(file->path);
    return STATUS_OK;
}

Status event_file_continue(const char *folder, const char *name, int64_t size, EventFile **out) {
    EventFile *file = NULL;
    TRY(allocate(folder, name, &file));
    file->file = fopen(file->path, "r+be");
    Status status = file->file
                        ? cut(file, size)
                        : status_fail(STATUS_BAD_INPUT, "%s: %s", file->path, strerror(errno));
    if (status == STATUS_OK)
        *out = file;
    else
        event_file_close(file);
    return status;
}

Status event_file_sync(EventFile *file, int64_t *size) {
    struct stat about;
    if (fflush(file->file) != 0 || fsync(fileno(file->file)) != 0 ||
        fstat(fileno(file->file), &about) != 0)
        return io_error(file->path);
    *size = about.st_size;
    return STATUS_OK;
}

Status event_file_scalars_at(EventFile *file, double wall_time, int64_t step,
                             const EventScalar *scalars, int count) {
    TensorboardLog__Scalar values[EVENT_SCALARS_MAX], *pointers[EVENT_SCALARS_MAX];
    TensorboardLog__Summary summary = TENSORBOARD_LOG__SUMMARY__INIT;
    TensorboardLog__Event event = TENSORBOARD_LOG__EVENT__INIT;
    if (count > EVENT_SCALARS_MAX)
        return status_fail(STATUS_BAD_INPUT, "%s: %d scalars in one event, at most %d", file->path,
                           count, EVENT_SCALARS_MAX);
    for (int i = 0; i < count; i++) {
        if (isnan(scalars[i].value))
            continue;
        TensorboardLog__Scalar *value = &values[summary.n_value];
        tensorboard_log__scalar__init(value);
        value->tag = (char *)scalars[i].tag; /* packing only reads it */
        value->simple_value = (float)scalars[i].value;
        pointers[summary.n_value++] = value;
    }
    summary.value = pointers;
    event.wall_time = wall_time;
    event.has_step = 1;
    event.step = step;
    event.summary = &summary;
    return put_event(file, &event);
}

Status event_file_scalars(EventFile *file, int64_t step, const EventScalar *scalars, int count) {
    return event_file_scalars_at(file, wall_clock(), step, scalars, count);
}

Status event_file_close(EventFile *file) {
    Status status = STATUS_OK;
    if (!file)
        return STATUS_OK;
    if (file->file && fclose(file->file) != 0)
        status = io_error(file->path);
    free(file->path);
    free(file);
    return status;
}
