/* A TensorBoard event file: numbers that change with the iteration, for `tensorboard --logdir`.
 *
 * The file is a row of records: length (u64), masked CRC-32C of the length's bytes (u32), that many
 * bytes, masked CRC-32C of them (u32), all little-endian. The bytes are an Event (event.proto). */
#ifndef HARNESS_TENSORBOARD_EVENT_FILE_H
#define HARNESS_TENSORBOARD_EVENT_FILE_H

#include <stdint.h>

#include "net/status.h"

typedef struct EventFile EventFile;

typedef struct EventScalar {
    const char *tag; /* UTF-8 */
    double value;    /* NaN: there is none, nothing is written */
} EventScalar;

enum { EVENT_SCALARS_MAX = 16 };

/* Makes the folder where it is missing and begins FOLDER/events.out.tfevents.NAME anew. The caller
 * ends it with event_file_close(). */
Status event_file_create(const char *folder, const char *name, EventFile **file);
/* Goes on with such a file after its first `size` bytes; what follows them goes. STATUS_BAD_INPUT:
 * it has fewer. */
Status event_file_continue(const char *folder, const char *name, int64_t size, EventFile **file);
/* Brings what has been written to the disk; *size receives how much it is. */
Status event_file_sync(EventFile *file, int64_t *size);
/* Appends one event with at most EVENT_SCALARS_MAX scalars, now, and hands it to the operating
 * system: whoever reads along sees it. */
Status event_file_scalars(EventFile *file, int64_t step, const EventScalar *scalars, int count);
/* The same at a given time, in seconds since 1970. */
Status event_file_scalars_at(EventFile *file, double wall_time, int64_t step,
                             const EventScalar *scalars, int count);
/* NULL is fine. */
Status event_file_close(EventFile *file);

#endif
