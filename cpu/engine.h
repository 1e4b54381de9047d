/* What computes a convolution a few images at a time: winograd.c or direct.c behind one set of
 * functions, so that chunk_run.c need not know which. An engine reads images out of frames (a
 * border of zeros around them) in a thread's room and knows nothing of batch norms, buffers or
 * threads. */
#ifndef CPU_ENGINE_H
#define CPU_ENGINE_H

#include "cpu/cpu.h"
#include "cpu/prefetch.h"

typedef struct Conv Conv;
typedef struct Engine Engine;

/* Where framed images lie, in floats: pixel (0, 0) of the first is `origin` behind the start. */
typedef struct Frame {
    size_t row, plane, image, origin;
} Frame;

/* One thread's scratch, cut up. */
typedef struct Room {
    float *x, *dy;        /* the chunk's images in their frames */
    float *dx, *z;        /* without frames: dx as it comes out; x where it was made again */
    float *work;          /* the engine's */
    const float *weights; /* the engine's copy of them, all threads' */
} Room;

typedef struct EngineOps {
    const char *name;
    void (*destroy)(Engine *engine); /* frees it */
    /* A part of its copy of the weights for CONV_FORWARD or CONV_DATA, from the state's values. */
    void (*renew)(const Engine *engine, const Kernels *kernels, int kind, float *copy,
                  const float *values, int part);
    /* y [images][K / B][P][Q][B] from room->x; dx [images][C / B][H][W][B] from room->dy. All three
     * spread the prefetches over their work. */
    void (*forward)(const Engine *engine, const Kernels *kernels, const Room *room, float *y,
                    int images, Prefetch *prefetch);
    void (*data)(const Engine *engine, const Kernels *kernels, const Room *room, float *dx,
                 int images, Prefetch *prefetch);
    /* Adds the weight gradient of room->x and room->dy to that in room->work or `dw`; first: begins
     * anew. finish() leaves the sum in dw, in the engine's own order; NULL: it is there already. */
    void (*accumulate)(const Engine *engine, const Kernels *kernels, const Room *room, float *dw,
                       int images, bool first, Prefetch *prefetch);
    void (*finish)(const Engine *engine, const Kernels *kernels, const Room *room, float *dw);
    /* From the engine's order, `part` of `parts`, to the state's [K][C][R][S]. */
    void (*store)(const Engine *engine, const Kernels *kernels, float *to, const float *dw,
                  int part);
} EngineOps;

/* An engine's own structure begins with this. */
struct Engine {
    const EngineOps *ops;
    Frame x, dy;
    bool plain;         /* x comes as gathered, NCHW; its frame has the channels side by side */
    int chunk;          /* images that a thread takes at a time: at most so many */
    int pieces, images; /* of the weight gradient: pieces of so many images each */
    size_t dx_image, work_floats;
    size_t weight_floats, bias_floats; /* of one dw, a multiple of 8 B; of one db */
    float *copy; /* of the weights, CONV_FORWARD; NULL in training, where it lies in scratch */
    size_t copy_floats[2];    /* of a copy for CONV_FORWARD, CONV_DATA */
    int copy_parts[2], parts; /* of renew(), of store() */
};

/* The engine that can do this convolution and keep what it needs in cache; which one is decided by
 * shape alone. engine_fits() says whether there is one. */
bool engine_fits(Shape in, Shape out, Window window);
Status engine_create(const CpuProgram *program, const Conv *conv, Engine **engine);
void engine_destroy(Engine *engine);
/* chunk, pieces and images from the batch: `tiles` of an image, of which a chunk should have
 * `chunk_tiles`. The chunk shows in no bit and may depend on threads; the pieces must not. */
void engine_divide(Engine *engine, const CpuProgram *program, int tiles, int chunk_tiles);

/* Bytes of program scratch: the threads' rooms, then the pieces' dw and db, then the weights. */
size_t engine_scratch(const CpuProgram *program, const Engine *engine);
/* For all threads of a parallel region: the calling thread's room, its frames cleared, and the
 * weights for CONV_FORWARD or CONV_DATA. */
Room engine_room(const CpuProgram *program, const Conv *conv, int kind);
/* Where the piece's dw lies, and behind it, weight_floats further, its db [K]. */
float *engine_piece(const CpuProgram *program, const Engine *engine, int piece);
/* The sum of `count` pieces, in order, becomes the state's gradients. */
void engine_store(const CpuProgram *program, const Conv *conv, int count);
/* All weights that engines keep, from the state's values now. */
void engine_renew_all(CpuProgram *program);
/* One line for each convolution: which engine computes it. */
Status engine_describe(const Program *program, FILE *file);

static inline int clamped(int n, int least, int most) {
    return n < least ? least : n > most ? most : n;
}

#endif
