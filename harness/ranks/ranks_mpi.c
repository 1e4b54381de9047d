/* Ranks over MPI. Its default error handler stays: a failure ends every process. */
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness/ranks/ranks.h"

enum {
    SPINS = 2000,      /* looks before a wait begins to sleep: about a millisecond */
    SLEEP_NS = 100000, /* between two looks after that */
    PIECE = 1 << 30,   /* bytes: MPI counts in int */
};

static struct { int count, mine, here, place; } ranks = {1, 0, 1, 0};

static void look_around(void) {
    MPI_Comm machine;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks.count);
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks.mine);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &ranks.here);
    MPI_Comm_rank(machine, &ranks.place);
    MPI_Comm_free(&machine);
}

Status ranks_join(void) {
    int provided;
    if (ranks_started() == 1)
        return STATUS_OK;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED)
        return status_fail(STATUS_UNAVAILABLE, "MPI does not start for a program with threads");
    look_around();
    if (ranks.count == ranks_started())
        return STATUS_OK;
    return status_fail(
        STATUS_UNAVAILABLE,
        "%d processes were started, MPI sees %d: this program was built with another "
        "MPI than that which started it",
        ranks_started(), ranks.count);
}

void ranks_leave(void) {
    int begun, over;
    MPI_Initialized(&begun);
    MPI_Finalized(&over);
    if (begun && !over)
        MPI_Finalize();
    ranks.count = ranks.here = 1;
    ranks.mine = ranks.place = 0;
}

int ranks_count(void) {
    return ranks.count;
}

int ranks_mine(void) {
    return ranks.mine;
}

int ranks_here(void) {
    return ranks.here;
}

int ranks_place(void) {
    return ranks.place;
}

void ranks_end_all(const char *message) {
    fprintf(stderr, "harness: rank %d of %d: %s\n", ranks.mine, ranks.count, message);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort(); /* which MPI_Abort() does not return to */
}

/* MPI's own waiting takes a whole core, which rank 0 needs while it evaluates. */
static void wait_for(MPI_Request *requests, int count) {
    static const struct timespec rest = {.tv_nsec = SLEEP_NS};
    int done;
    for (int look = 0;; look++) {
        MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE);
        if (done)
            return;
        if (look < SPINS)
            sched_yield();
        else
            nanosleep(&rest, NULL);
    }
}

static size_t piece_of(size_t left) {
    return left < PIECE ? left : PIECE;
}

void ranks_swap(int partner, const void *give, void *take, size_t size) {
    for (size_t at = 0; at < size; at += piece_of(size - at)) {
        MPI_Request requests[2];
        int count = (int)piece_of(size - at);
        MPI_Irecv((char *)take + at, count, MPI_BYTE, partner, 0, MPI_COMM_WORLD, &requests[0]);
        MPI_Isend((const char *)give + at, count, MPI_BYTE, partner, 0, MPI_COMM_WORLD,
                  &requests[1]);
        wait_for(requests, 2);
    }
}

void ranks_broadcast(void *bytes, size_t size) {
    for (size_t at = 0; at < size; at += piece_of(size - at)) {
        MPI_Request request;
        MPI_Ibcast((char *)bytes + at, (int)piece_of(size - at), MPI_BYTE, 0, MPI_COMM_WORLD,
                   &request);
        wait_for(&request, 1);
    }
}
