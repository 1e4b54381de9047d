/* The residual blocks of He et al. 2015 and their variants, under torchvision's names: conv1, bn1,
 * conv2, bn2 (conv3, bn3) and downsample.0, .1 within "layer<stage>.<index>". */
#ifndef NET_RESIDUAL_H
#define NET_RESIDUAL_H

#include "net/models.h"

typedef struct Block {
    int stage, index; /* "layer<stage>.<index>", stage from 1 */
    int channels;     /* of the output */
    int inner;        /* of a bottleneck's 3x3 convolution */
    int stride;
    bool first; /* of the net */
} Block;

/* Checks what the blocks of any net refuse; the message begins with the choice's name. */
Status residual_check(const ModelSpec *spec);
/* The block with width << (stage - 1) channels (a bottleneck: inside; four times as many outside);
 * the first of stages 2, 3, ... has stride 2. */
Block residual_plan(const ModelSpec *spec, int stage, int index);
/* Appends one block behind node x; returns its last node. */
int residual_block(Net *net, const ModelSpec *spec, const Block *block, int x);
/* What follows the last block: nothing, or the activation that pre-activation leaves out there. */
int residual_end(Net *net, const ModelSpec *spec, int x);

#endif
