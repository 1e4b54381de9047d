#include "harness/train/layers.h"

#include <math.h>
#include <stdlib.h>

#include "harness/train/evaluate.h"

/* Sums over what has been seen of one layer's response. */
typedef struct Moments {
    double count, sum, squares;
} Moments;

struct LayerProbe {
    State *state;
    Program *program;
    int count;        /* layers */
    int *weights;     /* parameter ids */
    Tap *taps;        /* where the responses are */
    LayerRow *rows;   /* one a layer */
    Moments *moments; /* one a layer */
    float **before;   /* the weights that are remembered */
    float *values;    /* room for a response or a weight */
    size_t room;      /* in floats */
    bool remembered;
};

/* ---- the layers of a net ---- */

static bool is_layer(const Node *node) {
    return node->op == OP_CONV2D || node->op == OP_LINEAR;
}

/* The node whose output is the layer's response. */
static int response_node(const Net *net, int layer) {
    int users = 0, user = -1;
    for (int i = layer + 1; i < net->node_count; i++)
        if (net->nodes[i].inputs[0] == layer || net->nodes[i].inputs[1] == layer) {
            users++;
            user = i;
        }
    return users == 1 && net->nodes[user].op == OP_BATCH_NORM ? user : layer;
}

static void want_room(LayerProbe *probe, size_t floats) {
    probe->room = floats > probe->room ? floats : probe->room;
}

static void list_layers(LayerProbe *probe, int max_batch) {
    const Net *net = probe->state->net;
    for (int i = 0; i < net->node_count; i++) {
        const Node *node = &net->nodes[i];
        if (!is_layer(node))
            continue;
        int k = probe->count++;
        probe->weights[k] = node->weight;
        probe->taps[k] = (Tap){.node = response_node(net, i), .kind = TAP_VALUE};
        probe->rows[k] = (LayerRow){.layer = k + 1,
                                    .name = node->name,
                                    .op = node->op,
                                    .kernel = node->op == OP_CONV2D ? node->window.r : 1,
                                    .channels = node->out.c};
        want_room(probe, (size_t)max_batch * shape_count(node->out));
        want_room(probe, net->params[node->weight].count);
    }
}

static Status allocate(LayerProbe *probe, int max_batch) {
    size_t most = (size_t)probe->state->net->node_count;
    probe->weights = calloc(most, sizeof *probe->weights);
    probe->taps = calloc(most, sizeof *probe->taps);
    probe->rows = calloc(most, sizeof *probe->rows);
    probe->moments = calloc(most, sizeof *probe->moments);
    probe->before = calloc(most, sizeof *probe->before);
    if (!probe->weights || !probe->taps || !probe->rows || !probe->moments || !probe->before)
        return status_fail(STATUS_NO_MEMORY, "no memory to look at %zu nodes", most);
    list_layers(probe, max_batch);
    probe->values = malloc((probe->room + 1) * sizeof *probe->values);
    for (int k = 0; k < probe->count; k++) {
        size_t count = probe->state->net->params[probe->weights[k]].count;
        probe->before[k] = malloc(count * sizeof *probe->before[k]);
        if (!probe->before[k] || !probe->values)
            return status_fail(STATUS_NO_MEMORY, "no memory for the weights of %d layers",
                               probe->count);
    }
    return STATUS_OK;
}

Status layer_probe_create(State *state, Mode mode, int max_batch, Precision precision,
                          LayerProbe **out) {
    if (mode != MODE_EVAL && mode != MODE_EVAL_BATCH)
        return status_fail(STATUS_BAD_INPUT, "a layer probe in a mode that updates statistics");
    LayerProbe *probe = calloc(1, sizeof *probe);
    if (!probe)
        return status_fail(STATUS_NO_MEMORY, "no memory for a layer probe");
    probe->state = state;
    Status status = allocate(probe, max_batch);
    if (status == STATUS_OK) {
        ProgramSpec spec = {.mode = mode,
                            .max_batch = max_batch,
                            .precision = precision,
                            .taps = probe->taps,
                            .tap_count = probe->count};
        status = program_compile(state, &spec, &probe->program);
    }
    if (status == STATUS_OK)
        *out = probe;
    else
        layer_probe_destroy(probe);
    return status;
}

void layer_probe_destroy(LayerProbe *probe) {
    if (!probe)
        return;
    program_destroy(probe->program);
    for (int k = 0; k < probe->count; k++)
        free(probe->before[k]);
    free(probe->weights);
    free(probe->taps);
    free(probe->rows);
    free(probe->moments);
    free(probe->before);
    free(probe->values);
    free(probe);
}

/* ---- weights and gradients ---- */

static double norm(const float *values, size_t count) {
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += (double)values[i] * (double)values[i];
    return sqrt(squares);
}

static double distance(const float *a, const float *b, size_t count) {
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)a[i] - (double)b[i];
        squares += d * d;
    }
    return sqrt(squares);
}

Status layer_probe_remember(LayerProbe *probe) {
    for (int k = 0; k < probe->count; k++)
        TRY(state_read(probe->state, SECTION_VALUE, probe->weights[k], probe->before[k]));
    probe->remembered = true;
    return STATUS_OK;
}

static Status measure_weights(LayerProbe *probe) {
    for (int k = 0; k < probe->count; k++) {
        LayerRow *row = &probe->rows[k];
        int weight = probe->weights[k];
        size_t count = probe->state->net->params[weight].count;
        TRY(state_read(probe->state, SECTION_GRADIENT, weight, probe->values));
        row->gradient_norm = norm(probe->values, count);
        TRY(state_read(probe->state, SECTION_VALUE, weight, probe->values));
        row->weight_norm = norm(probe->values, count);
        double old = norm(probe->before[k], count);
        row->update_ratio = old > 0 ? distance(probe->values, probe->before[k], count) / old : NAN;
    }
    return STATUS_OK;
}

/* ---- responses ---- */

/* After each batch. */
static Status add_responses(void *context, Program *program, const Batch *batch) {
    LayerProbe *probe = context;
    for (int k = 0; k < probe->count; k++) {
        Moments *m = &probe->moments[k];
        const Node *node = &probe->state->net->nodes[probe->taps[k].node];
        size_t count = (size_t)batch->count * shape_count(node->out);
        double sum = 0, squares = 0;
        TRY(program_tap(program, k, probe->values));
        for (size_t i = 0; i < count; i++) {
            double v = (double)probe->values[i];
            sum += v;
            squares += v * v;
        }
        m->sum += sum;
        m->squares += squares;
        m->count += (double)count;
    }
    return STATUS_OK;
}

static double deviation(const Moments *m) {
    double mean = m->sum / m->count, variance = m->squares / m->count - mean * mean;
    return variance > 0 || isnan(variance) ? sqrt(variance) : 0; /* 0: by rounding, or constant */
}

Status layer_probe_measure(LayerProbe *probe, const Dataset *data, const int32_t *images, int count,
                           const LayerRow **rows, int *row_count) {
    Evaluation ignored;
    if (!probe->remembered)
        return status_fail(STATUS_BAD_INPUT, "layers measured before weights were remembered");
    TRY(measure_weights(probe));
    for (int k = 0; k < probe->count; k++)
        probe->moments[k] = (Moments){0};
    TRY(evaluate_each(probe->program, data, images, count, add_responses, probe, &ignored));
    for (int k = 0; k < probe->count; k++)
        probe->rows[k].response_std = deviation(&probe->moments[k]);
    *rows = probe->rows;
    *row_count = probe->count;
    return STATUS_OK;
}
