#include "tests/support/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void rig_check(Status status, const char *what) {
    if (status != STATUS_OK)
        fail_msg("%s: %s", what, status_message());
}

void rig_open(Rig *rig, const char *name, int threads, Net *net, int batch,
              const Optimizer *optimizer) {
    BackendOptions options = {.threads = threads};
    Backend *backend;
    OK(backend_open(name, &options, &backend));
    OK(rig_begin(rig, backend, net, batch, optimizer));
}

void rig_close(Rig *rig) {
    rig_end(rig);
    backend_close(rig->backend);
    net_destroy(rig->net);
}

void rig_reset(Rig *rig) {
    OK(rig_write_parameters(rig));
}

void rig_reload(Rig *rig) {
    OK(rig_write_data(rig));
}

Program *rig_program(Rig *rig, Mode mode, int bn_group, const Tap *taps, int tap_count) {
    ProgramSpec spec = {.mode = mode,
                        .max_batch = rig->batch,
                        .precision = rig->backend->ops->native,
                        .bn_group = bn_group,
                        .seed = RIG_SEED,
                        .taps = taps,
                        .tap_count = tap_count};
    Program *program;
    OK(program_compile(rig->state, &spec, &program));
    return program;
}

float *rig_read(const Rig *rig, Section section, int param) {
    float *values;
    OK(rig_fetch_param(rig, section, param, &values));
    return values;
}

void rig_move_apart(Rig *rig, float shift) {
    for (int id = 0; id < rig->net->param_count; id++) {
        const Param *p = &rig->net->params[id];
        if (p->role != PARAM_BN_BIAS)
            continue;
        float *beta = rig_read(rig, SECTION_VALUE, id);
        for (size_t c = 0; c < p->count; c++)
            beta[c] += c % 3 ? shift : -shift;
        OK(state_write(rig->state, SECTION_VALUE, id, beta));
        free(beta);
    }
}

static void copy_section(Rig *to, const Rig *from, Section section) {
    for (int id = 0; id < from->net->param_count; id++) {
        if (section != SECTION_VALUE && param_is_statistic(&from->net->params[id]))
            continue;
        float *values = rig_read(from, section, id);
        OK(state_write(to->state, section, id, values));
        free(values);
    }
}

void rig_hand_over(Rig *to, const Rig *from) {
    copy_section(to, from, SECTION_VALUE);
    copy_section(to, from, SECTION_MOMENTUM);
    if (from->state->optimizer.kind == OPTIMIZER_ADAM)
        copy_section(to, from, SECTION_SQUARE);
    to->state->updates = from->state->updates;
}

float *rig_tap(const Rig *rig, Program *program, int tap, size_t *count) {
    float *values;
    OK(rig_fetch_tap(rig, program, tap, &values, count));
    return values;
}

bool backend_is_missing(const char *name) {
    BackendOptions options = {0};
    Backend *backend;
    Status status = backend_open(name, &options, &backend);
    if (status == STATUS_OK)
        backend_close(backend);
    if (status == STATUS_UNAVAILABLE)
        printf("SKIPPED: %s\n", status_message());
    return status == STATUS_UNAVAILABLE;
}
