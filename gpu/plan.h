/* Building a program: steps, buffers, gradients, and where in the arena a buffer lies.
 *
 * Operations append steps in the order in which they will run: forward, then backward. A buffer
 * lives from the first step that names it to the last; buffers whose lives do not meet share
 * memory. What a step of the side lane names lives to the end of the sequence, because nothing says
 * when that lane gets there. Failures stick in program->status. */
#ifndef GPU_PLAN_H
#define GPU_PLAN_H

#include "gpu/gpu.h"

/* A new buffer of this many bytes; its id. */
int gpu_plan_buffer(GpuProgram *program, size_t bytes);
/* A new buffer for max_batch activations of this shape. */
int gpu_plan_activation(GpuProgram *program, Shape shape, bool half);
/* A new buffer that becomes the node's value. */
int gpu_plan_value(GpuProgram *program, int node);
/* Room for a reduction's partial sums; scratch. */
int gpu_plan_partial(GpuProgram *program, size_t floats);
/* A counter for a reduction, its number. */
int gpu_plan_counter(GpuProgram *program);
void gpu_plan_step(GpuProgram *program, Step step);
/* The buffer lives to the end. */
void gpu_plan_pin(GpuProgram *program, int buffer);
/* Zeroed memory for an operation's data, freed with the program; NULL after a failure. */
void *gpu_plan_own(GpuProgram *program, size_t bytes);
void gpu_plan_workspace(GpuProgram *program, Lane lane, size_t bytes);

/* Adds a buffer to the sum that is the node's gradient; ignored when nobody needs it. */
void gpu_plan_contribute(GpuProgram *program, int node, int buffer);
/* The node's gradient as one buffer; NONE when nothing downstream reaches the loss. */
int gpu_plan_gradient(GpuProgram *program, int node);

/* A step that writes buf[0] = buf[1] + buf[2], all of the node's shape. */
Status gpu_run_sum(GpuProgram *program, const Step *step);

/* Offsets for all buffers, then the memory. */
Status gpu_plan_layout(GpuProgram *program);

static inline void *buffer_of(const GpuProgram *program, int buffer) {
    return buffer < 0 ? NULL : program->arena + program->buffers[buffer].life.offset;
}
static inline void *step_buffer(const GpuProgram *program, const Step *step, int i) {
    return buffer_of(program, step->buf[i]);
}
static inline const Node *node_of(const GpuProgram *program, int node) {
    return &program->net->nodes[node];
}
static inline Shape shape_of(const GpuProgram *program, int node) {
    return program->net->nodes[node].out;
}
static inline cudaStream_t stream_of(const GpuProgram *program, const Step *step) {
    return program->gpu->lane[step->lane].stream;
}
static inline const char *name_of(const GpuProgram *program, const Step *step) {
    return program->net->nodes[step->node].name;
}
/* Elements of max_batch activations. */
static inline size_t batch_elements(const GpuProgram *program, Shape shape) {
    return (size_t)program->base.spec.max_batch * padded_count(shape);
}
/* A learned parameter or its gradient as floats; NULL for id NONE. */
static inline float *param_value(const GpuProgram *program, int param) {
    return param < 0 ? NULL : program->state->value + program->state->offset[param];
}
static inline float *param_gradient(const GpuProgram *program, int param) {
    return param < 0 ? NULL : program->state->gradient + program->state->offset[param];
}
/* A weight as the program's convolutions and matrix products read it. */
static inline void *weight_value(const GpuProgram *program, int param) {
    return program->half ? (void *)(program->state->half_value + program->state->offset[param])
                         : param_value(program, param);
}

#endif
