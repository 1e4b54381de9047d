#include "cpu/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/lifetimes.h"
#include "net/table.h"

/* ---- growing tables ---- */

static bool grow(CpuProgram *program, void **array, int count, int *capacity, size_t item) {
    if (program->status != STATUS_OK)
        return false;
    if (table_grow(array, count, capacity, item))
        return true;
    program->status =
        status_fail(STATUS_NO_MEMORY, "no memory for the program of %s", program->net->title);
    return false;
}

/* ---- buffers and steps ---- */

int plan_buffer(CpuProgram *program, size_t floats_per_image) {
    if (!grow(program, (void **)&program->buffers, program->buffer_count, &program->buffer_capacity,
              sizeof *program->buffers))
        return NONE;
    size_t floats = floats_per_image * (size_t)program->images;
    program->buffers[program->buffer_count] = (Buffer){.floats = floats, .first = -1, .last = -1};
    return program->buffer_count++;
}

int plan_activation(CpuProgram *program, Shape shape) {
    return plan_buffer(program, blocked_count(shape, program->cpu->block));
}

int plan_value(CpuProgram *program, int node) {
    return program->plan[node].value = plan_activation(program, shape_of(program, node));
}

static Status run_pack(CpuProgram *program, const Step *step, int count) {
    layout_pack(step_buffer(program, step, 0), step_buffer(program, step, 1),
                shape_of(program, step->node), count, program->cpu->block);
    return STATUS_OK;
}

int plan_read(CpuProgram *program, int node) {
    if (node == 0 && program->plan[0].value == NONE) {
        int value = plan_value(program, 0);
        plan_step(program,
                  (Step){run_pack, 0, {value, program->input, NONE, NONE, NONE, NONE}, NULL});
    }
    return program->plan[node].value;
}

void plan_step(CpuProgram *program, Step step) {
    if (!grow(program, (void **)&program->steps, program->step_count, &program->step_capacity,
              sizeof *program->steps))
        return;
    program->steps[program->step_count++] = step;
    for (int i = 0; i < STEP_BUFFERS; i++)
        plan_use(program, step.buf[i]);
}

void plan_use(CpuProgram *program, int buffer) {
    int now = program->step_count - 1;
    if (buffer < 0 || program->status != STATUS_OK)
        return;
    Buffer *used = &program->buffers[buffer];
    if (used->first < 0)
        used->first = now;
    if (used->last < now)
        used->last = now;
}

void plan_pin(CpuProgram *program, int buffer) {
    if (buffer < 0)
        return;
    program->buffers[buffer].last = INT_MAX;
    program->buffers[buffer].shared = true;
}

void plan_scratch(CpuProgram *program, size_t bytes) {
    if (bytes > program->scratch_bytes)
        program->scratch_bytes = bytes;
}

/* ---- gradients ---- */

static Status run_sum(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    size_t image = blocked_count(shape_of(program, step->node), program->cpu->block);
    float *y = step_buffer(program, step, 0);
    const float *a = step_buffer(program, step, 1), *b = step_buffer(program, step, 2);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int n = 0; n < count; n++)
        k->sum(y + (size_t)n * image, a + (size_t)n * image, b + (size_t)n * image, image);
    return STATUS_OK;
}

int plan_gradient(CpuProgram *program, int node) {
    Gradient *gradient = &program->plan[node].gradient;
    if (gradient->parts == 0)
        return NONE;
    if (gradient->parts == 2) {
        int a = gradient->part[0], b = gradient->part[1];
        int sum = plan_overwritable(program, a) ? a
                  : plan_overwritable(program, b)
                      ? b
                      : plan_activation(program, shape_of(program, node));
        plan_step(program, (Step){run_sum, node, {sum, a, b, NONE, NONE, NONE}, NULL});
        *gradient = (Gradient){{sum, NONE}, 1};
    }
    return gradient->part[0];
}

void plan_contribute(CpuProgram *program, int node, int buffer) {
    Gradient *gradient = &program->plan[node].gradient;
    if (!program->use[node].needs_gradient || buffer < 0)
        return;
    if (gradient->parts == 2)
        plan_gradient(program, node);
    gradient->part[gradient->parts++] = buffer;
}

bool plan_overwritable(const CpuProgram *program, int buffer) {
    return buffer >= 0 && !program->buffers[buffer].shared && program->buffers[buffer].readers == 0;
}

/* ---- the arena ---- */

/* A little more than asked, so that equal buffers do not start at equal offsets within a page
 * (loads and stores 4096 bytes apart are mistaken for the same address). */
static size_t spaced(size_t floats) {
    return (floats + 15) / 16 * 16 + 17 * 16;
}

static Status allocate(CpuProgram *program) {
    size_t bytes = program->arena_floats * sizeof(float);
    program->arena = cpu_floats(program->arena_floats);
    program->scratch = cpu_floats(program->scratch_bytes / sizeof(float) + 16);
    if (!program->arena || !program->scratch)
        return status_fail(STATUS_NO_MEMORY, "%s, batch %d: no memory for %zu MiB of activations",
                           program->net->title, program->base.spec.max_batch, bytes >> 20);
    return STATUS_OK;
}

Status plan_layout(CpuProgram *program) {
    int count = program->buffer_count;
    TRY(program->status);
    Lifetime *lives = malloc(((size_t)count + 1) * sizeof *lives);
    if (!lives)
        return status_fail(STATUS_NO_MEMORY, "no memory to plan %s", program->net->title);
    for (int i = 0; i < count; i++) {
        const Buffer *buffer = &program->buffers[i];
        lives[i] = (Lifetime){spaced(buffer->floats), buffer->first, buffer->last, 0};
    }
    Status status = lifetimes_place(lives, count, &program->arena_floats);
    for (int i = 0; i < count; i++)
        program->buffers[i].offset = lives[i].offset;
    free(lives);
    TRY(status);
    return allocate(program);
}
