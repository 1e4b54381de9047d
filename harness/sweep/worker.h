/* `harness run` started by mpirun: rank 0 is the command as ever, the others compute shares of its
 * runs (harness/train/shares.h). */
#ifndef HARNESS_SWEEP_WORKER_H
#define HARNESS_SWEEP_WORKER_H

#include "harness/sweep/sweep.h"

/* Whether so many ranks can share a run, the `number`-th; STATUS_BAD_INPUT says why not. */
Status worker_check_run(const RunConfig *config, int number, int ranks);
/* On rank 0: whether the ranks can share the selected runs; STATUS_BAD_INPUT says why not. */
Status worker_check(const Sweep *sweep);
/* On rank 0: the others make the run ready, for the backend that computes it here. Afterwards they
 * wait for train_run(), and for ORDER_OVER. */
void worker_tell_run(const Sweep *sweep, const SweepRun *run, const Backend *backend);
/* On the others: does what rank 0 orders until it leaves. */
void worker_serve(void);

#endif
