/* The two steps of a convolution that runs by chunks; chunk_plan.c arranges them. */
#ifndef CPU_CHUNK_RUN_H
#define CPU_CHUNK_RUN_H

#include "cpu/plan.h"

Status chunk_run_forward(CpuProgram *program, const Step *step, int count);
/* The forward once more, into back.y, when the backward comes to it; counts nothing. */
Status chunk_run_again(CpuProgram *program, const Step *step, int count);
Status chunk_run_backward(CpuProgram *program, const Step *step, int count);

#endif
