/* How long runs will take: for --dry-run. */
#ifndef HARNESS_SWEEP_ESTIMATE_H
#define HARNESS_SWEEP_ESTIMATE_H

#include "harness/sweep/sweep.h"
#include "net/cost.h"

typedef struct Estimate {
    Cost cost; /* of the net */
    int64_t iterations;
    double seconds;
    bool measured; /* on real steps of this net; else from another net's by the work */
} Estimate;

/* What one measurement teaches the next. */
typedef struct Pace {
    double flops_per_s; /* of the last net measured; 0: none yet */
    double spent;       /* seconds of measuring so far */
    char last[256];     /* which net, batch and backend that was */
    double step;        /* seconds of one of its steps */
} Pace;

/* Measures a few training steps on generated images while `pace` has spent less than
 * ESTIMATE_SECONDS; then tells by the work. No data set is read. Uses the Sweep's backend with this
 * process's share of the threads. `ranks`: the processes that are to train the run. This one, alone
 * here (ranks_count() is 1), measures its part of a step, its shares with their sums; what ranks
 * wait for each other and exchange comes on top. */
enum { ESTIMATE_SECONDS = 15 };
Status estimate_run(Sweep *sweep, const RunConfig *config, int ranks, Pace *pace,
                    Estimate *estimate);

#endif
