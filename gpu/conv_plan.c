#include "gpu/conv_plan.h"

#include <stdio.h>
#include <string.h>

#include "gpu/check.h"

/* ---- the operation as a graph of one node ---- */

/* Attributes that differ between the three directions. */
typedef struct OperationNames {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t conv, x, w, y, alpha, beta;
} OperationNames;

static const OperationNames operations[] = {
    [CONV_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    [CONV_DATA_GRADIENT] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    [CONV_WEIGHT_GRADIENT] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

/* dims: N, C, H, W (cuDNN's order whatever the layout); strides: channels fastest. */
static Status tensor_create(int64_t uid, Precision precision, const int64_t dims[4],
                            const char *what, Descriptor *out) {
    cudnnDataType_t type = precision == PRECISION_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int64_t strides[4] = {dims[1] * dims[2] * dims[3], 1, dims[3] * dims[1], dims[1]};
    Building tensor = descriptor_begin(CUDNN_BACKEND_TENSOR_DESCRIPTOR, what);
    descriptor_set_int(&tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
    descriptor_set(&tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    descriptor_set_int(&tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16);
    descriptor_set(&tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
    descriptor_set(&tensor, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
    return descriptor_finish(&tensor, out);
}

static Status convolution_create(const ConvProblem *p, const char *what, Descriptor *out) {
    const int64_t pad[2] = {p->window.pad, p->window.pad};
    const int64_t stride[2] = {p->window.stride, p->window.stride}, dilation[2] = {1, 1};
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    Building conv = descriptor_begin(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, what);
    descriptor_set_int(&conv, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    descriptor_set(&conv, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    descriptor_set(&conv, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    descriptor_set(&conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    descriptor_set(&conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    descriptor_set(&conv, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    descriptor_set(&conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    return descriptor_finish(&conv, out);
}

/* Everything that lives as long as plans are looked for. */
typedef struct Search {
    const ConvProblem *problem;
    const char *what;
    cudnnHandle_t handle;
    Descriptor device;
    Descriptor x, w, y, conv, operation, graph;
} Search;

static Status operation_create(Search *s) {
    const OperationNames *names = &operations[s->problem->direction];
    Building op = descriptor_begin(names->type, s->what);
    descriptor_set_descriptor(&op, names->conv, s->conv);
    descriptor_set_descriptor(&op, names->x, s->x);
    descriptor_set_descriptor(&op, names->w, s->w);
    descriptor_set_descriptor(&op, names->y, s->y);
    descriptor_set_float(&op, names->alpha, 1);
    descriptor_set_float(&op, names->beta, 0);
    return descriptor_finish(&op, &s->operation);
}

static Status graph_create(Search *s) {
    const ConvProblem *p = s->problem;
    int out_h = (p->h + 2 * p->window.pad - p->window.r) / p->window.stride + 1;
    int out_w = (p->w + 2 * p->window.pad - p->window.s) / p->window.stride + 1;
    const int64_t x[4] = {p->n, p->c, p->h, p->w}, y[4] = {p->n, p->k, out_h, out_w};
    const int64_t w[4] = {p->k, p->c, p->window.r, p->window.s};
    TRY(tensor_create(CONV_UID_X, p->precision, x, s->what, &s->x));
    TRY(tensor_create(CONV_UID_W, p->precision, w, s->what, &s->w));
    TRY(tensor_create(CONV_UID_Y, p->precision, y, s->what, &s->y));
    TRY(convolution_create(p, s->what, &s->conv));
    TRY(operation_create(s));
    Building graph = descriptor_begin(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, s->what);
    descriptor_set_descriptor(&graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, s->operation);
    if (s->handle)
        descriptor_set(&graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &s->handle);
    return descriptor_finish(&graph, &s->graph);
}

/* The plan keeps them: nowhere is it said that they may go before it. */
static void search_close(Search *s, ConvPlan *plan) {
    const Descriptor parts[] = {s->graph, s->operation, s->conv, s->y, s->w, s->x};
    for (int i = 0; i < CONV_PARTS - 1; i++)
        plan->parts[i + 1] = parts[i];
}

/* ---- candidates ---- */

enum { CANDIDATES_MAX = 64, NOTES_MAX = 32 };

typedef struct Candidates {
    Descriptor config[CANDIDATES_MAX];
    int count;
} Candidates;

static void candidates_free(Candidates *c) {
    for (int i = 0; i < CANDIDATES_MAX; i++)
        descriptor_destroy(&c->config[i]);
}

/* The ranked configurations of one heuristic mode. */
static Status candidates_list(const Search *s, cudnnBackendHeurMode_t mode, Candidates *c) {
    Status status = STATUS_OK;
    Descriptor heuristics = NULL;
    int64_t count = 0;
    memset(c, 0, sizeof *c);
    Building building = descriptor_begin(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, s->what);
    descriptor_set_descriptor(&building, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, s->graph);
    descriptor_set(&building, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (s->device)
        descriptor_set_descriptor(&building, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, s->device);
    TRY(descriptor_finish(&building, &heuristics));
    for (int i = 0; i < CANDIDATES_MAX; i++)
        CUDNN_CHECK(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &c->config[i]),
                    s->what);
    CUDNN_CHECK(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                         CUDNN_TYPE_BACKEND_DESCRIPTOR, CANDIDATES_MAX, &count,
                                         c->config),
                s->what);
    c->count = count < CANDIDATES_MAX ? (int)count : CANDIDATES_MAX;
out:
    descriptor_destroy(&heuristics);
    if (status != STATUS_OK)
        candidates_free(c);
    return status;
}

/* What an engine says of itself. */
typedef struct EngineFacts {
    int64_t index;
    bool deterministic, compiles, tensor_cores;
    bool exact_fp32; /* nothing but fp32 products and sums */
    bool coarse;     /* sums in less than fp32, or in another domain */
} EngineFacts;

static void read_numerical_notes(Descriptor engine, EngineFacts *facts) {
    cudnnBackendNumericalNote_t notes[NOTES_MAX];
    int64_t count = 0;
    facts->deterministic = facts->exact_fp32 = true;
    if (cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                 CUDNN_TYPE_NUMERICAL_NOTE, NOTES_MAX, &count,
                                 notes) != CUDNN_STATUS_SUCCESS)
        facts->deterministic = false; /* unknown is not good enough */
    for (int64_t i = 0; i < count && i < NOTES_MAX; i++) {
        if (notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)
            facts->deterministic = false;
        if (notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE)
            facts->tensor_cores = true;
        bool harmless = notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC ||
                        notes[i] == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP;
        bool rounds_inputs = notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
                             notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
        facts->exact_fp32 = facts->exact_fp32 && harmless;
        facts->coarse = facts->coarse || (!harmless && !rounds_inputs);
    }
}

static Status engine_facts(Descriptor config, const char *what, EngineFacts *facts) {
    Status status = STATUS_OK;
    Descriptor engine = NULL;
    cudnnBackendBehaviorNote_t notes[NOTES_MAX];
    int64_t count = 0;
    memset(facts, 0, sizeof *facts);
    CUDNN_CHECK(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine), what);
    CUDNN_CHECK(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                         CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &engine),
                what);
    CUDNN_CHECK(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64,
                                         1, &count, &facts->index),
                what);
    read_numerical_notes(engine, facts);
    CUDNN_CHECK(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                         CUDNN_TYPE_BEHAVIOR_NOTE, NOTES_MAX, &count, notes),
                what);
    for (int64_t i = 0; i < count && i < NOTES_MAX; i++)
        if (notes[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)
            facts->compiles = true;
out:
    descriptor_destroy(&engine);
    return status;
}

/* "type=value type=value": the engine's settings, as far as they fit. */
static Status read_knobs(Descriptor config, const char *what, char *text, size_t size) {
    Status status = STATUS_OK;
    Descriptor choice[NOTES_MAX] = {NULL};
    int64_t count = 0, one, value;
    cudnnBackendKnobType_t type;
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < NOTES_MAX; i++)
        CUDNN_CHECK(cudnnBackendCreateDescriptor(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, &choice[i]),
                    what);
    CUDNN_CHECK(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                         CUDNN_TYPE_BACKEND_DESCRIPTOR, NOTES_MAX, &count, choice),
                what);
    for (int64_t i = 0; i < count && i < NOTES_MAX && at < size; i++) {
        CUDNN_CHECK(cudnnBackendGetAttribute(choice[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                             CUDNN_TYPE_KNOB_TYPE, 1, &one, &type),
                    what);
        CUDNN_CHECK(cudnnBackendGetAttribute(choice[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE,
                                             CUDNN_TYPE_INT64, 1, &one, &value),
                    what);
        at += (size_t)snprintf(text + at, size - at, "%s%d=%lld", i ? " " : "", (int)type,
                               (long long)value);
    }
out:
    for (int i = 0; i < NOTES_MAX; i++)
        descriptor_destroy(&choice[i]);
    return status;
}

/* ---- the choice ---- */

static bool acceptable(const EngineFacts *facts, Precision precision) {
    if (!facts->deterministic || facts->compiles)
        return false;
    return precision == PRECISION_FP32 ? facts->exact_fp32 : !facts->coarse;
}

/* Builds the plan; *built false when this configuration cannot be (which is no error). */
static Status try_plan(const Search *s, Descriptor config, ConvPlan *plan, bool *built) {
    int64_t count = 0;
    *built = false;
    Building building = descriptor_begin(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, s->what);
    descriptor_set_descriptor(&building, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    if (s->handle)
        descriptor_set(&building, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
                       &s->handle);
    else
        descriptor_set_descriptor(&building, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, s->device);
    if (descriptor_finish(&building, &plan->plan) != STATUS_OK)
        return gpu_cudnn_out_of_memory(building.error) ? STATUS_NO_MEMORY : STATUS_OK;
    *built = cudnnBackendGetAttribute(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                      CUDNN_TYPE_INT64, 1, &count,
                                      &plan->workspace) == CUDNN_STATUS_SUCCESS;
    if (!*built)
        descriptor_destroy(&plan->plan);
    return STATUS_OK;
}

/* Walks one list. tensor_cores: take only engines that have them. *rank counts candidates seen. */
static Status search_list(const Search *s, Candidates *c, bool tensor_cores, int *rank,
                          ConvPlan *plan, bool *found) {
    *found = false;
    for (int i = 0; i < c->count && !*found; i++, (*rank)++) {
        EngineFacts facts;
        TRY(engine_facts(c->config[i], s->what, &facts));
        if (!acceptable(&facts, s->problem->precision) || (tensor_cores && !facts.tensor_cores))
            continue;
        TRY(try_plan(s, c->config[i], plan, found));
        if (!*found)
            continue;
        plan->parts[0] = c->config[i];
        c->config[i] = NULL; /* the plan's now */
        plan->engine = facts.index;
        plan->tensor_cores = facts.tensor_cores;
        plan->rank = *rank;
        TRY(read_knobs(plan->parts[0], s->what, plan->knobs, sizeof plan->knobs));
    }
    return STATUS_OK;
}

/* Both lists, first for engines with tensor cores where they are wanted, then for any. */
static Status search_all(const Search *s, ConvPlan *plan, bool *found) {
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
    Candidates lists[2] = {{{NULL}, 0}};
    Status status = STATUS_OK;
    *found = false;
    for (int m = 0; m < 2; m++)
        CHECK(candidates_list(s, modes[m], &lists[m]));
    for (int wanted = s->problem->precision != PRECISION_FP32; wanted >= 0 && !*found; wanted--)
        for (int m = 0, rank = 0; m < 2 && !*found; m++) {
            CHECK(search_list(s, &lists[m], wanted, &rank, plan, found));
            plan->fallback = m == 1;
        }
out:
    candidates_free(&lists[0]);
    candidates_free(&lists[1]);
    return status;
}

Status conv_plan_create(ConvPlan *plan, const ConvProblem *problem, cudnnHandle_t handle,
                        Descriptor device) {
    char what[128];
    bool found = false;
    conv_problem_text(problem, what, sizeof what);
    Search search = {.problem = problem, .what = what, .handle = handle, .device = device};
    memset(plan, 0, sizeof *plan);
    plan->problem = *problem;
    Status status = graph_create(&search);
    if (status == STATUS_OK)
        status = search_all(&search, plan, &found);
    search_close(&search, plan);
    if (status == STATUS_OK && !found)
        status = status_fail(STATUS_BACKEND,
                             "%s: cuDNN %zu offers no deterministic engine for this precision; "
                             "try another precision or backend=cpu",
                             what, cudnnGetVersion());
    if (status != STATUS_OK)
        conv_plan_destroy(plan);
    return status;
}

void conv_plan_destroy(ConvPlan *plan) {
    descriptor_destroy(&plan->plan);
    for (int i = 0; i < CONV_PARTS; i++)
        descriptor_destroy(&plan->parts[i]);
}

const char *conv_direction_name(ConvDirection direction) {
    static const char *const names[] = {"forward", "data gradient", "weight gradient"};
    return names[direction];
}

void conv_problem_text(const ConvProblem *p, char *text, size_t size) {
    snprintf(text, size, "%s %dx%dx%dx%d -> %d, %dx%d stride %d, %s",
             conv_direction_name(p->direction), p->n, p->c, p->h, p->w, p->k, p->window.r,
             p->window.s, p->window.stride, precision_name(p->precision));
}
