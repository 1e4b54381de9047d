/* A sweep as jobs of a Slurm cluster: an array with a run an element, and a job after it that
 * collects and draws.
 *
 *   DIR/slurm/NAME.csv     the experiment as it was: the elements' numbers stay what they are;
 *                          NAME.claims.csv, where there is one, beside it
 *   DIR/slurm/run.sh       an element: one run, by its number; a finished one ends at once, an
 *                          interrupted one goes on where it was
 *   DIR/slurm/collect.sh   rows, verdicts, tables and figures of all that is finished
 *   DIR/slurm/submit.sh    hands both to sbatch; to be run again for what is left
 *   DIR/slurm/run-N.log, collect.log   what they print */
#ifndef HARNESS_SWEEP_SLURM_H
#define HARNESS_SWEEP_SLURM_H

#include "harness/sweep/experiment.h"

typedef struct Words {
    const char *const *words; /* borrowed */
    int count;
} Words;

typedef struct SlurmPlan {
    const char *out;    /* the output folder, on a file system that every node sees */
    const char *data;   /* folder of the data sets; NULL: as `harness run` finds them */
    Words sets;         /* COLUMN=VALUE */
    Words run_options;  /* more of `harness run` */
    Words sbatch;       /* more of sbatch, for both jobs */
    Words array_sbatch; /* more of sbatch, for the array alone */
    int threads;        /* of a run, and so its CPUs; 0: by the column threads, auto being 1 */
    int at_once;        /* elements that run at a time; 0: as many as Slurm likes */
} SlurmPlan;

enum { SLURM_PATH_SIZE = 1024 };

/* Makes the folder and the files, replacing an earlier plan's. `submit` receives the path of
 * submit.sh. STATUS_BAD_INPUT: a name that Slurm cannot take. */
Status slurm_write(const Experiment *experiment, const SlurmPlan *plan,
                   char submit[SLURM_PATH_SIZE]);

#endif
