#include "gpu/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/table.h"

/* Buffers begin at multiples of this: cuDNN wants 16, memory transactions like 256. */
enum { ALIGNMENT = 256 };

/* ---- growing tables ---- */

static bool grow(GpuProgram *program, void **array, int count, int *capacity, size_t item) {
    if (program->status != STATUS_OK)
        return false;
    if (table_grow(array, count, capacity, item))
        return true;
    program->status =
        status_fail(STATUS_NO_MEMORY, "no memory for the program of %s", program->net->title);
    return false;
}

void *gpu_plan_own(GpuProgram *program, size_t bytes) {
    if (!grow(program, (void **)&program->owned, program->owned_count, &program->owned_capacity,
              sizeof *program->owned))
        return NULL;
    void *data = calloc(1, bytes);
    if (!data)
        program->status =
            status_fail(STATUS_NO_MEMORY, "no memory for the program of %s", program->net->title);
    else
        program->owned[program->owned_count++] = data;
    return data;
}

/* ---- buffers and steps ---- */

int gpu_plan_buffer(GpuProgram *program, size_t bytes) {
    if (!grow(program, (void **)&program->buffers, program->buffer_count, &program->buffer_capacity,
              sizeof *program->buffers))
        return NONE;
    program->buffers[program->buffer_count] =
        (Buffer){.life = {.size = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT,
                          .first = NONE,
                          .last = NONE},
                 .bytes = bytes,
                 .least = bytes};
    return program->buffer_count++;
}

int gpu_plan_activation(GpuProgram *program, Shape shape, bool half) {
    size_t size = half ? 2 : 4;
    int buffer = gpu_plan_buffer(program, batch_elements(program, shape) * size);
    if (buffer >= 0)
        program->buffers[buffer].least =
            (size_t)program->base.spec.max_batch * shape_count(shape) * size;
    return buffer;
}

int gpu_plan_value(GpuProgram *program, int node) {
    NodePlan *plan = &program->plan[node];
    return plan->value = gpu_plan_activation(program, shape_of(program, node), plan->half);
}

int gpu_plan_partial(GpuProgram *program, size_t floats) {
    int buffer = gpu_plan_buffer(program, floats * sizeof(float));
    if (buffer >= 0)
        program->buffers[buffer].scratch = true;
    return buffer;
}

int gpu_plan_counter(GpuProgram *program) {
    return program->counter_count++;
}

void gpu_plan_step(GpuProgram *program, Step step) {
    if (!grow(program, (void **)&program->steps, program->step_count, &program->step_capacity,
              sizeof *program->steps))
        return;
    int now = program->step_count++;
    program->steps[now] = step;
    for (int i = 0; i < STEP_BUFFERS; i++) {
        if (step.buf[i] < 0)
            continue;
        Lifetime *life = &program->buffers[step.buf[i]].life;
        if (life->first < 0)
            life->first = now;
        if (life->last < now)
            life->last = now;
        if (step.lane == LANE_SIDE)
            life->last = INT_MAX;
    }
}

void gpu_plan_pin(GpuProgram *program, int buffer) {
    if (buffer >= 0 && program->status == STATUS_OK)
        program->buffers[buffer].life.last = INT_MAX;
}

void gpu_plan_workspace(GpuProgram *program, Lane lane, size_t bytes) {
    if (bytes > program->workspace_bytes[lane])
        program->workspace_bytes[lane] = bytes;
}

/* ---- gradients ---- */

Status gpu_run_sum(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(add_forward(stream_of(program, step), program->half, step_buffer(program, step, 0),
                           step_buffer(program, step, 1), step_buffer(program, step, 2),
                           batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

int gpu_plan_gradient(GpuProgram *program, int node) {
    Gradient *gradient = &program->plan[node].gradient;
    if (gradient->parts == 0)
        return NONE;
    if (gradient->parts == 2) {
        int sum = gpu_plan_activation(program, shape_of(program, node), program->half);
        gpu_plan_step(program, (Step){.run = gpu_run_sum,
                                      .name = "gradient sum",
                                      .node = node,
                                      .buf = {sum, gradient->part[0], gradient->part[1], NONE, NONE,
                                              NONE, NONE}});
        *gradient = (Gradient){{sum, NONE}, 1};
    }
    return gradient->part[0];
}

void gpu_plan_contribute(GpuProgram *program, int node, int buffer) {
    Gradient *gradient = &program->plan[node].gradient;
    if (!program->use[node].needs_gradient || buffer < 0)
        return;
    if (gradient->parts == 2)
        gpu_plan_gradient(program, node);
    gradient->part[gradient->parts++] = buffer;
}

/* ---- memory ---- */

static Status allocate(GpuProgram *program) {
    GpuBackend *gpu = program->gpu;
    const char *what = program->net->title;
    int batch = program->base.spec.max_batch;
    size_t norms = program->state->channels * (size_t)program->norm_groups * sizeof(float);
    struct {
        void **to;
        size_t bytes;
        bool zero;
    } parts[] = {
        {(void **)&program->arena, program->arena_bytes, false},
        {&program->workspace[LANE_MAIN], program->workspace_bytes[LANE_MAIN], false},
        {&program->workspace[LANE_SIDE], program->workspace_bytes[LANE_SIDE], false},
        {(void **)&program->counters, (size_t)program->counter_count * sizeof(unsigned), true},
        {(void **)&program->norm_mean, norms, false},
        {(void **)&program->norm_inverse, norms, false},
        {(void **)&program->norm_sums, 2 * norms, false},
        {(void **)&program->labels, (size_t)batch * sizeof(int32_t), false},
        {(void **)&program->metrics, sizeof(DeviceMetrics), true},
        {(void **)&program->control, program->control_bytes, true},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        TRY(gpu_allocate(gpu, parts[i].bytes, parts[i].zero, what, batch, parts[i].to));
    return STATUS_OK;
}

Status gpu_plan_layout(GpuProgram *program) {
    int count = program->buffer_count;
    TRY(program->status);
    Lifetime *lives = malloc(((size_t)count + 1) * sizeof *lives);
    if (!lives)
        return status_fail(STATUS_NO_MEMORY, "no memory to plan %s", program->net->title);
    for (int i = 0; i < count; i++)
        lives[i] = program->buffers[i].life;
    Status status = lifetimes_place(lives, count, &program->arena_bytes);
    for (int i = 0; i < count; i++)
        program->buffers[i].life = lives[i];
    free(lives);
    TRY(status);
    return allocate(program);
}
