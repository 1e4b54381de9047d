#include "cpu/winograd.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 4,         /* outputs a side */
    POINTS = 36,      /* products of a tile */
    BLOCK_TILES = 32, /* tiles that are multiplied together: V, M and U stay in a core's L2 cache */
    CHANNELS_MAX = 128 /* beyond, U does not */
};

bool winograd_fits(Shape in, Shape out, Window window) {
    return window.r == 3 && window.s == 3 && window.stride == 1 && window.pad == 1 &&
           in.c <= CHANNELS_MAX && out.c <= CHANNELS_MAX && in.c >= 8;
}

/* ---- sizes; distances of two positions are odd multiples of a cache line, so that the 36 of them
 * do not fall into one set of the cache ---- */

static int most(const Winograd *w) {
    return w->C > w->K ? w->C : w->K;
}
static size_t tile_plane(int channels) {
    return (size_t)BLOCK_TILES * (size_t)channels + 16;
}
static size_t weight_plane(const Winograd *w) {
    return (size_t)w->C * (size_t)w->K + 16;
}
static size_t padded_row(const Winograd *w, int block) {
    return (size_t)(w->across * TILE + 2) * (size_t)block;
}
static size_t padded_plane(const Winograd *w, int block) {
    return (size_t)(w->down * TILE + 2) * padded_row(w, block);
}
static size_t padded_image(const Winograd *w, int block, int channels) {
    return (size_t)(channels / block) * padded_plane(w, block);
}
static size_t piece_floats(const Winograd *w) {
    return 9 * (size_t)w->C * (size_t)w->K;
}

/* One thread's scratch, cut up. */
typedef struct Room {
    float *x, *dy; /* padded images of a chunk */
    float *V, *M;  /* M: or the transformed gradient */
    float *dU;
} Room;

static Room room_of(const CpuProgram *program, const Winograd *w) {
    int block = program->cpu->block;
    float *at = (float *)program->scratch + (size_t)omp_get_thread_num() * w->thread_floats;
    Room room;
    room.x = at;
    room.dy = room.x + (size_t)w->chunk * padded_image(w, block, most(w));
    room.V = room.dy + (size_t)w->chunk * padded_image(w, block, most(w));
    room.M = room.V + POINTS * tile_plane(most(w));
    room.dU = room.M + POINTS * tile_plane(most(w));
    return room;
}

static int at_least_one(int n) {
    return n > 0 ? n : 1;
}

Status winograd_create(const CpuProgram *program, const Conv *conv, Winograd **result) {
    int block = program->cpu->block, batch = program->base.spec.max_batch;
    Winograd *w = *result = calloc(1, sizeof *w);
    if (!w)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
    w->inputs = conv->in.c;
    w->outputs = conv->out.c;
    w->C = padded_channels(conv->in.c, block);
    w->K = padded_channels(conv->out.c, block);
    w->shape = conv->in;
    w->across = (conv->in.w + TILE - 1) / TILE;
    w->down = (conv->in.h + TILE - 1) / TILE;
    w->chunk = at_least_one(BLOCK_TILES / (w->across * w->down));
    w->images = (batch + CONV_PIECES - 1) / CONV_PIECES;
    w->pieces = (batch + w->images - 1) / w->images;
    w->thread_floats = 2 * (size_t)w->chunk * padded_image(w, block, most(w)) +
                       2 * POINTS * tile_plane(most(w)) + POINTS * weight_plane(w);
    for (int kind = CONV_FORWARD; kind <= CONV_DATA; kind++) {
        w->version[kind] = -1;
        if (!conv->wanted[kind])
            continue;
        w->U[kind] = cpu_floats(POINTS * (size_t)w->C * (size_t)w->K);
        if (!w->U[kind])
            return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
    }
    return STATUS_OK;
}

void winograd_destroy(Winograd *w) {
    if (!w)
        return;
    free(w->U[CONV_FORWARD]);
    free(w->U[CONV_DATA]);
    free(w);
}

size_t winograd_scratch(const CpuProgram *program, const Winograd *w) {
    return sizeof(float) *
           ((size_t)program->cpu->threads * w->thread_floats + (size_t)w->pieces * piece_floats(w));
}

/* ---- tiles ---- */

/* One channel block of an image with a border of zeros: one pixel in front, and what the last tile
 * wants behind. */
static void pad_plane(const Winograd *w, float *to, const float *from, int block) {
    size_t row = padded_row(w, block), line = (size_t)w->shape.w * (size_t)block;
    size_t rows = (size_t)w->down * TILE + 2;
    memset(to, 0, row * sizeof *to);
    for (int y = 0; y < w->shape.h; y++) {
        float *at = to + (size_t)(y + 1) * row;
        memset(at, 0, (size_t)block * sizeof *at);
        memcpy(at + block, from + (size_t)y * line, line * sizeof *at);
        memset(at + block + line, 0, (row - line - (size_t)block) * sizeof *at);
    }
    size_t below = (size_t)w->shape.h + 1;
    memset(to + below * row, 0, (rows - below) * row * sizeof *to);
}

static void pad_images(const CpuProgram *program, const Winograd *w, float *to, const float *from,
                       int first, int images, int channels) {
    int block = program->cpu->block, blocks = channels / block;
    size_t plane = (size_t)w->shape.h * (size_t)w->shape.w * (size_t)block;
    for (int i = 0; i < images * blocks; i++)
        pad_plane(w, to + (size_t)i * padded_plane(w, block),
                  from + ((size_t)first * (size_t)blocks + (size_t)i) * plane, block);
}

/* Where tile t of a chunk lies: its image, row and column of tiles. */
typedef struct TileSite {
    int image, y, x;
} TileSite;

static TileSite tile_site(const Winograd *w, int t) {
    int of_image = w->across * w->down;
    return (TileSite){t / of_image, t % of_image / w->across, t % w->across};
}

typedef void TransformFn(float *V, size_t plane, const float *x, size_t row);

/* Transforms `count` tiles from `first` on; what is missing to a multiple of 16 becomes zero.
 * border: 0 begins at the padding, 1 at the first pixel. */
static int transform(const CpuProgram *program, const Winograd *w, TransformFn *fn, float *V,
                     const float *padded, int first, int count, int channels, int border) {
    int block = program->cpu->block, blocks = channels / block, whole = (count + 15) / 16 * 16;
    size_t row = padded_row(w, block), plane = padded_plane(w, block);
    for (int t = 0; t < count; t++) {
        TileSite site = tile_site(w, first + t);
        size_t at = (size_t)(site.y * TILE + border) * row +
                    (size_t)(site.x * TILE + border) * (size_t)block;
        for (int b = 0; b < blocks; b++)
            fn(V + (size_t)t * (size_t)channels + (size_t)b * (size_t)block, tile_plane(channels),
               padded + (size_t)(site.image * blocks + b) * plane + at, row);
    }
    for (int p = 0; p < POINTS && whole > count; p++)
        memset(V + (size_t)p * tile_plane(channels) + (size_t)count * (size_t)channels, 0,
               (size_t)(whole - count) * (size_t)channels * sizeof *V);
    return whole;
}

/* Back to pixels: image `first_image` of y is the chunk's first. */
static void put_tiles(const CpuProgram *program, const Winograd *w, float *y, int first_image,
                      const float *M, int first, int count, int channels) {
    const Kernels *k = program->cpu->kernels;
    int block = k->block, blocks = channels / block;
    size_t row = (size_t)w->shape.w * (size_t)block, plane = (size_t)w->shape.h * row;
    for (int t = 0; t < count; t++) {
        TileSite site = tile_site(w, first + t);
        int rows = w->shape.h - site.y * TILE, cols = w->shape.w - site.x * TILE;
        size_t at = (size_t)(site.y * TILE) * row + (size_t)(site.x * TILE) * (size_t)block;
        for (int b = 0; b < blocks; b++)
            k->winograd_output(
                y + ((size_t)(first_image + site.image) * (size_t)blocks + (size_t)b) * plane + at,
                row, rows < TILE ? rows : TILE, cols < TILE ? cols : TILE,
                M + (size_t)t * (size_t)channels + (size_t)b * (size_t)block, tile_plane(channels));
    }
}

/* ---- forward and data gradient: the same with turned weights ---- */

static void convolve_chunk(const CpuProgram *program, const Winograd *w, const float *U, float *to,
                           const float *from, int first, int images, int C, int K) {
    const Kernels *k = program->cpu->kernels;
    Room room = room_of(program, w);
    int tiles = images * w->across * w->down;
    pad_images(program, w, room.x, from, first, images, C);
    for (int t = 0; t < tiles; t += BLOCK_TILES) {
        int count = tiles - t < BLOCK_TILES ? tiles - t : BLOCK_TILES;
        int whole = transform(program, w, k->winograd_input, room.V, room.x, t, count, C, 0);
        for (int p = 0; p < POINTS; p++)
            k->winograd_multiply(room.M + (size_t)p * tile_plane(K),
                                 room.V + (size_t)p * tile_plane(C),
                                 U + (size_t)p * (size_t)C * (size_t)K, whole, C, K);
        put_tiles(program, w, to, first, room.M, t, count, K);
    }
}

static void convolve(const CpuProgram *program, const Winograd *w, ConvKind kind, float *x,
                     float *y, int count) {
    bool data = kind == CONV_DATA;
    int chunks = (count + w->chunk - 1) / w->chunk;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < chunks; i++) {
        int first = i * w->chunk, images = count - first < w->chunk ? count - first : w->chunk;
        convolve_chunk(program, w, w->U[kind], data ? x : y, data ? y : x, first, images,
                       data ? w->K : w->C, data ? w->C : w->K);
    }
}

static void renew_weights(CpuProgram *program, const Conv *conv, Winograd *w, ConvKind kind) {
    const float *values = cpu_param(program->state, SECTION_VALUE, conv->weight);
    bool data = kind == CONV_DATA;
    if (w->version[kind] == program->state->version)
        return;
    program->cpu->kernels->winograd_weights(w->U[kind], values, data ? w->C : w->K,
                                            data ? w->K : w->C, data ? w->inputs : w->outputs,
                                            data ? w->outputs : w->inputs, data);
    w->version[kind] = program->state->version;
}

/* y += bias, plane by plane. */
static void add_bias(const CpuProgram *program, const Conv *conv, const Winograd *w, float *y,
                     int count) {
    int block = program->cpu->block, blocks = w->K / block;
    size_t pixels = (size_t)w->shape.h * (size_t)w->shape.w;
    const float *bias = cpu_param(program->state, SECTION_VALUE, conv->bias);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count * blocks; i++)
        for (size_t p = 0; p < pixels; p++)
            for (int lane = 0; lane < block; lane++) {
                int k = i % blocks * block + lane;
                if (k < w->outputs)
                    y[((size_t)i * pixels + p) * (size_t)block + (size_t)lane] += bias[k];
            }
}

/* ---- weight gradient ---- */

static void gradient_piece(const CpuProgram *program, const Winograd *w, const float *x,
                           const float *dy, float *dw, int begin, int end) {
    const Kernels *k = program->cpu->kernels;
    Room room = room_of(program, w);
    bool started = false;
    for (int first = begin; first < end; first += w->chunk) {
        int images = end - first < w->chunk ? end - first : w->chunk;
        int tiles = images * w->across * w->down;
        pad_images(program, w, room.x, x, first, images, w->C);
        pad_images(program, w, room.dy, dy, first, images, w->K);
        for (int t = 0; t < tiles; t += BLOCK_TILES) {
            int count = tiles - t < BLOCK_TILES ? tiles - t : BLOCK_TILES;
            int whole = transform(program, w, k->winograd_input, room.V, room.x, t, count, w->C, 0);
            transform(program, w, k->winograd_gradient, room.M, room.dy, t, count, w->K, 1);
            for (int p = 0; p < POINTS; p++)
                k->winograd_accumulate(
                    room.dU + (size_t)p * weight_plane(w), room.V + (size_t)p * tile_plane(w->C),
                    room.M + (size_t)p * tile_plane(w->K), whole, w->C, w->K, !started);
            started = true;
        }
    }
    k->winograd_weight_gradient(dw, room.dU, weight_plane(w), w->K, w->C);
}

/* From [9][K / B][C][B], the sum of all pieces in order, to the state's [K][C][3][3]. */
static void store_gradient(const CpuProgram *program, const Conv *conv, const Winograd *w,
                           const float *pieces, int count) {
    int block = program->cpu->block;
    size_t area = (size_t)w->C * (size_t)w->K;
    float *dw = cpu_param(program->state, SECTION_GRADIENT, conv->weight);
#pragma omp parallel for schedule(static)
    for (int k = 0; k < w->outputs; k++)
        for (int c = 0; c < w->inputs; c++)
            for (int i = 0; i < 9; i++) {
                size_t at = (size_t)i * area +
                            ((size_t)(k / block) * (size_t)w->C + (size_t)c) * (size_t)block +
                            (size_t)(k % block);
                float sum = pieces[at];
                for (int piece = 1; piece < count; piece++)
                    sum += pieces[(size_t)piece * piece_floats(w) + at];
                dw[((size_t)k * (size_t)w->inputs + (size_t)c) * 9 + (size_t)i] = sum;
            }
}

static void bias_gradient(const CpuProgram *program, const Conv *conv, const Winograd *w,
                          const float *dy, int count) {
    int block = program->cpu->block, blocks = w->K / block;
    size_t pixels = (size_t)w->shape.h * (size_t)w->shape.w;
    float *db = cpu_param(program->state, SECTION_GRADIENT, conv->bias);
#pragma omp parallel for schedule(static)
    for (int k = 0; k < w->outputs; k++) {
        double sum = 0;
        for (int n = 0; n < count; n++)
            for (size_t p = 0; p < pixels; p++)
                sum += dy[(((size_t)n * (size_t)blocks + (size_t)(k / block)) * pixels + p) *
                              (size_t)block +
                          (size_t)(k % block)];
        db[k] = (float)sum;
    }
}

static void weight_gradient(CpuProgram *program, const Conv *conv, const Winograd *w,
                            const float *x, const float *dy, int count) {
    float *pieces = (float *)program->scratch + (size_t)program->cpu->threads * w->thread_floats;
    int used = (count + w->images - 1) / w->images;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < used; i++) {
        int begin = i * w->images, end = begin + w->images < count ? begin + w->images : count;
        gradient_piece(program, w, x, dy, pieces + (size_t)i * piece_floats(w), begin, end);
    }
    store_gradient(program, conv, w, pieces, used);
    if (conv->bias >= 0)
        bias_gradient(program, conv, w, dy, count);
}

Status winograd_run(CpuProgram *program, const Conv *conv, ConvKind kind, float *x, float *y,
                    int count) {
    Winograd *w = conv->winograd;
    if (kind == CONV_WEIGHTS) {
        weight_gradient(program, conv, w, x, y, count);
        return STATUS_OK;
    }
    renew_weights(program, conv, w, kind);
    convolve(program, w, kind, x, y, count);
    if (kind == CONV_FORWARD && conv->bias >= 0)
        add_bias(program, conv, w, y, count);
    return STATUS_OK;
}

Status winograd_describe(const Program *base, FILE *file) {
    const CpuProgram *program = (const CpuProgram *)base;
    for (int i = 0; i < program->net->node_count; i++) {
        const Conv *conv = node_of(program, i)->op == OP_CONV2D ? program->op[i] : NULL;
        if (conv && conv->winograd)
            fprintf(file, "%s: Winograd F(4x4, 3x3)\n", conv->name);
    }
    return STATUS_OK;
}
