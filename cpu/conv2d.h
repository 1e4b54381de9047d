/* A compiled convolution: oneDNN primitives for one count of images, and the weights in the formats
 * they want. */
#ifndef CPU_CONV2D_H
#define CPU_CONV2D_H

#include "cpu/chunk.h"
#include "cpu/engine.h"
#include "cpu/plan.h"

/* What oneDNN is given. Tried in this order until none of the primitives is oneDNN's `ref`. */
typedef enum ConvLayout {
    CONV_STEM,    /* x plain NCHW as gathered, y blocked: the first layer */
    CONV_BLOCKED, /* both blocked, channels counted as padded ones with zero weights */
    CONV_PLAIN,   /* both plain NCHW, converted before and after: odd shapes, old processors */
    CONV_LAYOUTS
} ConvLayout;

typedef enum ConvKind { CONV_FORWARD, CONV_DATA, CONV_WEIGHTS, CONV_KINDS } ConvKind;

/* dw is summed over at most this many pieces of a batch, each one thread's work. oneDNN would split
 * it itself, but its threads then meet at a barrier that spins in generated code: a thread whose
 * partner waits for a core burns its whole time slice. Pieces depend on the batch only, so the bits
 * do not depend on the number of threads. */
enum { CONV_PIECES = 16 };

/* Weights up to so many floats are copied a piece, and are reordered by one thread: for 64x64x3x3
 * that takes 15 us, waking a second thread alone takes more. */
enum { CONV_SMALL_WEIGHTS = 256 * 1024 };

/* The tensors of one execution; addresses are set each time. */
typedef struct ConvArgs {
    dnnl_memory_t x, y, weight, scratch; /* or their gradients */
    dnnl_memory_t bias;                  /* CONV_FORWARD and CONV_WEIGHTS, when there is one */
} ConvArgs;

/* One direction for one count of images. */
typedef struct ConvPrim ConvPrim;
struct ConvPrim {
    dnnl_primitive_t primitive, reorder; /* reorder: weights from or (CONV_WEIGHTS) to oihw */
    dnnl_memory_t weight, plain;         /* of the reorder: as the primitive wants, and oihw */
    size_t weight_floats;
    float *weight_values;    /* kept between batches, for inference; NULL: in scratch, made anew */
    struct ConvPrim *lender; /* whose weight_values these are, in the same format; NULL: own */
    size_t scratch_bytes;
    int pieces, images; /* pieces of so many images each */
    ConvArgs args[CONV_PIECES];
    int64_t version; /* of the state that weight_values were made from */
};

typedef struct ConvSet {
    int count; /* images; 0: nothing here yet */
    ConvPrim prim[CONV_KINDS];
} ConvSet;

struct Conv {
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
    ConvSet full, tail; /* for program->images, and for the last other count */
    Engine *engine;     /* instead of oneDNN; or NULL */
    Chunk chunk, back;  /* when there is an engine; back: as the backward has it */
};

/* Primitives for `count` images. *reference says that oneDNN has only its slow reference for one of
 * the wanted directions; then the set is empty and the status is OK. */
Status conv_set_create(const Conv *conv, CpuBackend *cpu, int count, ConvSet *set, bool *reference);
void conv_set_destroy(ConvSet *set);
/* Bytes of scratch that the set needs: for each of `threads` a scratchpad, then the pieces' dw, or
 * the weights of a training program: they change with every step, so a copy is not kept. */
size_t conv_set_scratch(const Conv *conv, const ConvSet *set, int threads);
/* Bytes of one thread's scratchpad; floats of one piece's dw and db. */
size_t conv_scratchpad(const ConvPrim *prim);
size_t conv_piece_floats(const Conv *conv, const ConvPrim *prim);

#endif
