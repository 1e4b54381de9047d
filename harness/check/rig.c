#include "harness/check/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check/random.h"

/* ---- what goes in ---- */

Status rig_write_parameters(Rig *rig) {
    for (int i = 0; i < rig->net->param_count; i++) {
        const Param *p = &rig->net->params[i];
        float *values = malloc(p->count * sizeof *values);
        if (!values)
            return status_fail(STATUS_NO_MEMORY, "no memory for '%s'", p->name);
        bool around_one = p->role == PARAM_BN_WEIGHT || p->role == PARAM_BN_VAR;
        double bound = p->rank > 1 ? sqrt(3.0 / (double)(p->count / (size_t)p->dims[0])) : 0.5;
        random_uniform(p->name, rig->draw, p->count, around_one ? 0.5 : -bound,
                       around_one ? 1.5 : bound, values);
        Status status = state_write(rig->state, SECTION_VALUE, i, values);
        free(values);
        TRY(status);
    }
    return STATUS_OK;
}

Status rig_write_data(Rig *rig) {
    DatasetSpec spec = {.count = rig->batch,
                        .shape = rig->net->nodes[0].out,
                        .floats = rig->images,
                        .labels = rig->labels};
    dataset_destroy(rig->data);
    return dataset_create(rig->backend, &spec, &rig->data);
}

static void draw_data(Rig *rig) {
    const Net *net = rig->net;
    size_t count = (size_t)rig->batch * shape_count(net->nodes[0].out);
    uint32_t classes = net_has_loss(net) ? (uint32_t)node_in(net, net->node_count - 1).c : 1;
    random_uniform("input", rig->draw, count, -1, 1, rig->images);
    random_below("labels", rig->draw, (size_t)rig->batch, classes, rig->labels);
}

static Status make_data(Rig *rig) {
    const Net *net = rig->net;
    size_t count = (size_t)rig->batch * shape_count(net->nodes[0].out);
    size_t outputs = (size_t)rig->batch * shape_count(net->nodes[net->node_count - 1].out);
    rig->images = malloc(count * sizeof *rig->images);
    rig->dy = malloc(outputs * sizeof *rig->dy);
    if (!rig->images || !rig->dy)
        return status_fail(STATUS_NO_MEMORY, "no memory for %d images", rig->batch);
    draw_data(rig);
    random_uniform("dy", rig->draw, outputs, -1, 1, rig->dy);
    for (int i = 0; i < rig->batch; i++)
        rig->samples[i] = (Sample){.index = i};
    return rig_write_data(rig);
}

Status rig_redraw(Rig *rig, uint32_t draw) {
    rig->draw = draw;
    draw_data(rig);
    TRY(rig_write_parameters(rig));
    return rig_write_data(rig);
}

Status rig_begin(Rig *rig, Backend *backend, Net *net, int batch, const Optimizer *optimizer) {
    memset(rig, 0, sizeof *rig);
    if (batch < 1 || batch > RIG_BATCH_MAX)
        return status_fail(STATUS_BAD_INPUT, "a batch of %d images: a rig takes 1 to %d", batch,
                           RIG_BATCH_MAX);
    Optimizer plain = {.kind = OPTIMIZER_SGD_TORCH};
    rig->net = net;
    rig->backend = backend;
    rig->batch = batch;
    TRY(state_create(backend, net, optimizer ? optimizer : &plain, &rig->state));
    TRY(rig_write_parameters(rig));
    return make_data(rig);
}

void rig_end(Rig *rig) {
    dataset_destroy(rig->data);
    state_destroy(rig->state);
    free(rig->images);
    free(rig->dy);
}

Batch rig_batch(const Rig *rig) {
    return (Batch){.data = rig->data, .samples = rig->samples, .count = rig->batch};
}

const float *rig_dy(const Rig *rig) {
    return net_has_loss(rig->net) ? NULL : rig->dy;
}

/* ---- what comes out ---- */

enum { GUARD = 16 };
static const float guard_value = 12345.678f;

static float *new_values(size_t count) {
    float *values = malloc((count + GUARD) * sizeof *values);
    for (size_t i = 0; values && i < count + GUARD; i++)
        values[i] = i < count ? NAN : guard_value;
    return values;
}

/* Hands the array over, or frees it when reading failed or went too far. */
static Status handed_over(Status status, float *array, size_t count, const char *name,
                          float **values) {
    for (size_t i = count; status == STATUS_OK && i < count + GUARD; i++)
        if (array[i] != guard_value)
            status = status_fail(STATUS_BACKEND, "%s: written behind its %zu values", name, count);
    if (status != STATUS_OK)
        free(array);
    else
        *values = array;
    return status;
}

Status rig_fetch_param(const Rig *rig, Section section, int param, float **values) {
    const Param *p = &rig->net->params[param];
    *values = NULL;
    float *array = new_values(p->count);
    if (!array)
        return status_fail(STATUS_NO_MEMORY, "no memory for '%s'", p->name);
    return handed_over(state_read(rig->state, section, param, array), array, p->count, p->name,
                       values);
}

Status rig_fetch_tap(const Rig *rig, Program *program, int tap, float **values, size_t *count) {
    const Node *node = &rig->net->nodes[program->spec.taps[tap].node];
    *values = NULL;
    *count = (size_t)program->last_count * shape_count(node->out);
    float *array = new_values(*count);
    if (!array)
        return status_fail(STATUS_NO_MEMORY, "no memory for '%s'", node->name);
    return handed_over(program_tap(program, tap, array), array, *count, node->name, values);
}
