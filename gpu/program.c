/* Compiling a net into steps. */
#include <stdlib.h>
#include <string.h>

#include "gpu/conv_exec.h"
#include "gpu/plan.h"
#include "gpu/tap.h"

static const GpuOp *const ops[OP_KINDS] = {
    [OP_INPUT] = &gpu_input,
    [OP_CONV2D] = &gpu_conv2d,
    [OP_BATCH_NORM] = &gpu_batch_norm,
    [OP_RELU] = &gpu_relu,
    [OP_ADD] = &gpu_add,
    [OP_SIGMOID] = &gpu_sigmoid,
    [OP_MULTIPLY] = &gpu_multiply,
    [OP_AFFINE] = &gpu_affine,
    [OP_DROPOUT] = &gpu_dropout,
    [OP_ZERO_PAD_SUBSAMPLE] = &gpu_zero_pad_subsample,
    [OP_MAX_POOL] = &gpu_max_pool,
    [OP_AVG_POOL] = &gpu_avg_pool,
    [OP_LINEAR] = &gpu_linear,
    [OP_SOFTMAX_CROSS_ENTROPY] = &gpu_softmax_cross_entropy,
};

/* ---- the input and the upstream gradient ---- */

static Status run_gather(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(gather_batch(stream_of(program, step), program->half, step_buffer(program, step, 0),
                            program->labels, program->control, program->base.spec.max_batch,
                            shape_of(program, 0)),
               "gathering a batch");
out:
    return status;
}

static Status run_from_running(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(norm_from_running(stream_of(program, step), program->norm_mean,
                                 program->norm_inverse, program->state->running_mean,
                                 program->state->running_var, (int)program->state->channels),
               "running statistics");
out:
    return status;
}

static Status plan_input(GpuProgram *program, int node) {
    int x = gpu_plan_value(program, node);
    gpu_plan_step(program, (Step){.run = run_gather,
                                  .name = "gather",
                                  .node = node,
                                  .buf = {x, NONE, NONE, NONE, NONE, NONE, NONE}});
    if (program->base.spec.mode == MODE_EVAL && program->state->channels > 0)
        gpu_plan_step(program, (Step){.run = run_from_running,
                                      .name = "running statistics",
                                      .node = node,
                                      .buf = {NONE, NONE, NONE, NONE, NONE, NONE, NONE}});
    return STATUS_OK;
}

static Status plan_nothing(GpuProgram *program, int node) {
    (void)program, (void)node;
    return STATUS_OK;
}

const GpuOp gpu_input = {plan_input, plan_nothing};

static uint16_t bf16_of(float value) {
    union {
        float value;
        uint32_t bits;
    } u = {value};
    return (uint16_t)((u.bits + 0x7fff + (u.bits >> 16 & 1)) >> 16);
}

/* From dy[count][c][h][w] to zeroed [max_batch][h][w][padded c] in staging. */
static void pack(const GpuProgram *program, Shape shape, int count) {
    const float *from = program->dy;
    void *to = program->gpu->staging;
    size_t area = (size_t)shape.h * (size_t)shape.w, pitch = (size_t)padded(shape.c);
    memset(to, 0, batch_elements(program, shape) * (program->half ? 2 : 4));
    for (size_t n = 0; n < (size_t)count; n++)
        for (size_t c = 0; c < (size_t)shape.c; c++)
            for (size_t i = 0; i < area; i++, from++) {
                size_t at = (n * area + i) * pitch + c;
                if (program->half)
                    ((uint16_t *)to)[at] = bf16_of(*from);
                else
                    ((float *)to)[at] = *from;
            }
}

static Status run_output_gradient(GpuProgram *program, const Step *step) {
    Shape shape = shape_of(program, step->node);
    size_t bytes = batch_elements(program, shape) * (program->half ? 2 : 4);
    TRY(gpu_stage(program->gpu, bytes));
    pack(program, shape, program->base.last_count);
    return gpu_upload(program->gpu, step_buffer(program, step, 0), bytes, name_of(program, step));
}

/* ---- what is known before planning ---- */

/* A shortcut of option A whose only reader is a fused add. */
static bool foldable(const GpuProgram *program, int node) {
    if (node < 0 || node_of(program, node)->op != OP_ZERO_PAD_SUBSAMPLE)
        return false;
    return program->use[node].consumers == 1;
}

/* Logits stay floats when the loss is all that reads them. */
static bool feeds_loss_alone(const GpuProgram *program, int node) {
    int last = program->net->node_count - 1;
    return net_has_loss(program->net) && node_of(program, last)->inputs[0] == node &&
           program->use[node].consumers == 1 && node_of(program, node)->op == OP_LINEAR;
}

static Status analyse(GpuProgram *program) {
    size_t nodes = (size_t)program->net->node_count;
    bool *wanted = calloc(nodes, sizeof *wanted);
    if (!wanted)
        return status_fail(STATUS_NO_MEMORY, "no memory to plan %s", program->net->title);
    for (int i = 0; i < program->base.spec.tap_count; i++) {
        const Tap *tap = &program->base.spec.taps[i];
        program->taps[i].buffer = NONE;
        if (tap->kind == TAP_GRADIENT)
            wanted[tap->node] = true;
    }
    Status status = net_analyse(program->net, NULL, wanted, program->use, program->groups,
                                &program->group_count);
    for (size_t i = 0; i < nodes; i++)
        program->plan[i] = (NodePlan){.value = NONE,
                                      .index = NONE,
                                      .half = program->half && !feeds_loss_alone(program, (int)i)};
    for (int g = 0; g < program->group_count; g++)
        if (foldable(program, program->groups[g].skip))
            program->plan[program->groups[g].skip].folded = true;
    free(wanted);
    return status;
}

/* ---- compile ---- */

static const GpuOp *op_of(const GpuProgram *program, int node) {
    return program->use[node].group >= 0 ? &gpu_batch_norm : ops[node_of(program, node)->op];
}

static Status plan_forward(GpuProgram *program) {
    for (int i = 0; i < program->net->node_count; i++) {
        if (!program->use[i].covered)
            TRY(op_of(program, i)->plan_forward(program, i));
        TRY(program->status);
    }
    gpu_tap_pin_values(program);
    program->forward_steps = program->step_count;
    return STATUS_OK;
}

static void plan_output_gradient(GpuProgram *program) {
    int last = program->net->node_count - 1;
    if (net_has_loss(program->net) || !program->use[last].needs_gradient)
        return;
    int dy = gpu_plan_activation(program, shape_of(program, last), program->half);
    gpu_plan_step(program, (Step){.run = run_output_gradient,
                                  .name = "output gradient",
                                  .node = last,
                                  .buf = {dy, NONE, NONE, NONE, NONE, NONE, NONE}});
    gpu_plan_contribute(program, last, dy);
}

static Status plan_backward(GpuProgram *program) {
    if (!program->trains)
        return STATUS_OK;
    plan_output_gradient(program);
    for (int i = program->net->node_count - 1; i >= 0; i--) {
        const NodePlan *plan = &program->plan[i];
        if (program->use[i].covered || plan->folded || plan->gradient.parts == 0)
            continue;
        gpu_plan_gradient_tap(program, i, plan->gradient, NONE);
        TRY(op_of(program, i)->plan_backward(program, i));
        TRY(program->status);
    }
    return STATUS_OK;
}

static Status check_spec(const GpuBackend *gpu, const Net *net, const ProgramSpec *spec) {
    if (spec->precision == PRECISION_FP64)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: the gpu backend computes in fp32, tf32 or bf16, fp64 was asked; "
                           "backend=ref has it",
                           net->title);
    if (spec->conv == CONV_ALGORITHM_WINOGRAD)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: the gpu backend computes convolutions directly; leave out "
                           "conv=winograd",
                           net->title);
    if (spec->precision != PRECISION_FP32 && gpu->major < 8)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: %s needs compute capability 8.0, this card (%s) has %d.%d; use "
                           "precision=fp32",
                           net->title, precision_name(spec->precision), gpu->base.info.device,
                           gpu->major, gpu->minor);
    return STATUS_OK;
}

static Status allocate_control(GpuProgram *program) {
    Status status = STATUS_OK;
    size_t bytes = sizeof(StepControl) + (size_t)program->base.spec.max_batch * sizeof(Sample);
    program->control_bytes = (bytes + 63) / 64 * 64;
    CUDA_CHECK(cudaHostAlloc((void **)&program->slots, CONTROL_SLOTS * program->control_bytes,
                             cudaHostAllocDefault),
               program->net->title);
    for (int i = 0; i < CONTROL_SLOTS; i++)
        CUDA_CHECK(cudaEventCreateWithFlags(&program->copied[i], cudaEventDisableTiming),
                   program->net->title);
out:
    return status;
}

static Status allocate_tables(GpuProgram *program, const ProgramSpec *spec) {
    size_t nodes = (size_t)program->net->node_count;
    program->plan = calloc(nodes, sizeof *program->plan);
    program->use = calloc(nodes, sizeof *program->use);
    program->ops = calloc(nodes, sizeof *program->ops);
    program->groups = calloc(nodes, sizeof *program->groups);
    program->taps = calloc((size_t)spec->tap_count + 1, sizeof *program->taps);
    Tap *taps = calloc((size_t)spec->tap_count + 1, sizeof *taps);
    program->base.spec.taps = taps;
    if (!program->plan || !program->use || !program->ops || !program->groups || !program->taps ||
        !taps)
        return status_fail(STATUS_NO_MEMORY, "no memory for a program of %s", program->net->title);
    if (spec->tap_count > 0)
        memcpy(taps, spec->taps, (size_t)spec->tap_count * sizeof *taps);
    return STATUS_OK;
}

static GpuProgram *program_create(State *state, const ProgramSpec *spec) {
    GpuProgram *program = calloc(1, sizeof *program);
    if (!program)
        return NULL;
    program->base.state = state;
    program->base.spec = *spec;
    program->base.spec.taps = NULL;
    program->net = state->net;
    program->state = gpu_state_of(state);
    program->gpu = gpu_backend_of(state->backend);
    program->half = spec->precision == PRECISION_BF16;
    program->trains = spec->mode == MODE_TRAIN;
    bool grouped = spec->mode != MODE_EVAL && spec->bn_group > 0;
    program->norm_groups = grouped ? spec->max_batch / spec->bn_group : 1;
    return program;
}

Status gpu_compile(State *state, const ProgramSpec *spec, Program **result) {
    Status status = STATUS_OK;
    TRY(check_spec(gpu_backend_of(state->backend), state->net, spec));
    GpuProgram *program = program_create(state, spec);
    if (!program)
        return status_fail(STATUS_NO_MEMORY, "no memory for a program of %s", state->net->title);
    CHECK(allocate_tables(program, spec));
    CHECK(allocate_control(program));
    if (program->half)
        CHECK(gpu_state_want_half(program->state));
    CHECK(analyse(program));
    CHECK(plan_forward(program));
    CHECK(plan_backward(program));
    CHECK(gpu_plan_layout(program));
    program->forward = (Sequence){.end = program->forward_steps};
    program->train = (Sequence){.end = program->step_count, .update = true};
    *result = &program->base;
out:
    if (status != STATUS_OK)
        gpu_program_destroy(&program->base);
    return status;
}

static void free_device_memory(GpuProgram *program) {
    gpu_free(program->arena);
    gpu_free(program->workspace[LANE_MAIN]);
    gpu_free(program->workspace[LANE_SIDE]);
    gpu_free(program->counters);
    gpu_free(program->norm_mean);
    gpu_free(program->norm_inverse);
    gpu_free(program->norm_sums);
    gpu_free(program->labels);
    gpu_free(program->metrics);
    gpu_free(program->control);
}

void gpu_program_destroy(Program *base) {
    GpuProgram *program = gpu_program_of(base);
    if (cudaStreamSynchronize(program->gpu->lane[LANE_MAIN].stream) != cudaSuccess)
        cudaGetLastError(); /* nobody to tell; no later call must report it as its own */
    if (program->forward.exec)
        cudaGraphExecDestroy(program->forward.exec);
    if (program->train.exec)
        cudaGraphExecDestroy(program->train.exec);
    conv_exec_free_all(program);
    for (int i = 0; i < CONTROL_SLOTS; i++)
        if (program->copied[i])
            cudaEventDestroy(program->copied[i]);
    if (program->slots)
        cudaFreeHost(program->slots);
    free_device_memory(program);
    for (int i = 0; i < program->owned_count; i++)
        free(program->owned[i]);
    free(program->owned);
    free((void *)base->spec.taps);
    free(program->plan);
    free(program->use);
    free(program->ops);
    free(program->groups);
    free(program->taps);
    free(program->buffers);
    free(program->steps);
    free(program);
}
