#include "harness/base/stopwatch.h"

#include <stdlib.h>

#include "harness/base/clock.h"

Status stopwatch_open(Stopwatch *watch, Backend *backend, int capacity) {
    *watch = (Stopwatch){.backend = backend, .capacity = capacity};
    if (backend->ops->mark)
        return STATUS_OK;
    watch->host = malloc((size_t)capacity * sizeof *watch->host);
    return watch->host ? STATUS_OK
                       : status_fail(STATUS_NO_MEMORY, "no memory for %d timings", capacity);
}

void stopwatch_close(Stopwatch *watch) {
    free(watch->host);
    watch->host = NULL;
}

Status stopwatch_mark(Stopwatch *watch) {
    if (watch->marks == watch->capacity)
        return status_fail(STATUS_BAD_INPUT, "a stopwatch for %d marks has no more",
                           watch->capacity);
    int mark = watch->marks++;
    if (!watch->host)
        return watch->backend->ops->mark(watch->backend, mark);
    watch->host[mark] = clock_seconds();
    return STATUS_OK;
}

Status stopwatch_lap(const Stopwatch *watch, int first, double *seconds) {
    if (first < 0 || first + 1 >= watch->marks)
        return status_fail(STATUS_BAD_INPUT, "lap %d of a stopwatch with %d marks", first,
                           watch->marks);
    if (!watch->host)
        return watch->backend->ops->between(watch->backend, first, first + 1, seconds);
    *seconds = watch->host[first + 1] - watch->host[first];
    return STATUS_OK;
}
