/* Compiling a net into steps, and running them. */
#include <stdlib.h>
#include <string.h>

#include "cpu/engine.h"
#include "cpu/plan.h"

static const CpuOp *const ops[OP_KINDS] = {
    [OP_INPUT] = &cpu_input,
    [OP_CONV2D] = &cpu_conv2d,
    [OP_BATCH_NORM] = &cpu_batch_norm,
    [OP_RELU] = &cpu_relu,
    [OP_ADD] = &cpu_add,
    [OP_SIGMOID] = &cpu_sigmoid,
    [OP_MULTIPLY] = &cpu_multiply,
    [OP_AFFINE] = &cpu_affine,
    [OP_DROPOUT] = &cpu_dropout,
    [OP_ZERO_PAD_SUBSAMPLE] = &cpu_zero_pad_subsample,
    [OP_MAX_POOL] = &cpu_max_pool,
    [OP_AVG_POOL] = &cpu_avg_pool,
    [OP_LINEAR] = &cpu_linear,
    [OP_SOFTMAX_CROSS_ENTROPY] = &cpu_softmax_cross_entropy,
};

/* ---- the input and the upstream gradient ---- */

static Status run_gather(CpuProgram *program, const Step *step, int count) {
    (void)count;
    cpu_gather(step_buffer(program, step, 0), program->batch, shape_of(program, 0));
    return STATUS_OK;
}

static Status plan_input(CpuProgram *program, int node) {
    program->input = plan_buffer(program, shape_count(shape_of(program, node)));
    plan_step(program,
              (Step){run_gather, node, {program->input, NONE, NONE, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status plan_nothing(CpuProgram *program, int node) {
    (void)program, (void)node;
    return STATUS_OK;
}

const CpuOp cpu_input = {plan_input, plan_nothing, NULL};

static Status run_output_gradient(CpuProgram *program, const Step *step, int count) {
    layout_pack(step_buffer(program, step, 0), program->dy, shape_of(program, step->node), count,
                program->cpu->block);
    return STATUS_OK;
}

/* ---- compile ---- */

/* The operation that computes a node: a fused group belongs to its batch norm. */
static const CpuOp *op_of(const CpuProgram *program, int node) {
    return program->use[node].group >= 0 ? &cpu_batch_norm : ops[node_of(program, node)->op];
}

/* When all are planned: a batch norm's value may be planned by the convolution that reads it. */
static void pin_taps(CpuProgram *program) {
    for (int i = 0; i < program->net->node_count; i++)
        if (program->plan[i].tapped) {
            plan_pin(program, i == 0 ? program->input : program->plan[i].value);
            plan_pin(program, program->plan[i].index);
        }
}

static Status plan_forward(CpuProgram *program) {
    for (int i = 0; i < program->net->node_count; i++) {
        if (program->use[i].covered)
            continue;
        TRY(op_of(program, i)->plan_forward(program, i));
        TRY(program->status);
    }
    pin_taps(program);
    program->forward_steps = program->step_count;
    return STATUS_OK;
}

static Status plan_backward(CpuProgram *program) {
    int last = program->net->node_count - 1;
    if (!program->trains)
        return STATUS_OK;
    if (!net_has_loss(program->net) && program->use[last].needs_gradient) {
        int dy = plan_activation(program, shape_of(program, last));
        plan_step(program,
                  (Step){run_output_gradient, last, {dy, NONE, NONE, NONE, NONE, NONE}, NULL});
        plan_contribute(program, last, dy);
    }
    for (int i = last; i >= 0; i--) {
        const NodePlan *plan = &program->plan[i];
        bool loss = node_of(program, i)->op == OP_SOFTMAX_CROSS_ENTROPY;
        if (plan->tapped_gradient)
            plan_pin(program, plan_gradient(program, i));
        if (!program->use[i].covered && program->use[i].needs_gradient &&
            (loss || plan->gradient.parts > 0))
            TRY(op_of(program, i)->plan_backward(program, i));
        TRY(program->status);
    }
    return STATUS_OK;
}

static Status check_spec(const Net *net, const ProgramSpec *spec) {
    if (spec->precision != PRECISION_FP32)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: the cpu backend computes in fp32 only, %s was asked; use "
                           "precision=fp32, or backend=ref for fp64",
                           net->title, precision_name(spec->precision));
    for (int i = 0; i < spec->tap_count; i++)
        if (spec->taps[i].kind == TAP_GRADIENT && spec->mode != MODE_TRAIN)
            return status_fail(STATUS_BAD_INPUT, "tap on '%s': only train mode has gradients",
                               net->nodes[spec->taps[i].node].name);
    return STATUS_OK;
}

/* With running statistics an image's result depends on no other, so a large batch of large images
 * goes through in parts, whose largest activation has about so many floats. */
enum { PART_FLOATS = 4 << 20 };

static int images_at_a_time(const Net *net, const ProgramSpec *spec) {
    size_t largest = 1;
    if (spec->mode != MODE_EVAL || spec->tap_count > 0)
        return spec->max_batch;
    for (int i = 0; i < net->node_count; i++)
        if (shape_count(net->nodes[i].out) > largest)
            largest = shape_count(net->nodes[i].out);
    size_t parts = ((size_t)spec->max_batch * largest + PART_FLOATS - 1) / PART_FLOATS;
    int images = (int)(((size_t)spec->max_batch + parts - 1) / parts);
    return images > 4 || spec->max_batch < 4 ? images : 4; /* fewer would leave threads idle */
}

static Status program_allocate(State *state, const ProgramSpec *spec, CpuProgram **result) {
    const Net *net = state->net;
    CpuProgram *program = *result = calloc(1, sizeof *program);
    if (!program)
        return status_fail(STATUS_NO_MEMORY, "no memory for a program of %s", net->title);
    program->base.state = state;
    program->base.spec = *spec;
    program->net = net;
    program->state = cpu_state_of(state);
    program->cpu = cpu_backend_of(state->backend);
    program->trains = spec->mode == MODE_TRAIN;
    program->images = images_at_a_time(net, spec);
    program->engines_version = -1;
    program->plan = calloc((size_t)net->node_count, sizeof *program->plan);
    program->op = calloc((size_t)net->node_count, sizeof *program->op);
    program->labels = calloc((size_t)spec->max_batch, sizeof *program->labels);
    program->samples = calloc((size_t)spec->max_batch, sizeof *program->samples);
    program->image_loss = calloc((size_t)spec->max_batch, sizeof *program->image_loss);
    Tap *taps = malloc(((size_t)spec->tap_count + 1) * sizeof *taps);
    program->base.spec.taps = taps;
    if (!program->plan || !program->op || !program->labels || !program->samples ||
        !program->image_loss || !taps)
        return status_fail(STATUS_NO_MEMORY, "no memory for a program of %s", net->title);
    if (spec->tap_count > 0)
        memcpy(taps, spec->taps, (size_t)spec->tap_count * sizeof *taps);
    return STATUS_OK;
}

Status cpu_compile(State *state, const ProgramSpec *spec, Program **result) {
    Status status = STATUS_OK;
    CpuProgram *program = NULL;
    int saved = cpu_threads_enter(cpu_backend_of(state->backend));
    CHECK(check_spec(state->net, spec));
    if (spec->mode == MODE_TRAIN)
        CHECK(cpu_state_train(state));
    CHECK(program_allocate(state, spec, &program));
    CHECK(plan_analyse(program));
    CHECK(plan_forward(program));
    CHECK(plan_backward(program));
    CHECK(plan_layout(program));
    *result = &program->base;
out:
    cpu_threads_leave(saved);
    if (status != STATUS_OK && program)
        cpu_program_destroy(&program->base);
    return status;
}

void cpu_program_destroy(Program *base) {
    CpuProgram *program = cpu_program_of(base);
    for (int i = 0; program->op && i < program->net->node_count; i++)
        if (program->op[i])
            ops[node_of(program, i)->op]->destroy(program->op[i]);
    free((void *)base->spec.taps);
    free(program->plan);
    free(program->use);
    free(program->op);
    free(program->groups);
    free(program->buffers);
    free(program->steps);
    free(program->arena);
    free(program->scratch);
    free(program->labels);
    free(program->samples);
    free(program->image_loss);
    free(program);
}

/* ---- run ---- */

static Status run_steps(CpuProgram *program, int begin, int end, int count) {
    Status status = STATUS_OK;
    int saved = cpu_threads_enter(program->cpu);
    for (int i = begin; i < end; i++)
        CHECK(program->steps[i].run(program, &program->steps[i], count));
out:
    cpu_threads_leave(saved);
    return status;
}

/* Images [first, first + count) of the batch. */
static Status forward_part(CpuProgram *program, const Batch *batch, int first, int count) {
    Batch part = *batch;
    part.samples += first;
    part.count = count;
    for (int n = 0; n < count; n++) {
        program->samples[n] = part.samples[n].index;
        program->labels[n] = part.data->spec.labels[part.samples[n].index];
    }
    program->batch = &part;
    Status status = run_steps(program, 0, program->forward_steps, count);
    program->batch = NULL;
    return status;
}

Status cpu_forward(Program *base, const Batch *batch) {
    CpuProgram *program = cpu_program_of(base);
    Status status = STATUS_OK;
    program->divisor = batch->divisor ? batch->divisor : batch->count;
    program->batch_step = (uint32_t)batch->step;
    int saved = cpu_threads_enter(program->cpu);
    engine_renew_all(program);
    cpu_threads_leave(saved);
    for (int first = 0; status == STATUS_OK && first < batch->count; first += program->images) {
        int left = batch->count - first;
        status = forward_part(program, batch, first, clamped(left, 1, program->images));
    }
    if (status == STATUS_OK)
        metrics_count_batch(&program->metrics, batch->count);
    if (status == STATUS_OK && base->spec.mode == MODE_RECALIBRATE)
        program->recalibrated++;
    return status;
}

Status cpu_backward(Program *base, const float *dy) {
    CpuProgram *program = cpu_program_of(base);
    program->dy = dy;
    TRY(run_steps(program, program->forward_steps, program->step_count, base->last_count));
    program->dy = NULL;
    return STATUS_OK;
}

Status cpu_train_step(Program *program, const Batch *batch, double lr) {
    TRY(cpu_forward(program, batch));
    TRY(cpu_backward(program, NULL));
    return cpu_update(program->state, lr);
}

Status cpu_metrics(Program *base, Metrics *metrics) {
    CpuProgram *program = cpu_program_of(base);
    *metrics = program->metrics;
    program->metrics = (Metrics){0};
    return STATUS_OK;
}
