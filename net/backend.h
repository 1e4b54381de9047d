/* The backend contract: a graph goes in, a program comes out.
 *
 *   Backend   an opened device with its threads and libraries
 *   State     a net's numbers on it: parameters, gradients, batch-norm statistics, optimiser
 *   Dataset   images and labels on it
 *   Program   one compiled way of running the net over a State: a mode and a largest batch
 *
 * ref/, cpu/ and gpu/ each implement BackendOps; everybody else calls the functions below, which
 * check what every backend would have to check. Calls on one Backend come from one thread at a
 * time. A backend may fuse, re-lay out and plan memory as it likes: only nodes listed in
 * ProgramSpec.taps can be looked at. */
#ifndef NET_BACKEND_H
#define NET_BACKEND_H

#include <stdint.h>
#include <stdio.h>

#include "net/net.h"
#include "net/share_sum.h"

/* ---- what the caller describes ---- */

typedef enum Precision { PRECISION_FP32, PRECISION_TF32, PRECISION_BF16, PRECISION_FP64 } Precision;

typedef struct BackendOptions {
    int threads; /* CPU threads; 0: all that the process may use */
    int device;  /* from 0: which of the machine's devices, counted round when there are fewer */
} BackendOptions;

enum { UNIT_SIZE = 48 };

typedef struct BackendInfo {
    char device[128];    /* "AMD EPYC", "NVIDIA H100" */
    char libraries[128]; /* "oneDNN 2.6.3" */
    char isa[64];        /* instruction set or compute capability in use */
    int threads;
    char unit[UNIT_SIZE]; /* names the device among all machines' ("GPU-..."); empty: one that
                             several processes may share, as they do a processor */
    char note[256];       /* why `auto` passed over a faster backend; empty when it did not */
} BackendInfo;

typedef enum OptimizerKind {
    OPTIMIZER_SGD_CAFFE, /* v = m v + lr g;  w -= v  (Nesterov: w -= lr g + m v) */
    OPTIMIZER_SGD_TORCH, /* v = m v + g;  w -= lr v  (Nesterov: w -= lr (g + m v)) */
    OPTIMIZER_ADAM,      /* Kingma and Ba 2015, algorithm 1, as torch.optim.Adam */
} OptimizerKind;

typedef enum DecayScope {
    DECAY_WEIGHTS, /* convolution and linear weights only */
    DECAY_ALL,     /* every learned parameter */
} DecayScope;

/* g = gradient of the loss + weight_decay * w where the scope says so. */
typedef struct Optimizer {
    OptimizerKind kind;
    double momentum;
    bool nesterov;
    double weight_decay;
    DecayScope decay_scope;
    double beta1, beta2, eps; /* Adam */
} Optimizer;

/* Images are either bytes or floats. x = (pixel - mean[c,h,w]) * scale[c], in float, in this order;
 * whatever a crop takes from outside the image is 0 after that. The caller keeps the arrays alive
 * until dataset_destroy(). */
typedef struct DatasetSpec {
    int count;
    Shape shape;            /* of a stored image */
    int resize_h, resize_w; /* not 0: each image is first resized to this (net/resize.h), when it is
                               gathered; bytes only. What follows speaks of the resized image */
    const uint8_t *bytes;   /* count x C x H x W; or NULL */
    const float *floats;    /* count x C x H x W; or NULL */
    const int32_t *labels;  /* count; each in [0, classes of the net) */
    const float *mean;      /* C x H x W, in pixel units; NULL: 0 */
    const float *scale;     /* C; NULL: 1 */
} DatasetSpec;

/* The shape of an image as it is cropped and normalised. */
static inline Shape dataset_shape(const DatasetSpec *spec) {
    return spec->resize_h ? (Shape){spec->shape.c, spec->resize_h, spec->resize_w} : spec->shape;
}

/* One image of a batch: input(c, y, x) = image(c, y + dy, flip ? W-1-x + dx : x + dx), with W the
 * width of the net's input (crop first, then mirror the crop). */
typedef struct Sample {
    int32_t index;
    int16_t dy, dx;
    int32_t flip; /* 0 or 1 */
} Sample;

typedef enum Mode {
    MODE_TRAIN,             /* batch statistics, running averages updated; backward allowed */
    MODE_EVAL,              /* running statistics */
    MODE_EVAL_BATCH,        /* batch statistics, running averages untouched */
    MODE_EVAL_BATCH_UPDATE, /* batch statistics, running averages updated */
    MODE_RECALIBRATE,       /* running statistics become the plain mean over the batches that this
                               Program has seen since it was compiled */
} Mode;

/* How 3x3 and 5x5 convolutions of stride 1 are computed. */
typedef enum ConvAlgorithm {
    CONV_ALGORITHM_DIRECT,   /* as the backend's library does by itself */
    CONV_ALGORITHM_WINOGRAD, /* where it fits: faster, and rounds more; cpu only */
} ConvAlgorithm;

typedef enum TapKind {
    TAP_VALUE,      /* the node's output, count x K x P x Q */
    TAP_GRADIENT,   /* d loss / d output, after backward(); MODE_TRAIN only */
    TAP_RELU_MASK,  /* 1 where a ReLU passed its input, else 0 */
    TAP_POOL_INDEX, /* max-pool: r * S + s of the winner within its window */
} TapKind;

typedef struct Tap {
    int node;
    TapKind kind;
} Tap;

typedef struct ProgramSpec {
    Mode mode;
    int max_batch;
    Precision precision;
    int bn_group; /* images per batch-norm group, in batch order; 0: the whole batch. Running
                     statistics take the mean over groups. Divides every batch given. */
    ConvAlgorithm conv;
    uint64_t seed;   /* of what the program draws: dropout, in MODE_TRAIN */
    const Tap *taps; /* copied */
    int tap_count;
} ProgramSpec;

typedef struct Dataset Dataset;

/* At most max_batch images. The loss is the sum over images divided by `divisor` (0: count): ranks
 * and short batches pass the size of the global batch. */
typedef struct Batch {
    const Dataset *data;
    const Sample *samples;
    int count;
    int divisor;
    int64_t step; /* which training step, from 0 to 2^32 - 1: dropout draws anew in each. Passes
                     with the same step, seed and images drop the same elements. */
} Batch;

/* Sums since the last program_metrics(). */
typedef struct Metrics {
    double loss_sum; /* of per-image losses, not divided */
    int64_t errors;  /* images whose largest logit is not the label's; ties go to the lowest class;
                        a NaN logit is an error */
    int64_t images, batches;
    int64_t bad_batch; /* which of the batches, from 1, was the first to make loss_sum NaN or
                          infinite; 0: none */
} Metrics;

/* For backends: a batch whose losses and errors have been added. */
void metrics_count_batch(Metrics *sums, int images);

/* What one training step moves, counted from shapes and buffers, not measured. */
typedef struct AccountLine {
    const char *operation; /* "conv2d forward"; static */
    int launches;
    double bytes;       /* read and written */
    double least_bytes; /* when every operand is read once and every result written once */
} AccountLine;

enum { ACCOUNT_LINES_MAX = 48 };

typedef struct Account {
    AccountLine lines[ACCOUNT_LINES_MAX];
    int line_count;
    int64_t graph_nodes; /* of the captured step */
} Account;

/* What a Program, its State and a Dataset hold, by what it is for. Small tables are not counted. */
typedef enum MemoryCategory {
    MEMORY_ACTIVATIONS, /* values and gradients between operations, the gathered images */
    MEMORY_SCRATCH,     /* what operations need while they run */
    MEMORY_WEIGHTS,     /* parameters and running statistics */
    MEMORY_GRADIENTS,   /* of parameters */
    MEMORY_OPTIMIZER,   /* moments */
    MEMORY_REORDERED,   /* the program's copies of weights, re-laid or transformed */
    MEMORY_DATASET,     /* images, labels, mean and scale */
    MEMORY_CATEGORIES
} MemoryCategory;

typedef struct Memory {
    int64_t bytes[MEMORY_CATEGORIES];
} Memory;

/* Parts of a State, each with one value per parameter value. */
typedef enum Section {
    SECTION_VALUE,    /* parameters, and the running statistics */
    SECTION_GRADIENT, /* learned parameters only, from here on */
    SECTION_MOMENTUM, /* SGD's v, Adam's first moment */
    SECTION_SQUARE,   /* Adam's second moment */
} Section;

/* ---- what a backend implements ---- */

typedef struct BackendOps BackendOps;

/* Each backend's own structures begin with these. */
typedef struct Backend {
    const BackendOps *ops;
    BackendInfo info;
} Backend;

typedef struct State {
    Backend *backend;
    const Net *net; /* borrowed: outlives the State */
    Optimizer optimizer;
    int64_t updates; /* optimiser steps taken: Adam's t; set it when a checkpoint is loaded */
} State;

struct Dataset {
    Backend *backend;
    DatasetSpec spec;
};

typedef struct Program {
    State *state;
    ProgramSpec spec;   /* taps point to the Program's own copy */
    int last_count;     /* images of the last forward; 0 before */
    bool has_gradients; /* backward() has followed the last forward() */
} Program;

/* The generic functions below have checked the arguments and fill in the base structures. All
 * members are needed unless marked NULL; destructors accept what a failed constructor left. */
struct BackendOps {
    const char *name;
    const char *summary;
    Precision native;   /* what `precision=auto` means here */
    ConvAlgorithm conv; /* and `conv=auto` */
    Status (*open)(const BackendOptions *options, Backend **backend);
    void (*close)(Backend *backend);
    /* Parameters are zero until written. */
    Status (*state_create)(Backend *backend, const Net *net, const Optimizer *optimizer,
                           State **state);
    void (*state_destroy)(State *state);
    Status (*state_read)(State *state, Section section, int param, float *values);
    Status (*state_write)(State *state, Section section, int param, const float *values);
    /* The same in double, where the backend's numbers are wider than float; NULL, both: they are
     * floats. */
    Status (*state_read_wide)(State *state, Section section, int param, double *values);
    Status (*state_write_wide)(State *state, Section section, int param, const double *values);
    Status (*update)(State *state, double lr);
    Status (*dataset_create)(Backend *backend, const DatasetSpec *spec, Dataset **data);
    void (*dataset_destroy)(Dataset *data);
    Status (*compile)(State *state, const ProgramSpec *spec, Program **program);
    void (*program_destroy)(Program *program);
    Status (*forward)(Program *program, const Batch *batch);
    Status (*backward)(Program *program, const float *dy);
    Status (*train_step)(Program *program, const Batch *batch, double lr);
    Status (*metrics)(Program *program, Metrics *metrics);
    bool metrics_wait; /* metrics() waits for a device that runs behind the calls: ask seldom */
    Status (*tap_read)(Program *program, int tap, float *values);
    /* The clock of a device that runs behind the calls. mark() notes the moment at which it will
     * have done all that was asked before; between() waits for the second mark and gives the
     * seconds from one to the other. Marks are numbered from 0. NULL, both: a call returns when it
     * is done, so the caller's clock serves. */
    Status (*mark)(Backend *backend, int mark);
    Status (*between)(Backend *backend, int first, int second, double *seconds);
    Status (*account)(Program *program, Account *account); /* NULL: this backend cannot */
    /* Into zeros. The data set, too, where the backend keeps it. NULL: this backend cannot */
    Status (*memory)(const Program *program, const Dataset *data, Memory *memory);
    Status (*describe)(const Program *program, FILE *file); /* NULL: it had nothing to choose */
    const ShareSumOps *share_sums; /* NULL: the shares of a step are summed on the host */
};

/* ---- what everybody calls ---- */

/* The backends built into this program. */
const BackendOps *const *backend_table(int *count);
/* name: "ref", "cpu", "gpu", or "auto" (the first of gpu, cpu that opens). A named backend that
 * cannot be opened is an error, never replaced. The caller closes. */
Status backend_open(const char *name, const BackendOptions *options, Backend **backend);
void backend_close(Backend *backend);

/* Parameters and statistics are zero: the caller writes initial values. Owned by the caller;
 * destroyed after its Programs and before its Backend. */
Status state_create(Backend *backend, const Net *net, const Optimizer *optimizer, State **state);
void state_destroy(State *state);
/* net->params[param].count floats in canonical layout. */
Status state_read(State *state, Section section, int param, float *values);
Status state_write(State *state, Section section, int param, const float *values);
/* Whether floats lose something of the State's numbers. */
bool state_is_wide(const State *state);
/* The same two in double, which loses nothing: where state_is_wide(). */
Status state_read_wide(State *state, Section section, int param, double *values);
Status state_write_wide(State *state, Section section, int param, const double *values);
/* One optimiser step from the gradients of the last backward(). */
Status state_update(State *state, double lr);

Status dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data);
void dataset_destroy(Dataset *data);

Status program_compile(State *state, const ProgramSpec *spec, Program **program);
void program_destroy(Program *program);
Status program_forward(Program *program, const Batch *batch);
/* After forward() in MODE_TRAIN. Overwrites all gradients. dy: count x K x P x Q, the upstream
 * gradient of the last node, when the net does not end in a loss; else NULL. */
Status program_backward(Program *program, const float *dy);
/* forward, backward and update in one, as fast as the backend can. */
Status program_train_step(Program *program, const Batch *batch, double lr);
/* Reads and clears the sums. */
Status program_metrics(Program *program, Metrics *metrics);
/* Values of tap number `tap` of the ProgramSpec after the last forward() or backward(), canonical
 * layout, last_count images. */
Status program_tap(Program *program, int tap, float *values);

/* Counts the train step of a program in train mode; nothing is computed. STATUS_UNAVAILABLE when
 * the backend does not count. */
Status program_account(Program *program, Account *account);

/* What the program, its state and the data set hold now. STATUS_UNAVAILABLE when the backend does
 * not tell. */
Status program_memory(const Program *program, const Dataset *data, Memory *memory);
/* "activations"; for tables. */
const char *memory_category_name(MemoryCategory category);

/* Writes which algorithms were chosen, where the backend had a choice that bits or speed depend on:
 * one line each, the same on every machine with the same card and libraries. */
Status program_describe(const Program *program, FILE *file);

const char *precision_name(Precision precision);

#endif
