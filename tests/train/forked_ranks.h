/* Ranks as forked processes with sockets between them, in place of harness/ranks/ranks_mpi.c: what
 * is built on ranks can be tested without MPI. */
#ifndef TESTS_TRAIN_FORKED_RANKS_H
#define TESTS_TRAIN_FORKED_RANKS_H

#include "net/status.h"

enum { FORKED_MAX = 8 };

/* Calls follow(context) in count - 1 new processes, ranks 1 and up; the caller is rank 0 until
 * forked_ranks_end(). A rank whose partner has gone ends. */
void forked_ranks_begin(int count, Status (*follow)(void *context), void *context);
/* Waits for the others; what follow() returned on rank r stands in ended[r]. */
void forked_ranks_end(Status ended[FORKED_MAX]);

#endif
