/* Timing what a backend does: by the clock of its device where it has one, else by the host's. */
#ifndef HARNESS_BASE_STOPWATCH_H
#define HARNESS_BASE_STOPWATCH_H

#include "net/backend.h"

typedef struct Stopwatch {
    Backend *backend;
    double *host; /* seconds at each mark, where the backend has no clock; NULL where it has */
    int marks, capacity;
} Stopwatch;

/* At most `capacity` marks. stopwatch_close() also after a failure. */
Status stopwatch_open(Stopwatch *watch, Backend *backend, int capacity);
void stopwatch_close(Stopwatch *watch);
/* Notes the moment at which all that was asked of the backend will have been done. */
Status stopwatch_mark(Stopwatch *watch);
/* Seconds from mark `first` to the next; waits for it. */
Status stopwatch_lap(const Stopwatch *watch, int first, double *seconds);

#endif
