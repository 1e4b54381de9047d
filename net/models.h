/* The networks ResLab knows: from a specification to a Net.
 *
 * A model is one row of the table in models.c and one builder in a file of its own name. A choice
 * left at 0 (AUTO) is the model's own; one that a model does not offer must be left so. */
#ifndef NET_MODELS_H
#define NET_MODELS_H

#include "net/net.h"

typedef enum Family { FAMILY_PLAIN, FAMILY_RESNET } Family;

/* What a shortcut does where it is not the identity. */
typedef enum Shortcut {
    SHORTCUT_AUTO,
    SHORTCUT_A,          /* where the size changes: every second pixel, zero channels; free */
    SHORTCUT_B,          /* where the size changes: 1x1 convolution with the stride, batch norm */
    SHORTCUT_C,          /* every shortcut: 1x1 convolution, batch norm */
    SHORTCUT_3X3,        /* where the size changes: 3x3 convolution with the stride, batch norm */
    SHORTCUT_TRANSITION, /* where the size changes: none, the block is plain */
} Shortcut;

/* Where option A puts the zero channels. */
typedef enum PadSide { PAD_APPEND, PAD_BOTH } PadSide;

typedef enum BlockKind {
    BLOCK_AUTO,
    BLOCK_BASIC,      /* two 3x3 convolutions */
    BLOCK_BOTTLENECK, /* 1x1 to fewer channels, 3x3, 1x1 to four times as many */
    BLOCK_5X5,        /* 5x5, then 3x3 (tutorial003) */
} BlockKind;

/* Which convolution of a bottleneck has the stride: v1 and v1.5 of the ImageNet nets. */
typedef enum BottleneckStride {
    BOTTLENECK_STRIDE_AUTO,
    BOTTLENECK_STRIDE_1X1,
    BOTTLENECK_STRIDE_3X3,
} BottleneckStride;

/* Orders of He et al. 2016 (arXiv 1603.05027), Fig. 4. */
typedef enum Activation {
    ACTIVATION_ORIGINAL,        /* conv BN ReLU conv BN, add, ReLU */
    ACTIVATION_BN_AFTER_ADD,    /* conv BN ReLU conv, add, BN ReLU */
    ACTIVATION_RELU_BEFORE_ADD, /* conv BN ReLU conv BN ReLU, add */
    ACTIVATION_RELU_PREACT,     /* ReLU conv BN ReLU conv BN, add */
    ACTIVATION_FULL_PREACT,     /* BN ReLU conv BN ReLU conv, add */
} Activation;

/* Gates of He et al. 2016, table 1: g(x) = sigmoid(conv1x1(x) + b). */
typedef enum Gate {
    GATE_NONE,
    GATE_EXCLUSIVE, /* g F + (1 - g) shortcut */
    GATE_SHORTCUT,  /* F + (1 - g) shortcut */
} Gate;

/* A tutorial's system as it was printed, or with its oddities mended. */
typedef enum Profile { PROFILE_AUTO, PROFILE_NONE, PROFILE_ASIS, PROFILE_FIXED } Profile;

enum { STAGES_MAX = 8 };

/* A number for each stage of a net (tutorial001); count 0: the model's own. */
typedef struct StageList {
    int count;
    int values[STAGES_MAX];
} StageList;

typedef struct ModelSpec {
    const char *model; /* "resnet_cifar" */
    Family family;
    int depth; /* weighted layers on the main path */
    Shortcut shortcut;
    PadSide pad_side;
    int width; /* channels of the first stage; the paper's CIFAR nets have 16 */
    Shape input;
    int classes;
    BlockKind block;
    BottleneckStride bottleneck_stride;
    Activation activation;
    Profile profile;
    Gate gate;
    double gate_bias;                        /* that b starts from */
    double shortcut_scale, residual_scale;   /* constant factors of the two summands; 0: 1 */
    double shortcut_dropout;                 /* probability; 0: none */
    int first_kernel;                        /* of the first convolution */
    StageList blocks, channels, bottlenecks; /* bottlenecks: inner channels; count 0: basic */
} ModelSpec;

typedef struct ModelInfo {
    const char *name;
    const char *summary;
    unsigned offers; /* the choices that are free: models.c */
    ModelSpec own;   /* the model's own choices; 0 where complete() decides */
    /* Fills in what depends on other choices; NULL: nothing does. */
    void (*complete)(ModelSpec *spec);
    Status (*build)(const ModelSpec *spec, Net *net);
} ModelInfo;

/* The table; *count receives its length. */
const ModelInfo *model_table(int *count);
/* Plain or resnet 20 on 3x32x32, 10 classes, option A. */
ModelSpec model_default(void);
/* Fills in what was left to the model. STATUS_BAD_INPUT for an unknown model and for a choice that
 * it does not offer: the message begins with the choice's name. */
Status model_complete(ModelSpec *spec);
/* Completes and appends to an empty net; errors of single nodes stick in it. */
Status model_append(const ModelSpec *spec, Net *net);
/* The same into a net of its own, finished; the caller owns *net. The net ends in a softmax
 * cross-entropy. */
Status model_build(const ModelSpec *spec, Net **net);

/* Each in the file of its name. A builder's error sticks in the net: model_build() asks for it. */
Status build_resnet_cifar(const ModelSpec *spec, Net *net);
Status build_resnet_imagenet(const ModelSpec *spec, Net *net);
Status build_tutorial000(const ModelSpec *spec, Net *net);
Status build_tutorial001(const ModelSpec *spec, Net *net);
Status build_tutorial002(const ModelSpec *spec, Net *net);
Status build_tutorial003(const ModelSpec *spec, Net *net);
Status build_tutorial004(const ModelSpec *spec, Net *net);
void complete_resnet_cifar(ModelSpec *spec);
void complete_resnet_imagenet(ModelSpec *spec);
void complete_tutorial000(ModelSpec *spec);
void complete_tutorial001(ModelSpec *spec);

#endif
