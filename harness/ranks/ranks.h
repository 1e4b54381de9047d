/* The processes that train one run together: ranks 0 to count - 1, started by mpirun. Rank 0 is the
 * program as ever; the others wait for its orders and touch no file but the data set.
 *
 * ranks_mpi.c is the one file that knows MPI; ranks_alone.c stands in for it in a build without.
 * Between ranks_join() and ranks_leave() a failure of MPI or the death of a process ends all of
 * them, so what only passes data on cannot fail. */
#ifndef HARNESS_RANKS_RANKS_H
#define HARNESS_RANKS_RANKS_H

#include <stddef.h>

#include "net/status.h"

/* What rank 0 has the others do. */
typedef enum RankOrder {
    ORDER_RUN,   /* make a run ready */
    ORDER_STATE, /* take over its State */
    ORDER_STEP,  /* a training step */
    ORDER_OVER,  /* the run is over, for whatever reason */
    ORDER_LEAVE, /* so is everything */
} RankOrder;

/* How many processes mpirun has started; 1 outside of it. Also before ranks_join(). */
int ranks_started(void);
/* Meets the others; without any there is nothing to do. STATUS_UNAVAILABLE in a build without MPI
 * that mpirun has started several times. */
Status ranks_join(void);
/* Also several times; afterwards this process is alone. */
void ranks_leave(void);
/* Of a process that is alone, or has not joined: 1, 0, 1, 0. */
int ranks_count(void);
int ranks_mine(void);
int ranks_here(void);  /* on this machine */
int ranks_place(void); /* among those on this machine, from 0 */

/* Both sides give and take `size` bytes. */
void ranks_swap(int partner, const void *give, void *take, size_t size);
/* Rank 0's bytes become everybody's. */
void ranks_broadcast(void *bytes, size_t size);
/* Ends every process, with this rank and the message on stderr: after a failure that the others
 * cannot hear of because they wait for this rank somewhere else. Does not return. */
void ranks_end_all(const char *message) __attribute__((noreturn));

/* ---- made of these, in ranks.c ---- */

/* Every rank calls it with what became of its part: STATUS_OK when all were; else everybody fails
 * with the message of the first rank that did. The count is a power of two. */
Status ranks_agree(Status mine);
/* Every rank calls it: all[r] becomes the `size` bytes of rank r. The count is a power of two. */
void ranks_gather(const void *mine, void *all, size_t size);
/* Rank 0 gives an order; nothing where it is alone. */
void ranks_tell(RankOrder order, const void *bytes, size_t size);
/* The others wait for one. The caller frees *bytes. */
RankOrder ranks_hear(void **bytes, size_t *size);

#endif
