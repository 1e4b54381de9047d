/* The oneDNN backend's own structures. Read this, then program.c, plan.c, fuse.c, then any op.
 *
 * Activations are blocked (see kernels/kernels.h): every node's output is [N][C/B][H][W][B] with
 * zero channels filling the last block; logits are the case H = W = 1. Parameters, gradients and
 * optimiser moments stay in canonical order in flat arrays; Programs keep re-laid copies of the
 * weights and renew them when State's version has moved. */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <dnnl.h>

#include "cpu/kernels/kernels.h"
#include "net/backend.h"
#include "net/fusion.h"

extern const BackendOps cpu_backend;

typedef struct CpuBackend {
    Backend base;
    dnnl_engine_t engine;
    dnnl_stream_t *stream; /* one for each thread */
    const Kernels *kernels;
    int block; /* channels side by side: B */
    int threads;
} CpuBackend;

typedef struct CpuState {
    State base;
    float *value, *gradient, *momentum, *square; /* learned_count each, by Param.offset; all but
                                                    value: NULL until somebody trains */
    float *statistic;                            /* statistic_count */
    int64_t version;                             /* moves whenever a learned value does */
} CpuState;

/* ---- a compiled program: a list of steps over buffers ---- */

/* A range of the arena, alive from step `first` to step `last`; see plan.h. */
typedef struct Buffer {
    size_t floats, offset;
    int first, last; /* first -1: never used */
    bool shared;     /* more than one reader counts on its contents: no step writes in place */
    int readers;     /* steps still to be planned that count on its contents; likewise */
} Buffer;

enum { STEP_BUFFERS = 6 };

struct CpuProgram;
struct Step;
typedef Status (*StepFn)(struct CpuProgram *program, const struct Step *step, int count);

/* One operation on the first `count` images. What buf[] means is the operation's own affair. */
typedef struct Step {
    StepFn run;
    int node;
    int buf[STEP_BUFFERS]; /* buffer ids; -1: none */
    void *op;              /* the node's compiled data; owned by CpuProgram.op[node] */
} Step;

/* A node's gradient: a sum of up to two buffers that need not be formed. */
typedef struct Gradient {
    int part[2];
    int parts;
} Gradient;

typedef struct NodePlan {
    int value;        /* buffer of the output; -1: never stored */
    int index;        /* max-pool: buffer of the winners; -1 */
    int first_reader; /* of all nodes that read this one; -1 */
    bool remade;      /* the value lives only in the forward; the backward makes it again */
    int begins;       /* the group that begins with this batch norm; -1 */
    bool tapped;
    bool tapped_gradient;
    Gradient gradient;
} NodePlan;

typedef struct CpuProgram {
    Program base;
    const Net *net;
    CpuBackend *cpu;
    CpuState *state;
    bool trains; /* MODE_TRAIN: there are backward steps */
    int images;  /* that a pass runs through all steps at a time; base.spec.max_batch, or less */

    NodePlan *plan; /* by node */
    NodeUse *use;   /* by node */
    void **op;      /* by node: what CpuOp.destroy frees */
    FusedGroup *groups;
    int group_count;
    Buffer *buffers;
    int buffer_count, buffer_capacity;
    Step *steps; /* forward ones first */
    int step_count, step_capacity, forward_steps;
    Status status; /* first failure while planning */

    float *arena; /* all buffers */
    size_t arena_floats;
    void *scratch; /* oneDNN's, shared by all primitives: they run one after the other */
    size_t scratch_bytes;
    int64_t engines_version; /* of the state that engines' weights were made from */
    bool backwards;          /* the direction of the last phase of chunks */
    int input;               /* buffer of the gathered images, plain NCHW */

    const Batch *batch;  /* during forward */
    const float *dy;     /* during backward, of a net without a loss */
    int32_t *labels;     /* of the last forward */
    int32_t *samples;    /* the numbers of its images */
    uint32_t batch_step; /* its Batch.step */
    double *image_loss;  /* of the last forward */
    double divisor;
    Metrics metrics;
    int64_t recalibrated; /* batches seen in MODE_RECALIBRATE */
} CpuProgram;

/* What an operation brings. plan functions append steps; run functions are private to the file. */
typedef struct CpuOp {
    Status (*plan_forward)(CpuProgram *program, int node);
    Status (*plan_backward)(CpuProgram *program, int node);
    void (*destroy)(void *op); /* NULL: nothing to free */
} CpuOp;

extern const CpuOp cpu_conv2d, cpu_batch_norm, cpu_relu, cpu_add, cpu_sigmoid, cpu_multiply,
    cpu_affine, cpu_dropout, cpu_zero_pad_subsample, cpu_max_pool, cpu_avg_pool, cpu_linear,
    cpu_softmax_cross_entropy, cpu_input;

static inline CpuBackend *cpu_backend_of(Backend *backend) {
    return (CpuBackend *)backend;
}
static inline CpuState *cpu_state_of(State *state) {
    return (CpuState *)state;
}
static inline CpuProgram *cpu_program_of(Program *program) {
    return (CpuProgram *)program;
}

/* The learned values or gradients of a parameter; NULL for id -1. */
float *cpu_param(CpuState *state, Section section, int param);

/* Is a loop over this many floats worth waking the other threads? Smaller ones lose, most of all
 * when another process holds a core and a barrier waits for its time slice. */
static inline bool cpu_worth_threads(size_t floats) {
    return floats >= 32768;
}

/* backend.c: sets OpenMP's thread count for one call; the result goes to cpu_threads_leave(). */
int cpu_threads_enter(const CpuBackend *backend);
void cpu_threads_leave(int saved);
/* n floats, zeroed, 64-byte aligned; free() frees. NULL when memory is out. */
float *cpu_floats(size_t n);

/* state.c */
Status cpu_state_create(Backend *backend, const Net *net, const Optimizer *optimizer,
                        State **state);
void cpu_state_destroy(State *state);
/* Gradients and moments, zero, where they are not there yet. */
Status cpu_state_train(State *state);
Status cpu_state_read(State *state, Section section, int param, float *values);
Status cpu_state_write(State *state, Section section, int param, const float *values);
/* optimizer.c */
Status cpu_update(State *state, double lr);
/* dataset.c */
Status cpu_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data);
void cpu_dataset_destroy(Dataset *data);
/* Crops, flips and normalises a batch into x, count x C x H x W. */
void cpu_gather(float *x, const Batch *batch, Shape shape);
/* memory.c */
Status cpu_memory(const Program *program, const Dataset *data, Memory *memory);
/* program.c */
Status cpu_compile(State *state, const ProgramSpec *spec, Program **program);
void cpu_program_destroy(Program *program);
Status cpu_forward(Program *program, const Batch *batch);
Status cpu_backward(Program *program, const float *dy);
Status cpu_train_step(Program *program, const Batch *batch, double lr);
Status cpu_metrics(Program *program, Metrics *metrics);
Status cpu_tap_read(Program *program, int tap, float *values);

#endif
