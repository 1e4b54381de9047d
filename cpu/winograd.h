/* The engine for convolutions of 3x3, stride 1, pad 1 by Winograd's F(4x4, 3x3): see
 * kernels/winograd.c for the arithmetic. Its rounding errors are about ten times those of a direct
 * convolution. */
#ifndef CPU_WINOGRAD_H
#define CPU_WINOGRAD_H

#include "cpu/conv2d.h"

/* Whether it can do this convolution, and keeps what it needs in cache. */
bool winograd_fits(Shape in, Shape out, Window window);
Status winograd_create(const CpuProgram *program, const Conv *conv, Engine **engine);

#endif
