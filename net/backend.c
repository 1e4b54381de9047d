#include "net/backend.h"

#include <math.h>

/* ---- state ---- */

Status state_create(Backend *backend, const Net *net, const Optimizer *optimizer, State **state) {
    *state = NULL;
    TRY(net_finish(net));
    return backend->ops->state_create(backend, net, optimizer, state);
}

void state_destroy(State *state) {
    if (state)
        state->backend->ops->state_destroy(state);
}

static Status check_param(const State *state, Section section, int param) {
    const Net *net = state->net;
    if (param < 0 || param >= net->param_count)
        return status_fail(STATUS_BAD_INPUT, "parameter %d: %s has %d", param, net->title,
                           net->param_count);
    if (section != SECTION_VALUE && param_is_statistic(&net->params[param]))
        return status_fail(STATUS_BAD_INPUT, "'%s' is a statistic: it has a value and nothing else",
                           net->params[param].name);
    return STATUS_OK;
}

Status state_read(State *state, Section section, int param, float *values) {
    TRY(check_param(state, section, param));
    return state->backend->ops->state_read(state, section, param, values);
}

Status state_write(State *state, Section section, int param, const float *values) {
    TRY(check_param(state, section, param));
    return state->backend->ops->state_write(state, section, param, values);
}

bool state_is_wide(const State *state) {
    return state->backend->ops->state_read_wide != NULL;
}

static Status check_wide(const State *state, Section section, int param) {
    TRY(check_param(state, section, param));
    if (state_is_wide(state))
        return STATUS_OK;
    return status_fail(STATUS_UNAVAILABLE, "%s: its numbers are floats", state->backend->ops->name);
}

Status state_read_wide(State *state, Section section, int param, double *values) {
    TRY(check_wide(state, section, param));
    return state->backend->ops->state_read_wide(state, section, param, values);
}

Status state_write_wide(State *state, Section section, int param, const double *values) {
    TRY(check_wide(state, section, param));
    return state->backend->ops->state_write_wide(state, section, param, values);
}

Status state_update(State *state, double lr) {
    return state->backend->ops->update(state, lr);
}

/* ---- data ---- */

Status dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data) {
    *data = NULL;
    if (spec->count < 1)
        return status_fail(STATUS_BAD_INPUT, "a data set needs at least one image");
    if ((spec->bytes == NULL) == (spec->floats == NULL))
        return status_fail(STATUS_BAD_INPUT, "a data set is either bytes or floats");
    if (spec->resize_h < 0 || spec->resize_w < 0 || !spec->resize_h != !spec->resize_w ||
        (spec->resize_h && !spec->bytes))
        return status_fail(STATUS_BAD_INPUT, "resizing to %dx%d: images of bytes, both sizes given",
                           spec->resize_h, spec->resize_w);
    if (!spec->labels)
        return status_fail(STATUS_BAD_INPUT, "a data set needs labels");
    return backend->ops->dataset_create(backend, spec, data);
}

void dataset_destroy(Dataset *data) {
    if (data)
        data->backend->ops->dataset_destroy(data);
}

/* ---- programs ---- */

static Status check_tap(const Net *net, Mode mode, const Tap *tap) {
    if (tap->node < 0 || tap->node >= net->node_count)
        return status_fail(STATUS_BAD_INPUT, "tap on node %d: %s has %d", tap->node, net->title,
                           net->node_count);
    const Node *node = &net->nodes[tap->node];
    if (node->op == OP_SOFTMAX_CROSS_ENTROPY)
        return status_fail(STATUS_BAD_INPUT, "tap on '%s': program_metrics() reads the loss",
                           node->name);
    if (tap->kind == TAP_RELU_MASK && node->op != OP_RELU)
        return status_fail(STATUS_BAD_INPUT, "tap on '%s': only a relu has a mask", node->name);
    if (tap->kind == TAP_GRADIENT && mode != MODE_TRAIN)
        return status_fail(
            STATUS_BAD_INPUT,
            "tap on the gradient of '%s': only a program in train mode has gradients", node->name);
    if (tap->kind == TAP_POOL_INDEX && node->op != OP_MAX_POOL)
        return status_fail(STATUS_BAD_INPUT, "tap on '%s': only a max_pool has indices",
                           node->name);
    return STATUS_OK;
}

Status program_compile(State *state, const ProgramSpec *spec, Program **program) {
    *program = NULL;
    if (spec->max_batch < 1)
        return status_fail(STATUS_BAD_INPUT, "batch %d: must be at least 1", spec->max_batch);
    if (spec->bn_group < 0 || (spec->bn_group && spec->max_batch % spec->bn_group != 0))
        return status_fail(STATUS_BAD_INPUT, "bn_group %d does not divide the batch %d",
                           spec->bn_group, spec->max_batch);
    for (int i = 0; i < spec->tap_count; i++)
        TRY(check_tap(state->net, spec->mode, &spec->taps[i]));
    return state->backend->ops->compile(state, spec, program);
}

void program_destroy(Program *program) {
    if (program)
        program->state->backend->ops->program_destroy(program);
}

static int classes_of(const Net *net) {
    return node_in(net, net->node_count - 1).c;
}

static Status check_batch(const Program *program, const Batch *batch) {
    const DatasetSpec *data = &batch->data->spec;
    const Net *net = program->state->net;
    const ProgramSpec *spec = &program->spec;
    if (batch->count < 1 || batch->count > spec->max_batch)
        return status_fail(STATUS_BAD_INPUT, "a batch of %d images: this program takes 1 to %d",
                           batch->count, spec->max_batch);
    if (spec->bn_group && batch->count % spec->bn_group != 0)
        return status_fail(STATUS_BAD_INPUT, "a batch of %d images is no multiple of bn_group %d",
                           batch->count, spec->bn_group);
    if (batch->divisor < 0)
        return status_fail(STATUS_BAD_INPUT, "a loss divisor of %d images", batch->divisor);
    if (batch->step < 0 || batch->step > UINT32_MAX)
        return status_fail(STATUS_BAD_INPUT, "step %lld of a batch: steps go from 0 to 2^32 - 1",
                           (long long)batch->step);
    if (batch->data->backend != program->state->backend)
        return status_fail(STATUS_BAD_INPUT, "the data set lives on another backend");
    if (data->shape.c != net->nodes[0].out.c)
        return status_fail(STATUS_BAD_INPUT, "images have %d channels, %s expects %d",
                           data->shape.c, net->title, net->nodes[0].out.c);
    for (int i = 0; i < batch->count; i++) {
        int index = batch->samples[i].index;
        if (index < 0 || index >= data->count)
            return status_fail(STATUS_BAD_INPUT, "image %d of a data set of %d", index,
                               data->count);
        int label = data->labels[index];
        if (net_has_loss(net) && (label < 0 || label >= classes_of(net)))
            return status_fail(STATUS_BAD_INPUT, "image %d has label %d, %s has %d classes", index,
                               label, net->title, classes_of(net));
    }
    return STATUS_OK;
}

Status program_forward(Program *program, const Batch *batch) {
    TRY(check_batch(program, batch));
    program->last_count = batch->count;
    program->has_gradients = false;
    return program->state->backend->ops->forward(program, batch);
}

static Status check_trainable(const Program *program) {
    if (program->spec.mode != MODE_TRAIN)
        return status_fail(STATUS_BAD_INPUT, "only a program in train mode has gradients");
    return STATUS_OK;
}

Status program_backward(Program *program, const float *dy) {
    TRY(check_trainable(program));
    if (program->last_count == 0)
        return status_fail(STATUS_BAD_INPUT, "backward before any forward");
    if (program->has_gradients)
        return status_fail(STATUS_BAD_INPUT, "a second backward after one forward: a backend need "
                                             "not keep what it read");
    if ((dy == NULL) != net_has_loss(program->state->net))
        return status_fail(STATUS_BAD_INPUT, "a net without a loss needs an upstream gradient, a "
                                             "net with one takes none");
    program->has_gradients = true;
    return program->state->backend->ops->backward(program, dy);
}

Status program_train_step(Program *program, const Batch *batch, double lr) {
    TRY(check_trainable(program));
    TRY(check_batch(program, batch));
    if (!net_has_loss(program->state->net))
        return status_fail(STATUS_BAD_INPUT, "%s has no loss to train", program->state->net->title);
    program->last_count = batch->count;
    program->has_gradients = true;
    return program->state->backend->ops->train_step(program, batch, lr);
}

void metrics_count_batch(Metrics *sums, int images) {
    sums->images += images;
    sums->batches++;
    if (!sums->bad_batch && !isfinite(sums->loss_sum))
        sums->bad_batch = sums->batches;
}

Status program_metrics(Program *program, Metrics *metrics) {
    return program->state->backend->ops->metrics(program, metrics);
}

Status program_tap(Program *program, int tap, float *values) {
    const ProgramSpec *spec = &program->spec;
    if (tap < 0 || tap >= spec->tap_count)
        return status_fail(STATUS_BAD_INPUT, "tap %d of %d: only listed nodes can be read", tap,
                           spec->tap_count);
    if (program->last_count == 0)
        return status_fail(STATUS_BAD_INPUT, "tap read before any forward");
    if (spec->taps[tap].kind == TAP_GRADIENT && !program->has_gradients)
        return status_fail(STATUS_BAD_INPUT,
                           "tap on the gradient of '%s': no backward has followed "
                           "the last forward",
                           program->state->net->nodes[spec->taps[tap].node].name);
    return program->state->backend->ops->tap_read(program, tap, values);
}

Status program_account(Program *program, Account *account) {
    const BackendOps *ops = program->state->backend->ops;
    TRY(check_trainable(program));
    if (!net_has_loss(program->state->net))
        return status_fail(STATUS_BAD_INPUT, "%s has no loss to train", program->state->net->title);
    if (!ops->account)
        return status_fail(STATUS_UNAVAILABLE, "backend %s does not count what it moves; gpu does",
                           ops->name);
    *account = (Account){0};
    return ops->account(program, account);
}

Status program_memory(const Program *program, const Dataset *data, Memory *memory) {
    const BackendOps *ops = program->state->backend->ops;
    if (!ops->memory)
        return status_fail(STATUS_UNAVAILABLE, "backend %s does not tell its memory by category",
                           ops->name);
    *memory = (Memory){{0}};
    return ops->memory(program, data, memory);
}

const char *memory_category_name(MemoryCategory category) {
    static const char *const names[MEMORY_CATEGORIES] = {
        [MEMORY_ACTIVATIONS] = "activations", [MEMORY_SCRATCH] = "scratch",
        [MEMORY_WEIGHTS] = "weights",         [MEMORY_GRADIENTS] = "gradients",
        [MEMORY_OPTIMIZER] = "optimizer",     [MEMORY_REORDERED] = "reordered_weights",
        [MEMORY_DATASET] = "dataset"};
    return names[category];
}

Status program_describe(const Program *program, FILE *file) {
    const BackendOps *ops = program->state->backend->ops;
    return ops->describe ? ops->describe(program, file) : STATUS_OK;
}

const char *precision_name(Precision precision) {
    static const char *const names[] = {"fp32", "tf32", "bf16", "fp64"};
    return names[precision];
}
