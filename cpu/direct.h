/* The engine for all other convolutions whose weights fit a core's second cache: strides, 1x1, 5x5,
 * the first layer of any net. The arithmetic is in kernels/direct.c. */
#ifndef CPU_DIRECT_H
#define CPU_DIRECT_H

#include "cpu/conv2d.h"

bool direct_fits(Shape in, Shape out, Window window);
Status direct_create(const CpuProgram *program, const Conv *conv, Engine **engine);

#endif
