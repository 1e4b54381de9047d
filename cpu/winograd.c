#include "cpu/winograd.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/layout.h"

enum {
    TILE_SIDE = 6, /* inputs */
    POINTS = 36,   /* products of a tile */
    /* Tiles that are multiplied together. V, M and U stay in a core's L2 cache; U of more than
     * NARROW channels does not, and is read for twice as many tiles at a time. */
    BLOCK_TILES = 32,
    WIDE_TILES = 64,
    NARROW = 128,
    CHANNELS_MAX = 256 /* beyond, U and each thread's dU take tens of MiB */
};

typedef struct Winograd {
    Engine base;
    int taps, tile;      /* a side of the window; outputs a side of a tile */
    int inputs, outputs; /* channels there are */
    int C, K, block;     /* padded to whole vectors of so many */
    Shape shape;         /* height and width of x and y */
    int across, down;    /* tiles of an image */
    int tiles;           /* that are multiplied together */
    bool trains;
} Winograd;

bool winograd_fits(Shape in, Shape out, Window window) {
    bool square = window.r == window.s && (window.r == 3 || window.r == 5);
    return square && window.stride == 1 && window.pad == window.r / 2 && in.c <= CHANNELS_MAX &&
           out.c <= CHANNELS_MAX && in.c >= 8;
}

/* ---- sizes; distances of two positions are odd multiples of a cache line, so that the 36 of them
 * do not fall into one set of the cache ---- */

static int most(const Winograd *w) {
    return w->C > w->K ? w->C : w->K;
}
static size_t tile_plane(const Winograd *w, int channels) {
    return (size_t)w->tiles * (size_t)channels + 16;
}
static size_t weight_plane(const Winograd *w) {
    return (size_t)w->C * (size_t)w->K + 16;
}

/* The padding in front, and behind what the last tile wants. */
static Frame frame_of(const Winograd *w, int channels) {
    size_t block = (size_t)w->block, row = (size_t)(w->across * w->tile + w->taps - 1) * block;
    size_t plane = (size_t)(w->down * w->tile + w->taps - 1) * row;
    return (Frame){row, plane, (size_t)channels / block * plane,
                   (size_t)(w->taps / 2) * (row + block)};
}

static const EngineOps three_taps, five_taps;

Status winograd_create(const CpuProgram *program, const Conv *conv, Engine **result) {
    int block = program->cpu->block;
    Winograd *w = calloc(1, sizeof *w);
    if (!w)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
    *result = &w->base;
    w->taps = conv->window.r;
    w->tile = TILE_SIDE + 1 - w->taps;
    w->base.ops = w->taps == 3 ? &three_taps : &five_taps;
    w->inputs = conv->in.c;
    w->outputs = conv->out.c;
    w->block = block;
    w->C = padded_channels(conv->in.c, block);
    w->K = padded_channels(conv->out.c, block);
    w->tiles = most(w) > NARROW ? WIDE_TILES : BLOCK_TILES;
    w->shape = conv->in;
    w->trains = conv->wanted[CONV_WEIGHTS];
    w->across = (conv->in.w + w->tile - 1) / w->tile;
    w->down = (conv->in.h + w->tile - 1) / w->tile;
    w->base.x = frame_of(w, w->C);
    w->base.dy = frame_of(w, w->K);
    w->base.dx_image = blocked_count(conv->in, block);
    w->base.work_floats = 2 * POINTS * tile_plane(w, most(w)) + POINTS * weight_plane(w);
    w->base.weight_floats = (size_t)(w->taps * w->taps) * (size_t)w->C * (size_t)w->K;
    w->base.bias_floats = (size_t)w->K;
    w->base.parts = w->K / block * w->inputs;
    engine_divide(&w->base, program, w->across * w->down, w->tiles);
    for (int kind = CONV_FORWARD; kind <= CONV_DATA && conv->wanted[kind]; kind++) {
        w->base.copy_floats[kind] = POINTS * (size_t)w->C * (size_t)w->K;
        w->base.copy_parts[kind] = (kind == CONV_FORWARD ? w->K : w->C) / block;
    }
    return STATUS_OK;
}

static void winograd_destroy(Engine *engine) {
    free(engine);
}

/* The work space: a block of tiles of x, then their products (or the transformed gradient's), then
 * dU. */
static float *room_V(const Room *room) {
    return room->work;
}
static float *room_M(const Winograd *w, const Room *room) {
    return room->work + POINTS * tile_plane(w, most(w));
}
static float *room_dU(const Winograd *w, const Room *room) {
    return room->work + 2 * POINTS * tile_plane(w, most(w));
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

typedef void TransformFn(float *V, size_t plane, const float *x, size_t row, int taps);

/* Transforms `count` tiles of images that begin at `framed`, from tile `first` on; what is missing
 * to a multiple of 16 becomes zero. */
static int transform(const Winograd *w, TransformFn *fn, float *V, const float *framed,
                     const Frame *frame, int first, int count, int channels) {
    int block = w->block, blocks = channels / block, whole = (count + 15) / 16 * 16;
    TileSite site = tile_site(w, first);
    for (int t = 0; t < count; t++, next_site(w, &site)) {
        size_t at = (size_t)(site.y * w->tile) * frame->row + (size_t)(site.x * w->tile * block);
        for (int b = 0; b < blocks; b++)
            fn(V + (size_t)t * (size_t)channels + (size_t)b * (size_t)block,
               tile_plane(w, channels),
               framed + (size_t)(site.image * blocks + b) * frame->plane + at, frame->row, w->taps);
    }
    for (int p = 0; p < POINTS && whole > count; p++)
        memset(V + (size_t)p * tile_plane(w, channels) + (size_t)count * (size_t)channels, 0,
               (size_t)(whole - count) * (size_t)channels * sizeof *V);
    return whole;
}

/* Back to pixels. wide: in double, which halves the error of this transform's share; the errors of
 * a training's outputs are nearly all that its gradients show, so data gradients and evaluation do
 * without. */
static void put_tiles(const Kernels *k, const Winograd *w, float *y, const float *M, int first,
                      int count, int channels, bool wide) {
    int block = k->block, blocks = channels / block;
    size_t row = (size_t)w->shape.w * (size_t)block, plane = (size_t)w->shape.h * row;
    TileSite site = tile_site(w, first);
    for (int t = 0; t < count; t++, next_site(w, &site)) {
        int top = site.y * w->tile, left = site.x * w->tile;
        size_t at = (size_t)top * row + (size_t)(left * block);
        for (int b = 0; b < blocks; b++)
            k->winograd_output(y + ((size_t)site.image * (size_t)blocks + (size_t)b) * plane + at,
                               row, clamped(w->shape.h - top, 1, w->tile),
                               clamped(w->shape.w - left, 1, w->tile),
                               M + (size_t)t * (size_t)channels + (size_t)b * (size_t)block,
                               tile_plane(w, channels), w->taps, wide);
    }
}

/* How many lines to ask for with each product of a chunk, to be through at its end. */
static size_t lines_per_product(const Winograd *w, const Prefetch *prefetch, int tiles) {
    size_t products = POINTS * (size_t)((tiles + w->tiles - 1) / w->tiles);
    return (prefetch->lines + products - 1) / products;
}

/* ---- forward and data gradient: the same with turned weights ---- */

static void convolve(const Winograd *w, const Kernels *k, const Room *room, float *to, int images,
                     Prefetch *prefetch, bool data) {
    const float *from = data ? room->dy : room->x, *U = room->weights;
    const Frame *frame = data ? &w->base.dy : &w->base.x;
    float *V = room_V(room), *M = room_M(w, room);
    int C = data ? w->K : w->C, K = data ? w->C : w->K, tiles = images * w->across * w->down;
    size_t lines = lines_per_product(w, prefetch, tiles);
    for (int t = 0; t < tiles; t += w->tiles) {
        int count = tiles - t < w->tiles ? tiles - t : w->tiles;
        int whole = transform(w, k->winograd_input, V, from, frame, t, count, C);
        for (int p = 0; p < POINTS; p++) {
            k->winograd_multiply(M + (size_t)p * tile_plane(w, K), V + (size_t)p * tile_plane(w, C),
                                 U + (size_t)p * (size_t)C * (size_t)K, whole,
                                 data ? w->outputs : w->inputs, C, K);
            prefetch_some(prefetch, lines);
        }
        put_tiles(k, w, to, M, t, count, K, w->trains && !data);
    }
}

static void winograd_forward(const Engine *engine, const Kernels *k, const Room *room, float *y,
                             int images, Prefetch *prefetch) {
    convolve((const Winograd *)engine, k, room, y, images, prefetch, false);
}

static void winograd_data(const Engine *engine, const Kernels *k, const Room *room, float *dx,
                          int images, Prefetch *prefetch) {
    convolve((const Winograd *)engine, k, room, dx, images, prefetch, true);
}

static void winograd_renew(const Engine *engine, const Kernels *k, int kind, float *U,
                           const float *values, int part) {
    const Winograd *w = (const Winograd *)engine;
    if (kind == CONV_FORWARD)
        k->winograd_weights(U, values, part, w->K, w->C, w->outputs, w->inputs, false, w->taps);
    else
        k->winograd_weights(U, values, part, w->C, w->K, w->inputs, w->outputs, true, w->taps);
}

/* ---- weight gradient ---- */

static void winograd_accumulate(const Engine *engine, const Kernels *k, const Room *room, float *dw,
                                int images, bool first, Prefetch *prefetch) {
    const Winograd *w = (const Winograd *)engine;
    const float *dy = room->dy + w->base.dy.origin; /* the first pixel, behind the padding */
    float *V = room_V(room), *D = room_M(w, room), *dU = room_dU(w, room);
    int tiles = images * w->across * w->down;
    size_t lines = lines_per_product(w, prefetch, tiles);
    (void)dw;
    for (int t = 0; t < tiles; t += w->tiles) {
        int count = tiles - t < w->tiles ? tiles - t : w->tiles;
        int whole = transform(w, k->winograd_input, V, room->x, &w->base.x, t, count, w->C);
        transform(w, k->winograd_gradient, D, dy, &w->base.dy, t, count, w->K);
        for (int p = 0; p < POINTS; p++) {
            k->winograd_accumulate(
                dU + (size_t)p * weight_plane(w), V + (size_t)p * tile_plane(w, w->C),
                D + (size_t)p * tile_plane(w, w->K), whole, w->C, w->K, first && t == 0);
            prefetch_some(prefetch, lines);
        }
    }
}

static void winograd_finish(const Engine *engine, const Kernels *k, const Room *room, float *dw) {
    const Winograd *w = (const Winograd *)engine;
    k->winograd_weight_gradient(dw, room_dU(w, room), weight_plane(w), w->K, w->C, w->taps);
}

/* One block of outputs and one input channel; dw is [taps taps][K / B][C][B]. */
static void winograd_store(const Engine *engine, const Kernels *k, float *to, const float *dw,
                           int part) {
    const Winograd *w = (const Winograd *)engine;
    int block = k->block, b = part / w->inputs, c = part % w->inputs, taps = w->taps * w->taps;
    size_t area = (size_t)w->C * (size_t)w->K;
    size_t at = ((size_t)b * (size_t)w->C + (size_t)c) * (size_t)block;
    for (int lane = 0; lane < block && b * block + lane < w->outputs; lane++) {
        size_t o = (size_t)(b * block + lane);
        for (int i = 0; i < taps; i++)
            to[(o * (size_t)w->inputs + (size_t)c) * (size_t)taps + (size_t)i] =
                dw[(size_t)i * area + at + (size_t)lane];
    }
}

#define WINOGRAD_OPS(title)                                                                        \
    {                                                                                              \
        .name = title, .destroy = winograd_destroy, .renew = winograd_renew,                       \
        .forward = winograd_forward, .data = winograd_data, .accumulate = winograd_accumulate,     \
        .finish = winograd_finish, .store = winograd_store                                         \
    }
static const EngineOps three_taps = WINOGRAD_OPS("Winograd F(4x4, 3x3)");
static const EngineOps five_taps = WINOGRAD_OPS("Winograd F(2x2, 5x5)");
