/* Building a program: steps, buffers, gradients, and where in the arena a buffer lies.
 *
 * Operations append steps in the order in which they will run: forward, then backward. A buffer
 * lives from the first step that names it to the last; buffers whose lives do not meet share
 * memory. A tapped buffer is pinned: it lives to the end. Failures stick in program->status, so
 * that planning code reads without a check on every line. */
#ifndef CPU_PLAN_H
#define CPU_PLAN_H

#include "cpu/cpu.h"
#include "cpu/layout.h"

enum { NONE = -1 };

/* A new buffer of program->images times `floats_per_image`; its id. */
int plan_buffer(CpuProgram *program, size_t floats_per_image);
/* A new buffer for a blocked activation of this shape. */
int plan_activation(CpuProgram *program, Shape shape);
/* A new buffer that becomes the node's value. */
int plan_value(CpuProgram *program, int node);
/* The buffer with a node's blocked value; packs the input the first time somebody wants it so. */
int plan_read(CpuProgram *program, int node);
/* Appends a step and lengthens the lives of its buffers. */
void plan_step(CpuProgram *program, Step step);
void plan_pin(CpuProgram *program, int buffer);
/* Lengthens a buffer's life to the last step appended; ignores NONE. */
void plan_use(CpuProgram *program, int buffer);

/* Adds a buffer to the sum that is the node's gradient; ignored when nobody needs it. */
void plan_contribute(CpuProgram *program, int node, int buffer);
/* The node's gradient as one buffer (a sum step is appended when there are two parts); NONE when
 * nothing downstream reaches the loss. */
int plan_gradient(CpuProgram *program, int node);
/* May a step write its result over this buffer? Only when nobody else reads it later. */
bool plan_overwritable(const CpuProgram *program, int buffer);
/* Makes sure that so many bytes of scratch will be there. */
void plan_scratch(CpuProgram *program, size_t bytes);

/* Offsets for all buffers, then the arena. */
Status plan_layout(CpuProgram *program);

/* The memory behind step->buf[i]; NULL for NONE. */
static inline float *step_buffer(const CpuProgram *program, const Step *step, int i) {
    return step->buf[i] < 0 ? NULL : program->arena + program->buffers[step->buf[i]].offset;
}
static inline float *buffer_floats(const CpuProgram *program, int buffer) {
    return program->arena + program->buffers[buffer].offset;
}
/* Where the mask of a group's ReLU comes from. */
static inline BnMask bn_mask(const FusedGroup *group) {
    return group->relu < 0 ? BN_MASK_NONE : group->add < 0 ? BN_MASK_RECOMPUTE : BN_MASK_OUTPUT;
}
static inline const Node *node_of(const CpuProgram *program, int node) {
    return &program->net->nodes[node];
}
static inline Shape shape_of(const CpuProgram *program, int node) {
    return program->net->nodes[node].out;
}

/* fuse.c: consumers, taps, gradients needed, and the groups of fused nodes. */
Status plan_analyse(CpuProgram *program);

#endif
