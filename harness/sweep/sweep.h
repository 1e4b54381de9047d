/* A sweep: the runs of an experiment, made ready, trained one after the other and recorded. */
#ifndef HARNESS_SWEEP_SWEEP_H
#define HARNESS_SWEEP_SWEEP_H

#include "harness/sweep/experiment.h"
#include "harness/sweep/images.h"
#include "harness/sweep/key.h"
#include "harness/sweep/output.h"

enum { SWEEP_SOURCES_MAX = 8 };

typedef struct SweepRun {
    RunConfig config;        /* `auto` resolved */
    char key[KEY_SIZE];      /* "" of a run that is neither selected nor could be made ready */
    char weights_sha256[65]; /* of init_weights; "": none */
    bool selected;
    int64_t iterations;
    double work; /* floating-point operations of the training: to tell the time left */
} SweepRun;

typedef struct Sweep {
    SweepRun *runs;
    int count;
    Output output;
    DataSource sources[SWEEP_SOURCES_MAX];
    int source_count;
    Backend *backend; /* the one used last */
    char backend_asked[16];
    char backend_note[256]; /* why `auto` passed over a faster one; empty: it did not */
    int64_t threads_asked;
    char program[65];        /* SHA-256 of this program's file */
    const char *data_folder; /* as asked for, borrowed; NULL: the usual ones */
    int share;               /* processes that share the threads; 0 or 1: this one has all */
    bool only; /* one of many processes: the files of DIR itself are left to `collect` */
} Sweep;

/* What a run writes besides its rows. Nothing here changes a run, so it is no part of its key. */
typedef struct SweepLogs {
    bool save_weights;        /* at the end of a run that did not diverge */
    int64_t log_every;        /* iterations between two rows of steps.csv; 0: none */
    bool layers;              /* layers.csv: at each evaluation a row a layer */
    const char *tensorboard;  /* folder of the event files, one folder in it a run; NULL: none */
    int64_t checkpoint_every; /* iterations; 0: at evaluations and as time goes by */
} SweepLogs;

/* Who is told, and who may stop a run. */
typedef struct SweepHooks {
    void *context;
    void (*curve)(void *context, const CurveRow *row);
    void (*progress)(void *context, const TrainProgress *progress);
    /* Where a run goes on, or why it does not; may be NULL. */
    void (*note)(void *context, const char *text);
    const volatile sig_atomic_t *stop;
    SweepLogs logs;
} SweepHooks;

/* Loads the data sets, opens the backends and keys the runs: whatever is missing is found here,
 * before anything trains. `data_folder` may be NULL. `only` (NULL: those that the experiment
 * selects) is the number or the key of a single run. The Sweep copies what it needs of the
 * experiment. On failure there is nothing to close. */
Status sweep_open(const Experiment *experiment, const char *data_folder, const char *out,
                  const char *only, Sweep *sweep);
void sweep_close(Sweep *sweep);

bool sweep_finished(const Sweep *sweep, int run);
/* Trains a run and records it; *result is what came out. A diverged run is recorded, too. */
Status sweep_train(Sweep *sweep, int run, const SweepHooks *hooks, TrainResult *result);
/* Gives a run whose lock is held a row without results: outcome is "failed" or "crashed"; why goes
 * to its failure.txt. */
Status sweep_record_failure(Sweep *sweep, int run, const char *outcome, const char *why);
/* Brings the files of DIR itself up to date; nothing where sweep->only. */
Status sweep_rebuild(const Sweep *sweep);

/* Opens (or keeps) the backend that a configuration asks for. Also of use to the dry run. */
Status sweep_backend(Sweep *sweep, const RunConfig *config, Backend **backend);
/* The same with this process's share of the threads. */
Status sweep_shared_backend(Sweep *sweep, const RunConfig *config, Backend **backend);
/* A loaded data set; NULL when it is not. */
const DataSource *sweep_source(const Sweep *sweep, const char *name);
/* Iterations of a run over train_count images, those held back not among them. */
int64_t run_iterations(const RunConfig *config, int train_count);

#endif
