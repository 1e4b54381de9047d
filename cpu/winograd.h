/* Convolutions of 3x3, stride 1, pad 1 by Winograd's F(4x4, 3x3), a few images at a time: see
 * kernels/winograd.c for the arithmetic, chunk.c for who calls this when. Its rounding errors are
 * about ten times those of a direct convolution. */
#ifndef CPU_WINOGRAD_H
#define CPU_WINOGRAD_H

#include <stdio.h>

#include "cpu/conv2d.h"
#include "cpu/prefetch.h"

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
    size_t piece_floats;  /* of one piece's dw [9][K / B][C][B] and db [K] */
} Winograd;

/* One thread's scratch, cut up. */
typedef struct WinogradRoom {
    float *x, *dy; /* the chunk's images, framed by zeros */
    float *dx;     /* as they come out, without frames */
    float *V, *M;  /* a block of tiles; M: or the transformed gradient */
    float *dU;
} WinogradRoom;

/* Where framed images lie: pixel (0, 0) of the first is `origin` floats behind the start. */
typedef struct Frame {
    size_t row, plane, image, origin;
} Frame;

/* Whether it can do this convolution, and keeps what it needs in cache. */
bool winograd_fits(Shape in, Shape out, Window window);
Status winograd_create(const CpuProgram *program, const Conv *conv, Winograd **winograd);
void winograd_destroy(Winograd *winograd);
/* Bytes of program scratch: the threads' rooms, then the pieces' weight gradients. */
size_t winograd_scratch(const CpuProgram *program, const Winograd *winograd);
/* One line for each convolution that Winograd computes. */
Status winograd_describe(const Program *program, FILE *file);

/* The calling thread's room, its frames cleared. */
WinogradRoom winograd_room(const CpuProgram *program, const Winograd *winograd);
Frame winograd_frame(const CpuProgram *program, const Winograd *winograd, int channels);
/* All transformed weights of the program, from the state's values now. */
void winograd_renew(const CpuProgram *program);

/* Both spread the prefetches over their products. */
/* CONV_FORWARD: `to` [images][K / B][H][W][B] from room->x; CONV_DATA: [C / B] from room->dy. */
void winograd_convolve(const CpuProgram *program, const Winograd *winograd, ConvKind kind,
                       const WinogradRoom *room, float *to, int images, Prefetch *prefetch);
/* Adds room->x times room->dy to room->dU; first: overwrites it. */
void winograd_accumulate(const CpuProgram *program, const Winograd *winograd,
                         const WinogradRoom *room, int images, bool first, Prefetch *prefetch);
/* dw [9][K / B][C][B] from room->dU. */
void winograd_finish(const CpuProgram *program, const Winograd *winograd, const WinogradRoom *room,
                     float *dw);
/* Where the piece's dw and db lie. */
float *winograd_piece(const CpuProgram *program, const Winograd *winograd, int piece);
/* The sum of `count` pieces, in order, becomes the state's gradients. */
void winograd_store(const CpuProgram *program, const Conv *conv, int count);

#endif
