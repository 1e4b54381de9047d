#include "tests/support/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

void rig_check(Status status, const char *what) {
    if (status != STATUS_OK)
        fail_msg("%s: %s", what, status_message());
}

void rig_reset(Rig *rig) {
    for (int i = 0; i < rig->net->param_count; i++) {
        const Param *p = &rig->net->params[i];
        float *values = malloc(p->count * sizeof *values);
        bool around_one = p->role == PARAM_BN_WEIGHT || p->role == PARAM_BN_VAR;
        double bound = p->rank > 1 ? sqrt(3.0 / (double)(p->count / (size_t)p->dims[0])) : 0.5;
        random_uniform(p->name, p->count, around_one ? 0.5 : -bound, around_one ? 1.5 : bound,
                       values);
        OK(state_write(rig->state, SECTION_VALUE, i, values));
        free(values);
    }
}

void rig_reload(Rig *rig) {
    DatasetSpec spec = {.count = rig->batch,
                        .shape = rig->net->nodes[0].out,
                        .floats = rig->images,
                        .labels = rig->labels};
    dataset_destroy(rig->data);
    OK(dataset_create(rig->backend, &spec, &rig->data));
}

static void make_data(Rig *rig) {
    const Net *net = rig->net;
    size_t count = (size_t)rig->batch * shape_count(net->nodes[0].out);
    rig->images = malloc(count * sizeof *rig->images);
    random_uniform("input", count, -1, 1, rig->images);
    size_t outputs = (size_t)rig->batch * shape_count(net->nodes[net->node_count - 1].out);
    rig->dy = malloc(outputs * sizeof *rig->dy);
    random_uniform("dy", outputs, -1, 1, rig->dy);
    uint32_t classes = net_has_loss(net) ? (uint32_t)node_in(net, net->node_count - 1).c : 1;
    random_below("labels", (size_t)rig->batch, classes, rig->labels);
    rig_reload(rig);
    for (int i = 0; i < rig->batch; i++)
        rig->samples[i] = (Sample){.index = i};
}

void rig_open(Rig *rig, const char *backend, int threads, Net *net, int batch,
              const Optimizer *optimizer) {
    memset(rig, 0, sizeof *rig);
    assert_true(batch <= RIG_BATCH_MAX);
    Optimizer plain = {.kind = OPTIMIZER_SGD_TORCH};
    BackendOptions options = {.threads = threads};
    rig->net = net;
    rig->batch = batch;
    OK(backend_open(backend, &options, &rig->backend));
    OK(state_create(rig->backend, net, optimizer ? optimizer : &plain, &rig->state));
    rig_reset(rig);
    make_data(rig);
}

void rig_close(Rig *rig) {
    dataset_destroy(rig->data);
    state_destroy(rig->state);
    backend_close(rig->backend);
    net_destroy(rig->net);
    free(rig->images);
    free(rig->dy);
}

Program *rig_program(Rig *rig, Mode mode, int bn_group, const Tap *taps, int tap_count) {
    ProgramSpec spec = {.mode = mode,
                        .max_batch = rig->batch,
                        .precision = rig->backend->ops->native,
                        .bn_group = bn_group,
                        .taps = taps,
                        .tap_count = tap_count};
    Program *program;
    OK(program_compile(rig->state, &spec, &program));
    return program;
}

Batch rig_batch(const Rig *rig) {
    return (Batch){.data = rig->data, .samples = rig->samples, .count = rig->batch};
}

const float *rig_dy(const Rig *rig) {
    return net_has_loss(rig->net) ? NULL : rig->dy;
}

/* What is read goes into NaNs with a guard band behind them. */
enum { GUARD = 16 };
static const float guard_value = 12345.678f;

static float *new_values(size_t count) {
    float *values = malloc((count + GUARD) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count + GUARD; i++)
        values[i] = i < count ? NAN : guard_value;
    return values;
}

static void assert_guarded(const float *values, size_t count, const char *name) {
    for (size_t i = count; i < count + GUARD; i++)
        if (values[i] != guard_value)
            fail_msg("%s: written behind its %zu values", name, count);
}

float *rig_read(const Rig *rig, Section section, int param) {
    const Param *p = &rig->net->params[param];
    float *values = new_values(p->count);
    OK(state_read(rig->state, section, param, values));
    assert_guarded(values, p->count, p->name);
    return values;
}

float *rig_tap(const Rig *rig, Program *program, int tap, size_t *count) {
    int node = program->spec.taps[tap].node;
    *count = (size_t)program->last_count * shape_count(rig->net->nodes[node].out);
    float *values = new_values(*count);
    OK(program_tap(program, tap, values));
    assert_guarded(values, *count, rig->net->nodes[node].name);
    return values;
}
