/* Taps never change what is computed: what a Program does not keep anyway is computed once more,
 * into a buffer of its own. */
#ifndef GPU_TAP_H
#define GPU_TAP_H

#include "gpu/gpu.h"

/* A buffer of floats for a node whose value is not stored; NONE when nobody looks at it. */
int gpu_tap_value_buffer(GpuProgram *program, int node);
/* Copies the sum of the parts (where y is not NONE: only where y > 0) for whoever looks. */
void gpu_plan_gradient_tap(GpuProgram *program, int node, Gradient g, int y);
/* Pins what the taps on stored values read. After forward has been planned. */
void gpu_tap_pin_values(GpuProgram *program);

#endif
