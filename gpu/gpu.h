/* The CUDA backend's own structures. Read this, then program.c, plan.c, any operation, run.c.
 *
 * Activations are [max_batch][H][W][Cp], Cp = C rounded up to 8 with zeros; their elements are
 * float (fp32, tf32) or bf16. Parameters lie in one flat arena of floats in device layouts
 * (state.c), with a copy in bf16 when a Program wants one. A Program always computes max_batch
 * images: those beyond the batch are zeros that no sum notices, so one set of plans and one
 * captured graph serve any count. */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include "gpu/check.h"
#include "gpu/conv_plan.h"
#include "gpu/kernels/kernels.h"
#include "net/backend.h"
#include "net/fusion.h"
#include "net/lifetimes.h"

extern const BackendOps gpu_backend;

enum { GPU_PAD = 8, NONE = -1 };

/* Weight gradients run beside the rest of backward: each lane has a stream, library handles and
 * workspaces of its own, so that nothing is shared by what runs at the same time. */
typedef enum Lane { LANE_MAIN, LANE_SIDE, LANES } Lane;

typedef struct GpuLane {
    cudaStream_t stream;
    cudnnHandle_t cudnn;
    cublasHandle_t cublas;
    void *cublas_workspace;
} GpuLane;

typedef struct GpuBackend {
    Backend base;
    GpuLane lane[LANES];
    cudaEvent_t fork, join; /* main to side and back */
    int major, minor;       /* compute capability */
    ConvPlan **plans;       /* made so far, one a shape; owned */
    int plan_count, plan_capacity;
    cudaEvent_t *marks; /* made so far */
    int mark_count;
    void *staging; /* pinned: for what the host reads and writes outside of steps */
    size_t staging_bytes;
} GpuBackend;

typedef struct GpuState {
    State base;
    GpuBackend *gpu;
    size_t *offset; /* by parameter: of learned ones in the arena, of statistics among theirs */
    /* The arena's order: convolution weights, linear weights, the rest. Counts of elements. */
    size_t conv_weights, weights, learned, channels; /* channels: of all batch norms */
    float *value, *gradient, *momentum, *square;
    uint16_t *half_value, *half_gradient; /* [learned], [conv_weights]; NULL until a bf16 Program */
    float *running_mean, *running_var;    /* [channels] */
    UpdateControl *control;               /* on the device, for update() outside of a step */
    int64_t version, half_version;        /* of the values; of those that half_value copies */
    bool gradient_is_half;                /* convolutions' gradients are in half_gradient */
} GpuState;

typedef struct GpuDataset {
    Dataset base;
    uint8_t *bytes; /* on the device, one of both */
    float *floats;
    int32_t *labels;
    float *mean, *scale;
    int32_t *rows, *columns; /* entries for resizing; or NULL */
    int row_stride, column_stride;
} GpuDataset;

/* ---- a compiled program: a list of steps over buffers ---- */

typedef struct Buffer {
    Lifetime life; /* bytes; by step */
    size_t bytes;
    size_t least; /* bytes without padding */
    bool scratch; /* written and read within a step: no traffic of the network's own */
} Buffer;

enum { STEP_BUFFERS = 7 };

struct GpuProgram;
struct Step;
typedef Status (*StepFn)(struct GpuProgram *program, const struct Step *step);

typedef struct Step {
    StepFn run;
    const char *name; /* "conv2d forward" */
    int node;
    Lane lane;
    int buf[STEP_BUFFERS]; /* buffer ids, NONE: none; what they mean is the operation's affair */
    void *op;              /* the operation's data; owned by the program */
    size_t extra_bytes;    /* parameters read and written */
    size_t unread_bytes;   /* of the buffers, when a step reads only part */
    size_t least_bytes;    /* 0: the buffers', without padding */
} Step;

/* A node's gradient: a sum of up to two buffers that need not be formed. */
typedef struct Gradient {
    int part[2];
    int parts;
} Gradient;

typedef struct NodePlan {
    int value;   /* buffer of the output; NONE: never stored */
    int index;   /* max-pool: buffer of the winners */
    bool folded; /* a shortcut that its add reads at the source */
    bool half;   /* element type of the value */
    bool wanted; /* its gradient is tapped */
    Gradient gradient;
} NodePlan;

/* What a tap reads. */
typedef struct TapPlan {
    int buffer; /* NONE: a gradient that nothing contributes to */
    bool half;
} TapPlan;

/* Steps that are run eagerly once, then captured, then replayed. */
typedef struct Sequence {
    int begin, end;
    bool update; /* ends with the optimiser */
    int runs;
    cudaGraphExec_t exec;
    size_t nodes; /* of the captured graph */
} Sequence;

enum { CONTROL_SLOTS = 8 };

typedef struct GpuProgram {
    Program base;
    const Net *net;
    GpuBackend *gpu;
    GpuState *state;
    bool half, trains;
    int norm_groups; /* batch-norm groups of a full batch */

    NodePlan *plan;
    NodeUse *use;
    TapPlan *taps; /* by tap */
    FusedGroup *groups;
    int group_count;
    Buffer *buffers;
    int buffer_count, buffer_capacity;
    Step *steps; /* forward ones first */
    int step_count, step_capacity, forward_steps;
    void **ops;   /* by node: what forward leaves for backward */
    void **owned; /* operations' data */
    int owned_count, owned_capacity;
    struct ConvExec *convolutions; /* a list */
    Status status;                 /* first failure while planning */

    uint8_t *arena; /* all buffers */
    size_t arena_bytes;
    size_t workspace_bytes[LANES];
    void *workspace[LANES];
    unsigned *counters; /* one a reduction */
    int counter_count;
    float *norm_mean, *norm_inverse; /* [channels of all batch norms][norm_groups] */
    float *norm_sums;                /* twice that */
    int32_t *labels;
    DeviceMetrics *metrics;

    StepControl *control; /* on the device */
    uint8_t *slots;       /* pinned: CONTROL_SLOTS of control_bytes */
    cudaEvent_t copied[CONTROL_SLOTS];
    size_t control_bytes;
    int64_t uploads;

    Sequence forward, train;
    const float *dy;         /* during backward, of a net without a loss */
    int64_t images, batches; /* since the last metrics() */
    int64_t recalibrated;
} GpuProgram;

/* What an operation brings: plan functions append steps. */
typedef struct GpuOp {
    Status (*plan_forward)(GpuProgram *program, int node);
    Status (*plan_backward)(GpuProgram *program, int node);
} GpuOp;

extern const GpuOp gpu_input, gpu_conv2d, gpu_batch_norm, gpu_relu, gpu_add, gpu_sigmoid,
    gpu_multiply, gpu_affine, gpu_dropout, gpu_zero_pad_subsample, gpu_max_pool, gpu_avg_pool,
    gpu_linear, gpu_softmax_cross_entropy;

static inline GpuBackend *gpu_backend_of(Backend *backend) {
    return (GpuBackend *)backend;
}
static inline GpuState *gpu_state_of(State *state) {
    return (GpuState *)state;
}
static inline GpuProgram *gpu_program_of(Program *program) {
    return (GpuProgram *)program;
}
static inline int padded(int channels) {
    return (channels + GPU_PAD - 1) / GPU_PAD * GPU_PAD;
}
/* Elements of one image's activation on the device. */
static inline size_t padded_count(Shape shape) {
    return (size_t)shape.h * (size_t)shape.w * (size_t)padded(shape.c);
}

/* memory.c: device memory; `what` goes into the message. Out of memory names the bytes asked and
 * free; max_batch > 0 adds a batch size that might fit. zero: filled with zeros on the main lane.
 */
Status gpu_allocate(GpuBackend *gpu, size_t bytes, bool zero, const char *what, int max_batch,
                    void **out);
void gpu_free(void *pointer);
/* At least this many pinned bytes in gpu->staging. */
Status gpu_stage(GpuBackend *gpu, size_t bytes);
/* Copies between staging and the device on the main lane, and waits. */
Status gpu_upload(GpuBackend *gpu, void *device, size_t bytes, const char *what);
Status gpu_download(GpuBackend *gpu, const void *device, size_t bytes, const char *what);

/* backend.c: the plan of a convolution, made once; borrowed. */
Status gpu_conv_plan(GpuBackend *gpu, const ConvProblem *problem, const ConvPlan **plan);

/* state.c */
Status gpu_state_create(Backend *backend, const Net *net, const Optimizer *optimizer,
                        State **state);
void gpu_state_destroy(State *state);
Status gpu_state_read(State *state, Section section, int param, float *values);
Status gpu_state_write(State *state, Section section, int param, const float *values);
/* Brings the gradients of convolutions into the arena of floats, where everybody looks. */
Status gpu_state_gradients_to_float(GpuState *state);
/* Room for the copies that a bf16 Program reads. */
Status gpu_state_want_half(GpuState *state);
/* The copies follow the values. */
Status gpu_state_refresh_half(GpuState *state);
/* layout.c: elements of a parameter on the device, and where there canonical element i stands. */
size_t gpu_layout_count(const Net *net, const Param *param);
size_t gpu_layout_index(const Net *net, const Param *param, size_t i);
/* optimizer.c */
Status gpu_update(State *state, double lr);
void gpu_update_control(const GpuState *state, double lr, UpdateControl *control);
/* Enqueues the optimiser on the main lane. half: gradients of convolutions are bf16. */
Status gpu_update_enqueue(GpuState *state, const UpdateControl *control, bool half_gradient,
                          bool half_copy);
/* dataset.c */
Status gpu_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data);
void gpu_dataset_destroy(Dataset *data);
/* program.c */
Status gpu_compile(State *state, const ProgramSpec *spec, Program **program);
void gpu_program_destroy(Program *program);
/* run.c */
Status gpu_forward(Program *program, const Batch *batch);
Status gpu_backward(Program *program, const float *dy);
Status gpu_train_step(Program *program, const Batch *batch, double lr);
Status gpu_metrics(Program *program, Metrics *metrics);
/* Captures without running. */
Status gpu_capture(GpuProgram *program, Sequence *sequence);
/* account.c */
Status gpu_account(Program *program, Account *account);
/* The engines of the program's convolutions. */
Status gpu_describe(const Program *program, FILE *file);
/* timer.c */
Status gpu_mark(Backend *backend, int mark);
Status gpu_between(Backend *backend, int first, int second, double *seconds);
void gpu_marks_destroy(GpuBackend *gpu);
/* tap.c */
Status gpu_tap_read(Program *program, int tap, float *values);

#endif
