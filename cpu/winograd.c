#include "cpu/winograd.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 4,         /* outputs a side */
    POINTS = 36,      /* products of a tile */
    BLOCK_TILES = 32, /* tiles that are multiplied together: V, M and U stay in a core's L2 cache */
    PIECE_TILES = 16, /* the least that is worth a weight gradient of its own */
    PIECES_LEAST = 4,
    CHANNELS_MAX = 128, /* beyond, U does not */
    SUM_PARTS = 8       /* of a position: whole vectors each */
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
static size_t dense_image(const Winograd *w, int channels) {
    return (size_t)channels * (size_t)w->shape.h * (size_t)w->shape.w;
}

static int clamped(int n, int least, int most_) {
    return n < least ? least : n > most_ ? most_ : n;
}

/* The chunk size shows in no bit; how a weight gradient is divided does, so it must not depend on
 * threads. */
static void divide_batch(Winograd *w, int batch, int threads) {
    int tiles = w->across * w->down;
    int share = (batch + 2 * threads - 1) / (2 * threads); /* work for every thread, twice */
    w->chunk = clamped(BLOCK_TILES / tiles, 1, share);
    int most_pieces = w->C * w->K <= 1024 ? 32 : 16;
    int pieces = clamped(batch * tiles / PIECE_TILES, PIECES_LEAST, most_pieces);
    w->images = (batch + pieces - 1) / pieces;
    w->pieces = (batch + w->images - 1) / w->images;
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
    divide_batch(w, batch, program->cpu->threads);
    w->thread_floats =
        (size_t)w->chunk * (2 * padded_image(w, block, most(w)) + dense_image(w, w->C)) +
        2 * POINTS * tile_plane(most(w)) + POINTS * weight_plane(w);
    w->piece_floats = 9 * (size_t)w->C * (size_t)w->K + (size_t)w->K;
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
           ((size_t)program->cpu->threads * w->thread_floats + (size_t)w->pieces * w->piece_floats);
}

WinogradRoom winograd_room(const CpuProgram *program, const Winograd *w) {
    int block = program->cpu->block;
    size_t framed = (size_t)w->chunk * padded_image(w, block, most(w));
    float *at = (float *)program->scratch + (size_t)omp_get_thread_num() * w->thread_floats;
    WinogradRoom room;
    room.x = at;
    room.dy = room.x + framed;
    room.dx = room.dy + framed;
    room.V = room.dx + (size_t)w->chunk * dense_image(w, w->C);
    room.M = room.V + POINTS * tile_plane(most(w));
    room.dU = room.M + POINTS * tile_plane(most(w));
    memset(at, 0, 2 * framed * sizeof *at);
    return room;
}

Frame winograd_frame(const CpuProgram *program, const Winograd *w, int channels) {
    int block = program->cpu->block;
    size_t row = padded_row(w, block);
    return (Frame){row, padded_plane(w, block), padded_image(w, block, channels),
                   row + (size_t)block};
}

/* ---- tiles ---- */

/* Where tile t of a chunk lies: its image, row and column of tiles. */
typedef struct TileSite {
    int image, y, x;
} TileSite;

static TileSite tile_site(const Winograd *w, int t) {
    int of_image = w->across * w->down;
    return (TileSite){t / of_image, t % of_image / w->across, t % w->across};
}

/* The tile behind it; divisions for each would take as long as half a transform. */
static void next_site(const Winograd *w, TileSite *site) {
    if (++site->x < w->across)
        return;
    site->x = 0;
    if (++site->y < w->down)
        return;
    site->y = 0;
    site->image++;
}

typedef void TransformFn(float *V, size_t plane, const float *x, size_t row);

/* Transforms `count` tiles from `first` on; what is missing to a multiple of 16 becomes zero.
 * border: 0 begins at the padding, 1 at the first pixel. */
static int transform(const CpuProgram *program, const Winograd *w, TransformFn *fn, float *V,
                     const float *padded, int first, int count, int channels, int border) {
    int block = program->cpu->block, blocks = channels / block, whole = (count + 15) / 16 * 16;
    size_t row = padded_row(w, block), plane = padded_plane(w, block);
    TileSite site = tile_site(w, first);
    for (int t = 0; t < count; t++, next_site(w, &site)) {
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

/* Back to pixels. */
static void put_tiles(const CpuProgram *program, const Winograd *w, float *y, const float *M,
                      int first, int count, int channels) {
    const Kernels *k = program->cpu->kernels;
    int block = k->block, blocks = channels / block;
    size_t row = (size_t)w->shape.w * (size_t)block, plane = (size_t)w->shape.h * row;
    TileSite site = tile_site(w, first);
    for (int t = 0; t < count; t++, next_site(w, &site)) {
        int rows = w->shape.h - site.y * TILE, cols = w->shape.w - site.x * TILE;
        size_t at = (size_t)(site.y * TILE) * row + (size_t)(site.x * TILE) * (size_t)block;
        for (int b = 0; b < blocks; b++)
            k->winograd_output(y + ((size_t)site.image * (size_t)blocks + (size_t)b) * plane + at,
                               row, rows < TILE ? rows : TILE, cols < TILE ? cols : TILE,
                               M + (size_t)t * (size_t)channels + (size_t)b * (size_t)block,
                               tile_plane(channels));
    }
}

/* How many lines to ask for with each product of a chunk, to be through at its end. */
static size_t lines_per_product(const Prefetch *prefetch, int tiles) {
    size_t products = POINTS * (size_t)((tiles + BLOCK_TILES - 1) / BLOCK_TILES);
    return (prefetch->lines + products - 1) / products;
}

/* ---- forward and data gradient: the same with turned weights ---- */

void winograd_convolve(const CpuProgram *program, const Winograd *w, ConvKind kind,
                       const WinogradRoom *room, float *to, int images, Prefetch *prefetch) {
    const Kernels *k = program->cpu->kernels;
    bool data = kind == CONV_DATA;
    const float *from = data ? room->dy : room->x, *U = w->U[kind];
    int C = data ? w->K : w->C, K = data ? w->C : w->K, tiles = images * w->across * w->down;
    size_t lines = lines_per_product(prefetch, tiles);
    for (int t = 0; t < tiles; t += BLOCK_TILES) {
        int count = tiles - t < BLOCK_TILES ? tiles - t : BLOCK_TILES;
        int whole = transform(program, w, k->winograd_input, room->V, from, t, count, C, 0);
        for (int p = 0; p < POINTS; p++) {
            k->winograd_multiply(room->M + (size_t)p * tile_plane(K),
                                 room->V + (size_t)p * tile_plane(C),
                                 U + (size_t)p * (size_t)C * (size_t)K, whole, C, K);
            prefetch_some(prefetch, lines);
        }
        put_tiles(program, w, to, room->M, t, count, K);
    }
}

static void renew(const CpuProgram *program, const Conv *conv, ConvKind kind) {
    Winograd *w = conv->winograd;
    const float *values = cpu_param(program->state, SECTION_VALUE, conv->weight);
    bool data = kind == CONV_DATA;
    if (!w->U[kind] || w->version[kind] == program->state->version)
        return;
    program->cpu->kernels->winograd_weights(w->U[kind], values, data ? w->C : w->K,
                                            data ? w->K : w->C, data ? w->inputs : w->outputs,
                                            data ? w->outputs : w->inputs, data);
    w->version[kind] = program->state->version;
}

void winograd_renew(const CpuProgram *program) {
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < program->net->node_count; i++) {
        const Conv *conv = node_of(program, i)->op == OP_CONV2D ? program->op[i] : NULL;
        if (!conv || !conv->winograd)
            continue;
        renew(program, conv, CONV_FORWARD);
        renew(program, conv, CONV_DATA);
    }
}

/* ---- weight gradient ---- */

void winograd_accumulate(const CpuProgram *program, const Winograd *w, const WinogradRoom *room,
                         int images, bool first, Prefetch *prefetch) {
    const Kernels *k = program->cpu->kernels;
    int tiles = images * w->across * w->down;
    size_t lines = lines_per_product(prefetch, tiles);
    for (int t = 0; t < tiles; t += BLOCK_TILES) {
        int count = tiles - t < BLOCK_TILES ? tiles - t : BLOCK_TILES;
        int whole = transform(program, w, k->winograd_input, room->V, room->x, t, count, w->C, 0);
        transform(program, w, k->winograd_gradient, room->M, room->dy, t, count, w->K, 1);
        for (int p = 0; p < POINTS; p++) {
            k->winograd_accumulate(
                room->dU + (size_t)p * weight_plane(w), room->V + (size_t)p * tile_plane(w->C),
                room->M + (size_t)p * tile_plane(w->K), whole, w->C, w->K, first && t == 0);
            prefetch_some(prefetch, lines);
        }
    }
}

void winograd_finish(const CpuProgram *program, const Winograd *w, const WinogradRoom *room,
                     float *dw) {
    program->cpu->kernels->winograd_weight_gradient(dw, room->dU, weight_plane(w), w->K, w->C);
}

float *winograd_piece(const CpuProgram *program, const Winograd *w, int piece) {
    return (float *)program->scratch + (size_t)program->cpu->threads * w->thread_floats +
           (size_t)piece * w->piece_floats;
}

/* dw [K][C][3][3] of one block of outputs and one input channel. */
static void store_block(const CpuProgram *program, const Winograd *w, float *dw, const float *sum,
                        int b, int c) {
    int block = program->cpu->block;
    size_t area = (size_t)w->C * (size_t)w->K;
    size_t at = ((size_t)b * (size_t)w->C + (size_t)c) * (size_t)block;
    for (int lane = 0; lane < block && b * block + lane < w->outputs; lane++) {
        size_t k = (size_t)(b * block + lane);
        for (int i = 0; i < 9; i++)
            dw[(k * (size_t)w->inputs + (size_t)c) * 9 + (size_t)i] =
                sum[(size_t)i * area + at + (size_t)lane];
    }
}

void winograd_store(const CpuProgram *program, const Conv *conv, int count) {
    const Winograd *w = conv->winograd;
    const Kernels *k = program->cpu->kernels;
    float *dw = cpu_param(program->state, SECTION_GRADIENT, conv->weight);
    float *db = cpu_param(program->state, SECTION_GRADIENT, conv->bias);
    float *sum = winograd_piece(program, w, 0);
    size_t area = (size_t)w->C * (size_t)w->K, part = area / SUM_PARTS;
#pragma omp parallel if (cpu_worth_threads(9 * area))
    {
#pragma omp for schedule(static)
        for (int i = 0; i < 9 * SUM_PARTS; i++)
            for (int piece = 1; piece < count; piece++)
                k->sum(sum + (size_t)i * part, sum + (size_t)i * part,
                       sum + (size_t)piece * w->piece_floats + (size_t)i * part, part);
#pragma omp for schedule(static)
        for (int i = 0; i < w->K / k->block * w->inputs; i++)
            store_block(program, w, dw, sum, i / w->inputs, i % w->inputs);
    }
    for (int o = 0; db && o < w->outputs; o++) {
        db[o] = 0;
        for (int piece = 0; piece < count; piece++)
            db[o] += sum[(size_t)piece * w->piece_floats + 9 * area + (size_t)o];
    }
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
