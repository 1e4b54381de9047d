/* A compiled convolution: oneDNN primitives for one count of images, and the weights in the formats
 * they want. */
#ifndef CPU_CONV2D_H
#define CPU_CONV2D_H

#include "cpu/plan.h"

/* What oneDNN is given. Tried in this order until none of the primitives is oneDNN's `ref`. */
typedef enum ConvLayout {
    CONV_STEM,    /* x plain NCHW as gathered, y blocked: the first layer */
    CONV_BLOCKED, /* both blocked, channels counted as padded ones with zero weights */
    CONV_PLAIN,   /* both plain NCHW, converted before and after: odd shapes, old processors */
    CONV_LAYOUTS
} ConvLayout;

typedef enum ConvKind { CONV_FORWARD, CONV_DATA, CONV_WEIGHTS, CONV_KINDS } ConvKind;

/* One direction for one count of images. */
typedef struct ConvPrim {
    dnnl_primitive_t primitive, reorder;  /* reorder: weights from or (CONV_WEIGHTS) to oihw */
    dnnl_memory_t x, y;                   /* or their gradients */
    dnnl_memory_t weight, plain, scratch; /* weights as the primitive wants them, and oihw */
    dnnl_memory_t bias;                   /* CONV_FORWARD and CONV_WEIGHTS, when there is one */
    float *weight_values;
    size_t scratch_bytes;
    int64_t version; /* of the state that weight_values were made from */
} ConvPrim;

typedef struct ConvSet {
    int count; /* images; 0: nothing here yet */
    ConvPrim prim[CONV_KINDS];
} ConvSet;

typedef struct Conv {
    Shape in, out;
    Window window;
    ConvLayout layout;
    int channels_in, channels_out; /* as oneDNN counts them: padded where blocked */
    int weight, bias;              /* parameter ids; bias may be -1 */
    bool wanted[CONV_KINDS];
    bool inference;
    const char *name;   /* the node's, for messages */
    float *oihw;        /* weights padded to channels_out x channels_in; NULL: the state's own */
    float *bias_values; /* channels_out; NULL: no bias */
    float *bias_gradient;
    ConvSet full, tail; /* for max_batch images, and for the last other count */
} Conv;

/* Primitives for `count` images. *reference says that oneDNN has only its slow reference for one of
 * the wanted directions; then the set is empty and the status is OK. */
Status conv_set_create(const Conv *conv, CpuBackend *cpu, int count, ConvSet *set, bool *reference);
void conv_set_destroy(ConvSet *set);
/* The largest scratchpad of the set, in bytes. */
size_t conv_set_scratch(const ConvSet *set);

#endif
