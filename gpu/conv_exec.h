/* Running a convolution's plan: its pointers are bound once, when the arena is known. */
#ifndef GPU_CONV_EXEC_H
#define GPU_CONV_EXEC_H

#include "gpu/gpu.h"

typedef struct ConvExec {
    const ConvPlan *plan; /* borrowed from the backend */
    Descriptor pack;      /* made at the first run */
    struct ConvExec *next;
} ConvExec;

/* A new one in the program's list; NULL after a failure. */
ConvExec *conv_exec_own(GpuProgram *program);
/* A step: buf[0] is x or dx, buf[1] y or dy; the weights or their gradient are the node's. */
Status conv_exec_run(GpuProgram *program, const Step *step);
void conv_exec_free_all(GpuProgram *program);

#endif
