/* The engine for convolutions of stride 1 that keep the size, 3x3 by Winograd's F(4x4, 3x3) and 5x5
 * by F(2x2, 5x5): see kernels/winograd.c for the arithmetic. Its rounding errors are about ten
 * times those of a direct convolution. */
#ifndef CPU_WINOGRAD_H
#define CPU_WINOGRAD_H

#include "cpu/conv2d.h"

/* Whether it can do this convolution, and keeps what it needs in cache. */
bool winograd_fits(Shape in, Shape out, Window window);
Status winograd_create(const CpuProgram *program, const Conv *conv, Engine **engine);

#endif
