/* Convolutions of 3x3, stride 1, pad 1 by Winograd's F(4x4, 3x3): see kernels/winograd.c for the
 * arithmetic. Opt-in (ProgramSpec.conv): it is faster and its rounding errors are about ten times
 * those of a direct convolution. */
#ifndef CPU_WINOGRAD_H
#define CPU_WINOGRAD_H

#include <stdio.h>

#include "cpu/conv2d.h"

typedef struct Winograd {
    int inputs, outputs;  /* channels there are */
    int C, K;             /* padded to whole vectors */
    Shape shape;          /* height and width of x and y */
    int across, down;     /* tiles of an image */
    int chunk;            /* images that a thread takes at a time */
    int pieces, images;   /* of the weight gradient: pieces of so many images each */
    float *U[2];          /* weights for CONV_FORWARD and CONV_DATA; NULL when not wanted */
    int64_t version[2];   /* of the state that they were made from */
    size_t thread_floats; /* scratch of one thread */
} Winograd;

/* Whether it can do this convolution, and keeps what it needs in cache. */
bool winograd_fits(Shape in, Shape out, Window window);
Status winograd_create(const CpuProgram *program, const Conv *conv, Winograd **winograd);
void winograd_destroy(Winograd *winograd);
/* Bytes of program scratch. */
size_t winograd_scratch(const CpuProgram *program, const Winograd *winograd);
/* One line for each convolution that Winograd computes. */
Status winograd_describe(const Program *program, FILE *file);
/* x and y blocked, or their gradients; weights and their gradients are the state's. */
Status winograd_run(CpuProgram *program, const Conv *conv, ConvKind kind, float *x, float *y,
                    int count);

#endif
