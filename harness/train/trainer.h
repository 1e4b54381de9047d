/* One training run: sampler -> batch -> train step -> metrics -> curve row. */
#ifndef HARNESS_TRAIN_TRAINER_H
#define HARNESS_TRAIN_TRAINER_H

#include <signal.h>

#include "harness/data/data.h"
#include "harness/train/layers.h"
#include "harness/train/sampler.h"
#include "harness/train/schedule.h"
#include "net/init.h"

/* What batch norm uses when the net is evaluated. */
typedef enum BnEval {
    BN_EVAL_RUNNING,      /* the moving averages of training */
    BN_EVAL_BATCH,        /* each evaluation batch's own */
    BN_EVAL_BATCH_UPDATE, /* the same, leaking them into the moving averages (tutorial 004) */
    BN_EVAL_RECALIBRATED, /* the mean over batches of the clean training subset, made anew before
                             each evaluation; it replaces the moving averages */
} BnEval;

typedef struct TrainSpec {
    const ImageSet *train_set, *test_set;
    const int32_t *train, *test; /* image numbers; borrowed */
    int train_count, test_count;
    const int32_t *validation; /* images of train_set that are held back; or NULL */
    int validation_count;
    const Normalization *normalization;
    int resize, test_resize; /* of training and test images, to squares; 0: as they are */
    int crop_pad;            /* random crops; 0: the middle */
    bool flip, shuffle;
    LastBatch last_batch;
    int batch, bn_group;
    int shares; /* of the batch, computed by themselves (shares.h); 0 or 1: the batch is one */
    int64_t iterations, eval_every; /* eval_every 0: at the end only */
    double lr;
    Schedule schedule;
    Warmup warmup;
    Optimizer optimizer;
    InitKind init;
    uint64_t seed;
    BnEval bn_eval;
    Precision precision;
    ConvAlgorithm conv;
    int64_t log_every; /* iterations between two calls of TrainHooks.step; 0: never */
    int clean_count;   /* training images of the eval-mode train error; 0: TRAIN_CLEAN_DEFAULT */
    int64_t checkpoint_every; /* iterations between two checkpoints; 0: as time goes by */
} TrainSpec;

/* Enough for a standard error of 0.6 points at 30 %; evaluating all 50,000 would cost more than
 * many a short run. Always the first ones (class-balanced), without augmentation. */
enum { TRAIN_CLEAN_DEFAULT = 5000, TRAIN_LAYER_IMAGES = 256 };

/* One evaluation. The running train error is that of the training batches themselves, augmented,
 * in train mode, since the last evaluation. */
typedef struct CurveRow {
    int64_t iteration; /* iterations done */
    double epoch, lr;
    double train_loss, train_error_pct;           /* running, train mode */
    double train_eval_loss, train_eval_error_pct; /* clean subset, eval mode */
    double test_loss, test_error_pct;
    double validation_error_pct; /* eval mode; NaN when none are held back */
    double seconds;              /* since the run began, evaluations included */
} CurveRow;

/* The steps since the row before. */
typedef struct StepRow {
    int64_t iteration; /* done */
    double lr;         /* of the last of them */
    double loss, error_pct;
} StepRow;

typedef struct TrainProgress {
    int64_t iteration, iterations;
    double epoch, lr, loss, error_pct; /* of the last PROGRESS_WINDOW iterations */
    double images_per_s;               /* of training alone */
    double seconds_left;
} TrainProgress;

/* Where a run stands between two iterations: with the State, all that it goes on from. Every member
 * is of eight bytes, so that the bytes of equal points are equal. */
typedef struct TrainPoint {
    int64_t iteration; /* done; their metrics are in the sums */
    int64_t warmup_over, warmup_errors, warmup_images, warmup_iterations;
    Metrics since_eval, since_report, since_log;
    CurveRow last;
    double best_test_error_pct;
    double seconds, training; /* spent so far: in all, in training steps */
} TrainPoint;

/* Without checkpoint_every: at most so much is lost, and writing takes no more than a hundredth. */
enum { CHECKPOINT_SECONDS = 60 };

/* A status other than STATUS_OK ends the run with it. */
typedef struct TrainHooks {
    void *context;
    /* Before anything is compiled: may replace the initial values, which have just been written;
     * or NULL. */
    Status (*start)(void *context, State *state);
    Status (*compiled)(void *context, const Program *train); /* before the first step; or NULL */
    /* After that: may write the State and the point (zeros: the beginning) that an earlier start of
     * the same run gave to checkpoint(); or NULL. */
    Status (*resume)(void *context, State *state, TrainPoint *point);
    /* After evaluations but the last, as often as the spec says, and when the run is stopped; or
     * NULL. Bits of the training do not depend on it. */
    Status (*checkpoint)(void *context, State *state, const TrainPoint *point);
    Status (*curve)(void *context, const CurveRow *row);
    /* After each curve row, what the layers did in the last step and what they answer to the first
     * TRAIN_LAYER_IMAGES clean images, with the batch norm of the evaluations; the rows last until
     * the hook returns. NULL: nothing is measured. Bits of the training do not depend on it. */
    Status (*layers)(void *context, int64_t iteration, const LayerRow *rows, int count);
    Status (*step)(void *context, const StepRow *row);              /* or NULL */
    Status (*end)(void *context, State *state, int64_t iterations); /* not diverged; or NULL */
    void (*progress)(void *context, const TrainProgress *progress); /* NULL: silent */
    const volatile sig_atomic_t *stop; /* not 0: end with STATUS_INTERRUPTED; may be NULL */
} TrainHooks;

typedef struct TrainResult {
    bool diverged;
    int64_t iterations; /* done; of a diverged run, the one (from 1) that showed it */
    CurveRow last;      /* of a diverged run: NaN errors */
    double best_test_error_pct;
    double seconds, images_per_s; /* the second of training steps alone */
} TrainResult;

/* Trains the net from fresh initial values on the backend. A loss or a parameter that is not
 * finite ends the run as `diverged`, which is a result and not an error. */
Status train_run(const TrainSpec *spec, const Net *net, Backend *backend, const TrainHooks *hooks,
                 TrainResult *result);

#endif
