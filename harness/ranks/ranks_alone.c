/* Ranks where this program is built without MPI: there is one. */
#include "harness/ranks/ranks.h"

#include <stdio.h>
#include <stdlib.h>

Status ranks_join(void) {
    if (ranks_started() == 1)
        return STATUS_OK;
    return status_fail(STATUS_UNAVAILABLE,
                       "started %d times by mpirun, but built without MPI; install libopenmpi-dev "
                       "and build again",
                       ranks_started());
}

void ranks_leave(void) {
}

int ranks_count(void) {
    return 1;
}

int ranks_mine(void) {
    return 0;
}

int ranks_here(void) {
    return 1;
}

int ranks_place(void) {
    return 0;
}

void ranks_end_all(const char *message) {
    fprintf(stderr, "harness: %s\n", message);
    abort();
}

void ranks_swap(int partner, const void *give, void *take, size_t size) {
    (void)partner, (void)give, (void)take, (void)size;
}

void ranks_broadcast(void *bytes, size_t size) {
    (void)bytes, (void)size;
}
