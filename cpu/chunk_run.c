/* A convolution's phases: parallel loops over chunks of images. Every sum is made per image or per
 * piece of the batch and added in order afterwards, so the bits do not depend on which thread drew
 * which chunk, nor on how many there are. */
#include "cpu/chunk_run.h"

#include <string.h>

#include "cpu/chunk.h"
#include "cpu/conv2d.h"
#include "cpu/engine.h"

/* One phase of one convolution. */
typedef struct Phase {
    CpuProgram *program;
    const Conv *conv;
    const Chunk *chunk;
    const Engine *engine;
    int count;
    size_t x_image, y_image; /* floats */
} Phase;

static Phase phase_of(CpuProgram *program, const Step *step, const Chunk *chunk, int count) {
    const Conv *conv = step->op;
    int block = program->cpu->block;
    return (Phase){program,
                   conv,
                   chunk,
                   conv->engine,
                   count,
                   blocked_count(conv->in, block),
                   blocked_count(conv->out, block)};
}

/* Image n in a buffer of images of this size; NULL for NONE. */
static float *image_at(const Phase *phase, int buffer, size_t image, int n) {
    return buffer < 0 ? NULL : buffer_floats(phase->program, buffer) + (size_t)n * image;
}

static int at_most(int n, int limit) {
    return n < limit ? n : limit;
}

/* ---- which chunk next ---- */

/* Threads draw chunks one ahead, so that they can ask for its images in time. Every other phase
 * runs from the last chunk to the first: it begins with what the phase before left in cache. */
typedef struct Queue {
    int drawn, count;
    bool backwards;
} Queue;

static Queue queue_of(CpuProgram *program, int count) {
    program->backwards = !program->backwards;
    return (Queue){0, count, program->backwards};
}

/* -1 when none is left. */
static int draw(Queue *queue) {
    int i = __atomic_fetch_add(&queue->drawn, 1, __ATOMIC_RELAXED);
    return i >= queue->count ? -1 : queue->backwards ? queue->count - 1 - i : i;
}

/* A run of images; none when images is 0. */
typedef struct Range {
    int first, images;
} Range;

static Range range_at(int i, int size, int count) {
    return i < 0 ? (Range){0, 0} : (Range){i * size, at_most(count - i * size, size)};
}

/* ---- into frames ---- */

static void copy_image(const Phase *phase, float *to, const Frame *frame, const float *from,
                       Shape shape) {
    int block = phase->program->cpu->block;
    size_t line = (size_t)shape.w * (size_t)block;
    for (int b = 0; b < channel_blocks(shape.c, block); b++)
        for (int y = 0; y < shape.h; y++, from += line)
            memcpy(to + (size_t)b * frame->plane + (size_t)y * frame->row, from, line * sizeof *to);
}

/* A plain image with its channels side by side. */
static void interleave_image(float *to, const Frame *frame, const float *from, Shape shape) {
    for (int c = 0; c < shape.c; c++)
        for (int y = 0; y < shape.h; y++)
            for (int x = 0; x < shape.w; x++)
                to[(size_t)y * frame->row + (size_t)(x * shape.c + c)] = *from++;
}

/* x of the chunk, made by the source where it is not stored (`stored`: a buffer or NONE). */
static void fill_x(const Phase *phase, float *room, int stored, float *kept, int first,
                   int images) {
    const Chunk *chunk = phase->chunk;
    size_t image = phase->x_image;
    const Frame *frame = &phase->engine->x;
    for (int n = first; n < first + images; n++) {
        float *to = room + (size_t)(n - first) * frame->image + frame->origin;
        if (phase->engine->plain)
            interleave_image(to, frame, image_at(phase, stored, shape_count(phase->conv->in), n),
                             phase->conv->in);
        else if (stored >= 0)
            copy_image(phase, to, frame, image_at(phase, stored, image, n), phase->conv->in);
        else
            batch_norm_normalise_image(phase->program, chunk->source, to, frame->row, frame->plane,
                                       image_at(phase, chunk->x, image, n),
                                       image_at(phase, chunk->skip, image, n),
                                       kept ? kept + (size_t)(n - first) * image : NULL, n);
    }
}

static void fill_dy(const Phase *phase, float *room, int first, int images) {
    const Chunk *chunk = phase->chunk;
    size_t image = phase->y_image;
    const Frame *frame = &phase->engine->dy;
    for (int n = first; n < first + images; n++) {
        float *to = room + (size_t)(n - first) * frame->image + frame->origin;
        const float *g = image_at(phase, chunk->g, image, n);
        if (chunk->behind && chunk->behind->applied)
            batch_norm_apply_image(phase->program, chunk->behind, to, frame->row, frame->plane, g,
                                   image_at(phase, chunk->y, image, n), n);
        else
            copy_image(phase, to, frame, g, phase->conv->out);
    }
}

/* ---- forward ---- */

static void add_bias(const Phase *phase, float *y) {
    const Kernels *k = phase->program->cpu->kernels;
    size_t plane = (size_t)(pixels_of(phase->conv->out) * k->block);
    const float *bias = cpu_param(phase->program->state, SECTION_VALUE, phase->conv->bias);
    for (int at = 0; at < phase->conv->out.c; at += k->block, y += plane) {
        float vector[BLOCK_MAX] __attribute__((aligned(64))) = {0};
        memcpy(vector, bias + at,
               (size_t)at_most(phase->conv->out.c - at, k->block) * sizeof *bias);
        k->add_vector(y, vector, plane);
    }
}

/* What follows the convolution of image n. */
static void after_image(const Phase *phase, int n) {
    const Chunk *chunk = phase->chunk;
    const CpuProgram *program = phase->program;
    float *y = image_at(phase, chunk->y, phase->y_image, n);
    size_t row = (size_t)phase->conv->out.w * (size_t)program->cpu->block;
    if (phase->conv->bias >= 0)
        add_bias(phase, y);
    if (!chunk->behind)
        return;
    if (chunk->behind->planes >= 0)
        batch_norm_count_image(program, chunk->behind, y, n, phase->count);
    else if (chunk->normalises)
        batch_norm_normalise_image(program, chunk->behind, y, row, row * (size_t)phase->conv->out.h,
                                   y, image_at(phase, chunk->y_skip, phase->y_image, n), NULL, n);
}

static void ask(Prefetch *prefetch, const Phase *phase, int buffer, size_t image, Range range,
                bool write) {
    if (range.images > 0 && buffer >= 0)
        prefetch_add(prefetch, image_at(phase, buffer, image, range.first),
                     (size_t)range.images * image, write);
}

static void forward_chunk(const Phase *phase, const Room *room, Range now, Range next) {
    const Chunk *chunk = phase->chunk;
    Prefetch prefetch = {.ranges = 0};
    ask(&prefetch, phase, chunk->x, phase->x_image, next, false);
    ask(&prefetch, phase, chunk->skip, phase->x_image, next, false);
    ask(&prefetch, phase, chunk->kept, phase->x_image, next, true);
    ask(&prefetch, phase, chunk->y, phase->y_image, next, true);
    fill_x(phase, room->x, chunk->source ? NONE : chunk->x,
           image_at(phase, chunk->kept, phase->x_image, now.first), now.first, now.images);
    phase->engine->ops->forward(phase->engine, phase->program->cpu->kernels, room,
                                image_at(phase, chunk->y, phase->y_image, now.first), now.images,
                                &prefetch);
    for (int n = now.first; n < now.first + now.images; n++)
        after_image(phase, n);
}

static Status run_forward(CpuProgram *program, const Step *step, const Chunk *chunk, int count) {
    Phase phase = phase_of(program, step, chunk, count);
    int size = phase.engine->chunk, chunks = (count + size - 1) / size;
    Queue queue = queue_of(program, chunks);
    if (phase.chunk->behind && phase.chunk->behind->planes < 0)
        batch_norm_prepare(program, phase.chunk->behind, count);
#pragma omp parallel if (chunks > 1)
    {
        Room room = engine_room(program, phase.conv, CONV_FORWARD);
        for (int i = draw(&queue), next; i >= 0; i = next) {
            next = draw(&queue);
            forward_chunk(&phase, &room, range_at(i, size, count), range_at(next, size, count));
        }
    }
    return STATUS_OK;
}

Status chunk_run_forward(CpuProgram *program, const Step *step, int count) {
    return run_forward(program, step, &((const Conv *)step->op)->chunk, count);
}

Status chunk_run_again(CpuProgram *program, const Step *step, int count) {
    Chunk again = ((const Conv *)step->op)->back;
    again.behind = NULL;
    return run_forward(program, step, &again, count);
}

/* ---- backward ---- */

/* db of the chunk's images, added to the piece's one image after the other. */
static void add_bias_gradient(const Phase *phase, float *db, const float *room, int images) {
    const Kernels *k = phase->program->cpu->kernels;
    Shape out = phase->conv->out;
    const Frame *frame = &phase->engine->dy;
    int blocks = channel_blocks(out.c, k->block);
    for (int i = 0; i < images * blocks; i++) {
        double sum[BLOCK_MAX];
        k->sum_pixels(sum,
                      room + (size_t)(i / blocks) * frame->image + frame->origin +
                          (size_t)(i % blocks) * frame->plane,
                      frame->row, out.h, out.w);
        for (int lane = 0; lane < k->block; lane++)
            db[i % blocks * k->block + lane] += (float)sum[lane];
    }
}

/* Where x is made again for the mask of its ReLU; NULL: the mask needs it not, or it is stored. */
static float *remade_output(const Phase *phase, const Room *room) {
    const Chunk *chunk = phase->chunk;
    bool wanted = chunk->reduces && bn_mask(&chunk->source->group) == BN_MASK_OUTPUT;
    return wanted && chunk->output < 0 ? room->z : NULL;
}

static void data_gradient(const Phase *phase, const Room *room, Range now, Prefetch *prefetch) {
    const Chunk *chunk = phase->chunk;
    size_t image = phase->x_image;
    const float *remade = remade_output(phase, room);
    float *to = chunk->reduces ? room->dx : image_at(phase, chunk->dx, image, now.first);
    phase->engine->ops->data(phase->engine, phase->program->cpu->kernels, room, to, now.images,
                             prefetch);
    for (int i = 0; chunk->reduces && i < now.images; i++) {
        int n = now.first + i;
        BnPlane planes = {.g1 = room->dx + (size_t)i * image,
                          .g2 = image_at(phase, chunk->other, image, n),
                          .x = image_at(phase, chunk->x, image, n),
                          .y = remade ? remade + (size_t)i * image
                                      : image_at(phase, chunk->output, image, n),
                          .masked = image_at(phase, chunk->dx, image, n),
                          .pixels = chunk->source->pixels,
                          .mask = bn_mask(&chunk->source->group)};
        batch_norm_reduce_image(phase->program, chunk->source, planes, n, phase->count);
    }
}

/* What the data gradient of these images will want. */
static Prefetch ask_reduce(const Phase *phase, Range now) {
    const Chunk *chunk = phase->chunk;
    Prefetch prefetch = {.ranges = 0};
    if (chunk->reduces && chunk->again >= 0)
        ask(&prefetch, phase, chunk->x, phase->x_image, now, false);
    if (chunk->output >= 0 && chunk->output != chunk->again)
        ask(&prefetch, phase, chunk->output, phase->x_image, now, false);
    if (chunk->other != chunk->dx)
        ask(&prefetch, phase, chunk->other, phase->x_image, now, false);
    ask(&prefetch, phase, chunk->dx, phase->x_image, now, true);
    return prefetch;
}

/* What the next images begin with. */
static Prefetch ask_fill(const Phase *phase, Range next) {
    const Chunk *chunk = phase->chunk;
    Prefetch prefetch = {.ranges = 0};
    ask(&prefetch, phase, chunk->again >= 0 ? chunk->again : chunk->x, phase->x_image, next, false);
    if (chunk->again < 0)
        ask(&prefetch, phase, chunk->skip, phase->x_image, next, false);
    ask(&prefetch, phase, chunk->g, phase->y_image, next, false);
    if (chunk->behind && chunk->behind->applied)
        ask(&prefetch, phase, chunk->y, phase->y_image, next, false);
    return prefetch;
}

/* Images `now` of a piece; its first ones begin its sums anew: dw and db. */
static void backward_chunk(const Phase *phase, const Room *room, float *sums, Range now, Range next,
                           bool starts) {
    const Engine *engine = phase->engine;
    bool data = phase->chunk->dx >= 0;
    Prefetch reduce = ask_reduce(phase, now), fill = ask_fill(phase, next);
    fill_x(phase, room->x, phase->chunk->again, remade_output(phase, room), now.first, now.images);
    fill_dy(phase, room->dy, now.first, now.images);
    engine->ops->accumulate(engine, phase->program->cpu->kernels, room, sums, now.images, starts,
                            data ? &reduce : &fill);
    if (phase->conv->bias >= 0)
        add_bias_gradient(phase, sums + engine->weight_floats, room->dy, now.images);
    if (data)
        data_gradient(phase, room, now, &fill);
}

/* All gradients of a piece's images. `next`: the piece after it. */
static void backward_piece(const Phase *phase, const Room *room, float *sums, Range piece,
                           Range next) {
    const Engine *engine = phase->engine;
    int size = engine->chunk;
    memset(sums + engine->weight_floats, 0, engine->bias_floats * sizeof *sums);
    for (int at = 0; at < piece.images; at += size) {
        int after = at + size;
        Range now = {piece.first + at, at_most(piece.images - at, size)};
        Range then = after < piece.images
                         ? (Range){piece.first + after, at_most(piece.images - after, size)}
                         : (Range){next.first, at_most(next.images, size)};
        backward_chunk(phase, room, sums, now, then, at == 0);
    }
    if (engine->ops->finish)
        engine->ops->finish(engine, phase->program->cpu->kernels, room, sums);
}

Status chunk_run_backward(CpuProgram *program, const Step *step, int count) {
    Phase phase = phase_of(program, step, &((const Conv *)step->op)->back, count);
    int size = phase.engine->images, pieces = (count + size - 1) / size;
    Queue queue = queue_of(program, pieces);
#pragma omp parallel if (pieces > 1)
    {
        Room room = engine_room(program, phase.conv, CONV_DATA);
        for (int i = draw(&queue), next; i >= 0; i = next) {
            next = draw(&queue);
            backward_piece(&phase, &room, engine_piece(program, phase.engine, i),
                           range_at(i, size, count), range_at(next, size, count));
        }
    }
    engine_store(program, phase.conv, pieces);
    return STATUS_OK;
}
