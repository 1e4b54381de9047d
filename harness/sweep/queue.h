/* Which run is trained next, by this process and by those beside it. */
#ifndef HARNESS_SWEEP_QUEUE_H
#define HARNESS_SWEEP_QUEUE_H

#include "harness/sweep/progress.h"

/* Trains the selected runs that are not finished, in order. A run that another process is training
 * is passed over and looked at again at the end: by then it is finished, or its process has ended
 * and the run goes on here. A run that fails has a row that says so; *failed counts those. `retry`:
 * runs whose row does not say `done`, too. */
Status queue_train(Sweep *sweep, const SweepLogs *logs, bool quiet, bool retry,
                   const volatile sig_atomic_t *stop, int *failed);

#endif
