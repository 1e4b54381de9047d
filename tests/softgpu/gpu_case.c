#include "tests/softgpu/gpu_case.h"

#include <stdlib.h>
#include <string.h>

const Case *gpu_case_named(const char *name) {
    int count;
    const Case *cases = case_table(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    return NULL;
}

static Status keep(GpuCase *run, const void *values, size_t bytes) {
    unsigned char *bigger = realloc(run->bits, run->count + bytes);
    if (!bigger)
        return status_fail(STATUS_NO_MEMORY, "no memory for what was read");
    memcpy(bigger + run->count, values, bytes);
    run->bits = bigger;
    run->count += bytes;
    return STATUS_OK;
}

static Status keep_section(GpuCase *run, Section section) {
    for (int i = 0; i < run->net->param_count; i++) {
        const Param *param = &run->net->params[i];
        float *values;
        if (section != SECTION_VALUE && param_is_statistic(param))
            continue;
        TRY(rig_fetch_param(&run->rig, section, i, &values));
        Status status = keep(run, values, param->count * sizeof *values);
        free(values);
        TRY(status);
    }
    return STATUS_OK;
}

static Status keep_metrics(GpuCase *run, Program *program) {
    Metrics metrics;
    TRY(program_metrics(program, &metrics));
    TRY(keep(run, &metrics.loss_sum, sizeof metrics.loss_sum));
    return keep(run, &metrics.errors, sizeof metrics.errors);
}

static Status keep_taps(GpuCase *run, Program *program) {
    for (int i = 0; i < program->spec.tap_count; i++) {
        float *values;
        size_t count;
        TRY(rig_fetch_tap(&run->rig, program, i, &values, &count));
        Status status = keep(run, values, count * sizeof *values);
        free(values);
        TRY(status);
    }
    return STATUS_OK;
}

static Status compile(GpuCase *run, const Case *test, Precision precision) {
    Tap taps[] = {{run->net->node_count - 2, TAP_VALUE}, {0, TAP_GRADIENT}};
    ProgramSpec spec = {.mode = MODE_TRAIN,
                        .max_batch = test->batch,
                        .precision = precision,
                        .bn_group = test->bn_group,
                        .seed = RIG_SEED,
                        .taps = taps,
                        .tap_count = 2};
    TRY(program_compile(run->rig.state, &spec, &run->train));
    spec.mode = MODE_EVAL;
    spec.bn_group = 0;
    spec.tap_count = 1;
    return program_compile(run->rig.state, &spec, &run->eval);
}

/* Three steps: run one by one, captured, replayed. */
static Status train(GpuCase *run) {
    Batch batch = rig_batch(&run->rig);
    for (batch.step = 0; batch.step < 3; batch.step++)
        TRY(program_train_step(run->train, &batch, 0.01));
    TRY(keep_metrics(run, run->train));
    TRY(program_forward(run->train, &batch));
    TRY(program_backward(run->train, NULL));
    TRY(keep_taps(run, run->train));
    TRY(state_update(run->rig.state, 0.01));
    TRY(program_forward(run->eval, &batch));
    TRY(keep_taps(run, run->eval));
    TRY(keep_metrics(run, run->eval));
    TRY(keep_section(run, SECTION_VALUE));
    TRY(keep_section(run, SECTION_GRADIENT));
    return keep_section(run, SECTION_MOMENTUM);
}

Status gpu_case_run(GpuCase *run, const Case *test, Precision precision) {
    const Optimizer optimizer = {
        .kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-2};
    const BackendOptions options = {.threads = 1};
    memset(run, 0, sizeof *run);
    TRY(case_build(test, &run->net));
    TRY(backend_open("gpu", &options, &run->backend));
    TRY(rig_begin(&run->rig, run->backend, run->net, test->batch, &optimizer));
    TRY(compile(run, test, precision));
    return train(run);
}

void gpu_case_end(GpuCase *run) {
    program_destroy(run->train);
    program_destroy(run->eval);
    rig_end(&run->rig);
    backend_close(run->backend);
    net_destroy(run->net);
}
