/* What operations plan for one another. */
#ifndef GPU_OPS_H
#define GPU_OPS_H

#include "gpu/plan.h"

/* conv2d.c: y += bias on the node's value; the bias's gradient from dy. Nothing without a bias. */
void gpu_plan_bias(GpuProgram *program, int node);
void gpu_plan_bias_gradient(GpuProgram *program, int node, int dy);
/* subsample.c: the view of a zero_pad_subsample node's source, without the pointer. */
SkipView subsample_view(const GpuProgram *program, int node);
/* The gradient of the node's source from that of the node. */
void gpu_plan_subsample_backward(GpuProgram *program, int node, int dy);

#endif
