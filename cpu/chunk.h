/* Convolutions a few images at a time, with the batch norms around them in the same pass.
 *
 * A batch norm needs sums over the whole batch, so nothing can run through it image by image; but
 * between two such sums everything can. So a step of a training program is a row of phases, each
 * one parallel loop over chunks of images, each chunk's work done while it lies in a core's cache:
 *
 *   forward    y(l-1) --normalise, ReLU, shortcut--> x, convolve --> y(l), sums of y(l)
 *   backward   g(l), y(l) --apply--> dy(l), times x --> dw;  convolve --> dx, + shortcut's
 * gradient, mask --> g(l-1), sums of g(l-1)
 *
 * x inside a block is made again in the backward instead of being stored: a pass of arithmetic is
 * less costly than writing and reading it (Jung, Jung, Ahn and Kim, "Restructuring Batch
 * Normalization to Accelerate CNN Training", MLSys 2019: fission of a batch norm into the
 * convolutions around it). Of the blocks' outputs, which a shortcut reads too, every second one is
 * kept; the others are made again from the one before them. What an expanding 1x1 convolution makes
 * is several times what it reads, and little work, so it is convolved again (Chen, Xu, Zhang and
 * Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016).
 *
 * Which loops a convolution takes over is decided here from the graph alone; a loop whose
 * neighbour is no such convolution stays a step of its own (batch_norm.c). */
#ifndef CPU_CHUNK_H
#define CPU_CHUNK_H

#include "cpu/batch_norm.h"

/* The convolution of a node that runs by chunks; owned by its Conv. Buffers: NONE where there is
 * nothing. */
typedef struct Chunk {
    BatchNorm *source; /* whose output this convolution reads, and makes; NULL: x is stored */
    BatchNorm *behind; /* whose input this convolution makes, and nobody else reads; or NULL */
    int x, skip, kept; /* forward: x as stored, or the source's input, shortcut and output */
    int y;
    bool normalises; /* `behind`, whose shortcut is: */
    int y_skip;
    bool remakes;      /* `kept` lives in the forward only */
    bool recomputed;   /* so does `y` */
    int again;         /* backward: x as stored; NONE: made again from `x` and `skip` */
    int g, dx;         /* gradients: of y (behind->applied: of behind's output), of x */
    bool reduces;      /* dx becomes source's masked gradient, with these three: */
    int other, output; /* the other part of its gradient; its output, for the mask, if stored */
} Chunk;

/* Whether the convolution node runs by chunks. */
bool chunk_fits(const CpuProgram *program, int node);
/* Does the convolution in front normalise this group? (Running statistics only: there nothing need
 * be known of the whole batch.) */
bool chunk_normalises_behind(const CpuProgram *program, const FusedGroup *group);
/* Which of the batch norm's loops convolutions take over: `counted`, `normalised` / `applied`. */
void chunk_claim_forward(const CpuProgram *program, BatchNorm *bn);
void chunk_claim_backward(const CpuProgram *program, BatchNorm *bn);
/* Hands the masked gradient in buffer g to the convolution in front of an `applied` one. */
void chunk_pass_gradient(CpuProgram *program, const BatchNorm *bn, int g);

/* The steps of a convolution for which chunk_fits(). */
Status chunk_plan_forward(CpuProgram *program, int node);
Status chunk_plan_backward(CpuProgram *program, int node);

#endif
