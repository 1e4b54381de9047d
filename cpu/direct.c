/* Direct convolution by products whose rows are found by offset.
 *
 * Forward is one product: the rows are the inputs under the window. The data gradient is one for
 * each of stride x stride classes of input pixels: pixel (i stride + a, j stride + b) is under
 * those taps (r, s) for which a + pad - r and b + pad - s are multiples of the stride, so its rows
 * are the output gradients there. The weight gradient is the forward product transposed. */
#include "cpu/direct.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/layout.h"

enum { WEIGHTS_MAX = 256 * 1024, CHUNK_PIXELS = 1024, PANEL_FLOATS = 64 * 1024 };

/* A product and where its weights come from: row r, output o is the state's [o * outer + map[r]].
 */
typedef struct Product {
    DirectProduct p;
    DirectRun *run;
    int32_t *map;
    size_t outer, at; /* at: of its weights in the engine's copy */
    int outputs;
} Product;

typedef struct Direct {
    Engine base;
    Shape in, out;
    Window window;
    int block;
    int pixel;  /* floats of a pixel in x's frame */
    int before; /* rows and columns of zeros in front of dy */
    Product forward;
    Product *data; /* stride x stride classes; NULL when not wanted */
} Direct;

bool direct_fits(Shape in, Shape out, Window window) {
    int64_t weights = (int64_t)in.c * window.r * window.s * padded_channels(out.c, 16);
    return weights <= WEIGHTS_MAX && window.pad < window.r && window.pad < window.s;
}

static int blocks_of(const Direct *d, int channels) {
    return channel_blocks(channels, d->block);
}
static int larger(int a, int b) {
    return a > b ? a : b;
}

/* ---- building products ---- */

static Status product_begin(Product *product, const char *name, int runs, int rows, int outputs) {
    product->run = malloc((size_t)(runs + 1) * sizeof *product->run);
    product->map = malloc((size_t)(rows + 1) * sizeof *product->map);
    product->p.run = product->run;
    product->outputs = outputs;
    if (!product->run || !product->map)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", name);
    return STATUS_OK;
}

static void product_end(Product *product) {
    free(product->run);
    free(product->map);
}

/* Its weights come behind those of the products before it. */
static void take_copy(Product *product, Engine *engine, int kind, int block) {
    product->at = engine->copy_floats[kind];
    engine->copy_floats[kind] +=
        (size_t)product->p.rows * (size_t)padded_channels(product->outputs, block);
    engine->copy_parts[kind] += channel_blocks(product->outputs, block);
}

/* Appends a run; the rows' places in the state begin at `at` and are `step` apart. */
static void add_run(Product *product, size_t offset, int length, int at, int step) {
    product->run[product->p.runs++] = (DirectRun){(int32_t)offset, length};
    for (int j = 0; j < length; j++)
        product->map[product->p.rows++] = at + j * step;
}

/* A line of the window over a plain image is one run: floats (s, c), which the state has as (c, s).
 */
static void add_plain_runs(Direct *d) {
    const Window *w = &d->window;
    Product *product = &d->forward;
    for (int r = 0; r < w->r; r++) {
        int32_t *map = product->map + product->p.rows;
        add_run(product, (size_t)r * d->base.x.row, w->s * d->in.c, 0, 0);
        for (int j = 0; j < w->s * d->in.c; j++)
            map[j] = j % d->in.c * w->r * w->s + r * w->s + j / d->in.c;
    }
}

static void add_blocked_runs(Direct *d) {
    const Window *w = &d->window;
    for (int b = 0; b < blocks_of(d, d->in.c); b++)
        for (int r = 0; r < w->r; r++)
            for (int s = 0; s < w->s; s++)
                add_run(&d->forward,
                        (size_t)b * d->base.x.plane + (size_t)r * d->base.x.row +
                            (size_t)(s * d->block),
                        clamped(d->in.c - b * d->block, 0, d->block),
                        b * d->block * w->r * w->s + r * w->s + s, w->r * w->s);
}

static Status build_forward(Direct *d, const char *name) {
    const Window *w = &d->window;
    int rows = d->in.c * w->r * w->s, runs = w->r * w->s * blocks_of(d, d->in.c);
    size_t step = (size_t)w->stride, block = (size_t)d->block;
    TRY(product_begin(&d->forward, name, runs, rows, d->out.c));
    d->forward.outer = (size_t)rows;
    if (d->base.plain)
        add_plain_runs(d);
    else
        add_blocked_runs(d);
    take_copy(&d->forward, &d->base, CONV_FORWARD, d->block);
    DirectProduct *p = &d->forward.p;
    p->lines = d->out.h;
    p->pixels = d->out.w;
    p->x_line = step * d->base.x.row;
    p->x_step = step * (size_t)d->pixel;
    p->y_line = (size_t)d->out.w * block;
    p->y_step = block;
    p->y_plane = (size_t)pixels_of(d->out) * block;
    return STATUS_OK;
}

/* The class of input pixels (a, b) modulo the stride. */
static Status build_class(Direct *d, const char *name, int a, int b) {
    const Window *w = &d->window;
    Product *product = &d->data[a * w->stride + b];
    int taps = w->r * w->s, blocks = blocks_of(d, d->out.c), step = w->stride;
    size_t block = (size_t)d->block;
    TRY(product_begin(product, name, taps * blocks, taps * d->out.c, d->in.c));
    product->outer = (size_t)taps;
    for (int k = 0; k < blocks; k++)
        for (int r = 0; r < w->r; r++)
            for (int s = 0; s < w->s; s++) {
                int y = a + w->pad - r + d->before * step, x = b + w->pad - s + d->before * step;
                if (y % step == 0 && x % step == 0)
                    add_run(product,
                            (size_t)k * d->base.dy.plane + (size_t)(y / step) * d->base.dy.row +
                                (size_t)(x / step) * block,
                            clamped(d->out.c - k * d->block, 0, d->block),
                            k * d->block * d->in.c * taps + r * w->s + s, d->in.c * taps);
            }
    take_copy(product, &d->base, CONV_DATA, d->block);
    DirectProduct *p = &product->p;
    p->lines = (d->in.h - a + step - 1) / step;
    p->pixels = (d->in.w - b + step - 1) / step;
    p->x_line = d->base.dy.row;
    p->x_step = block;
    p->y_first = (size_t)(a * d->in.w + b) * block;
    p->y_line = (size_t)(step * d->in.w) * block;
    p->y_step = (size_t)step * block;
    p->y_plane = (size_t)pixels_of(d->in) * block;
    return STATUS_OK;
}

static Status build_data(Direct *d, const char *name) {
    int classes = d->window.stride * d->window.stride;
    d->data = calloc((size_t)classes, sizeof *d->data);
    if (!d->data)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", name);
    for (int i = 0; i < classes; i++)
        TRY(build_class(d, name, i / d->window.stride, i % d->window.stride));
    return STATUS_OK;
}

/* ---- the engine ---- */

/* Frames: x with the padding, dy with as many zeros as the windows of the outermost pixels reach.
 */
static void build_frames(Direct *d) {
    const Window *w = &d->window;
    int high = larger((d->out.h - 1) * w->stride + w->r, d->in.h + w->pad);
    int wide = larger((d->out.w - 1) * w->stride + w->s, d->in.w + w->pad);
    Frame *x = &d->base.x, *dy = &d->base.dy;
    x->row = (size_t)(wide * d->pixel);
    x->plane = (size_t)high * x->row;
    x->image = d->base.plain ? x->plane : (size_t)blocks_of(d, d->in.c) * x->plane;
    x->origin = (size_t)w->pad * (x->row + (size_t)d->pixel);
    int reach = larger(w->r, w->s) - 1 - w->pad;
    d->before = (larger(reach, 0) + w->stride - 1) / w->stride;
    int below = larger(d->out.h, (d->in.h - 1 + w->pad) / w->stride + 1);
    int right = larger(d->out.w, (d->in.w - 1 + w->pad) / w->stride + 1);
    dy->row = (size_t)((d->before + right) * d->block);
    dy->plane = (size_t)(d->before + below) * dy->row;
    dy->image = (size_t)blocks_of(d, d->out.c) * dy->plane;
    dy->origin = (size_t)d->before * (dy->row + (size_t)d->block);
}

static const EngineOps direct_ops;

Status direct_create(const CpuProgram *program, const Conv *conv, Engine **result) {
    Direct *d = calloc(1, sizeof *d);
    if (!d)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
    *result = &d->base;
    d->base.ops = &direct_ops;
    d->in = conv->in;
    d->out = conv->out;
    d->window = conv->window;
    d->block = program->cpu->block;
    d->base.plain = conv->layout == CONV_STEM;
    d->pixel = d->base.plain ? conv->in.c : d->block;
    build_frames(d);
    int outputs = padded_channels(conv->out.c, d->block);
    d->base.dx_image = conv->wanted[CONV_DATA] ? blocked_count(conv->in, d->block) : 0;
    d->base.weight_floats =
        (size_t)(padded_channels(conv->in.c * conv->window.r * conv->window.s, 8) * outputs);
    d->base.bias_floats = (size_t)outputs;
    d->base.parts = outputs / d->block;
    engine_divide(&d->base, program, pixels_of(conv->out), CHUNK_PIXELS);
    TRY(build_forward(d, conv->name));
    return conv->wanted[CONV_DATA] ? build_data(d, conv->name) : STATUS_OK;
}

static void direct_destroy(Engine *engine) {
    Direct *d = (Direct *)engine;
    product_end(&d->forward);
    for (int i = 0; d->data && i < d->window.stride * d->window.stride; i++)
        product_end(&d->data[i]);
    free(d->data);
    free(d);
}

/* One block of outputs. */
static void direct_renew(const Engine *engine, const Kernels *k, int kind, float *copy,
                         const float *values, int part) {
    const Direct *d = (const Direct *)engine;
    int blocks = channel_blocks(kind == CONV_FORWARD ? d->out.c : d->in.c, k->block);
    const Product *product = kind == CONV_FORWARD ? &d->forward : &d->data[part / blocks];
    int block = part % blocks;
    float *to = copy + product->at + (size_t)(block * product->p.rows * k->block);
    for (int row = 0; row < product->p.rows; row++, to += k->block)
        for (int lane = 0; lane < k->block; lane++) {
            int o = block * k->block + lane;
            to[lane] = o < product->outputs
                           ? values[(size_t)o * product->outer + (size_t)product->map[row]]
                           : 0;
        }
}

/* Lines that are multiplied at a time: their inputs stay in a core's L2 cache while all weights,
 * which between many channels do not, go by. A class of pixels may have no rows (no window reaches
 * it) or no lines (the image is smaller than the stride). */
static int panel_of(const DirectProduct *p) {
    return clamped(PANEL_FLOATS / larger(p->rows * p->pixels, 1), 1, larger(p->lines, 1));
}

/* Calls of a kernel for an image. */
static int calls_of(const Product *product, int block) {
    int panel = panel_of(&product->p), pairs = (channel_blocks(product->outputs, block) + 1) / 2;
    return (product->p.lines + panel - 1) / panel * pairs;
}

static void run_panel(const Product *product, const Kernels *k, const float *weights, float *y,
                      const float *x, int lines, Prefetch *prefetch, size_t ahead) {
    const DirectProduct *p = &product->p;
    int vectors = channel_blocks(product->outputs, k->block);
    for (int v = 0; v < vectors; v += 2) {
        k->direct_lines(y + (size_t)v * p->y_plane, x, p,
                        weights + product->at + (size_t)(v * p->rows * k->block), lines,
                        clamped(vectors - v, 1, 2));
        prefetch_some(prefetch, ahead);
    }
}

static void run_product(const Product *product, const Kernels *k, const Room *room, float *y,
                        size_t y_image, const float *x, size_t x_image, int images,
                        Prefetch *prefetch, size_t ahead) {
    const DirectProduct *p = &product->p;
    int panel = panel_of(p);
    for (int n = 0; n < images; n++)
        for (int line = 0; line < p->lines; line += panel)
            run_panel(product, k, room->weights,
                      y + (size_t)n * y_image + p->y_first + (size_t)line * p->y_line,
                      x + (size_t)n * x_image + (size_t)line * p->x_line,
                      clamped(p->lines - line, 1, panel), prefetch, ahead);
}

static size_t lines_per_call(const Prefetch *prefetch, int calls) {
    return prefetch->lines / (size_t)larger(calls, 1) + 1;
}

static void direct_forward(const Engine *engine, const Kernels *k, const Room *room, float *y,
                           int images, Prefetch *prefetch) {
    const Direct *d = (const Direct *)engine;
    run_product(&d->forward, k, room, y, blocked_count(d->out, k->block), room->x, engine->x.image,
                images, prefetch,
                lines_per_call(prefetch, images * calls_of(&d->forward, k->block)));
}

static void direct_data(const Engine *engine, const Kernels *k, const Room *room, float *dx,
                        int images, Prefetch *prefetch) {
    const Direct *d = (const Direct *)engine;
    int classes = d->window.stride * d->window.stride, calls = 0;
    for (int i = 0; i < classes; i++)
        calls += images * calls_of(&d->data[i], k->block);
    size_t ahead = lines_per_call(prefetch, calls);
    for (int i = 0; i < classes; i++)
        run_product(&d->data[i], k, room, dx, engine->dx_image, room->dy, engine->dy.image, images,
                    prefetch, ahead);
}

static void direct_accumulate(const Engine *engine, const Kernels *k, const Room *room, float *dw,
                              int images, bool first, Prefetch *prefetch) {
    const Direct *d = (const Direct *)engine;
    DirectGradient gradient = {engine->dy.row, engine->dy.plane, first};
    for (int n = 0; n < images; n++, gradient.first = false) {
        k->direct_gradient(dw, room->x + (size_t)n * engine->x.image, &d->forward.p,
                           room->dy + (size_t)n * engine->dy.image + engine->dy.origin, &gradient,
                           channel_blocks(d->out.c, k->block));
        prefetch_some(prefetch, lines_per_call(prefetch, images));
    }
}

/* One block of outputs; dw is [K / B][rows][B]. */
static void direct_store(const Engine *engine, const Kernels *k, float *to, const float *dw,
                         int part) {
    const Product *product = &((const Direct *)engine)->forward;
    const float *from = dw + (size_t)(part * product->p.rows * k->block);
    for (int row = 0; row < product->p.rows; row++, from += k->block)
        for (int lane = 0; lane < clamped(product->outputs - part * k->block, 0, k->block); lane++)
            to[(size_t)(part * k->block + lane) * product->outer + (size_t)product->map[row]] =
                from[lane];
}

static const EngineOps direct_ops = {
    .name = "direct, by chunks",
    .destroy = direct_destroy,
    .renew = direct_renew,
    .forward = direct_forward,
    .data = direct_data,
    .accumulate = direct_accumulate,
    .store = direct_store,
};
