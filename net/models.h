/* The networks ResLab knows: from a specification to a Net.
 *
 * A model is one row of the table in models.c and one builder in a file of its own name. */
#ifndef NET_MODELS_H
#define NET_MODELS_H

#include "net/net.h"

typedef enum Family { FAMILY_PLAIN, FAMILY_RESNET } Family;

/* What a shortcut does where it is not the identity. */
typedef enum Shortcut {
    SHORTCUT_A, /* where the size changes: every second pixel, zero channels; no parameters */
    SHORTCUT_B, /* where the size changes: 1x1 convolution with the stride, batch norm */
    SHORTCUT_C, /* every shortcut: 1x1 convolution, batch norm */
} Shortcut;

/* Where option A puts the zero channels. */
typedef enum PadSide { PAD_APPEND, PAD_BOTH } PadSide;

typedef struct ModelSpec {
    const char *model; /* "resnet_cifar" */
    Family family;
    int depth; /* weighted layers on the main path */
    Shortcut shortcut;
    PadSide pad_side;
    int width; /* channels of the first stage; the paper's CIFAR nets have 16 */
    Shape input;
    int classes;
} ModelSpec;

typedef struct ModelInfo {
    const char *name;
    const char *summary;
    Status (*build)(const ModelSpec *spec, Net *net);
} ModelInfo;

/* The table; *count receives its length. */
const ModelInfo *model_table(int *count);
/* Plain or resnet 20 on 3x32x32, 10 classes, option A. */
ModelSpec model_default(void);
/* Builds and finishes; the caller owns *net. The net ends in a softmax cross-entropy. */
Status model_build(const ModelSpec *spec, Net **net);

/* net/resnet_cifar.c */
Status build_resnet_cifar(const ModelSpec *spec, Net *net);

#endif
