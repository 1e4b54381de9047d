/* A convolution's phases: parallel loops over chunks of images. Every sum is made per image or per
 * piece of the batch and added in order afterwards, so the bits do not depend on which thread drew
 * which chunk, nor on how many there are. */
#include "cpu/chunk_run.h"

#include <string.h>

#include "cpu/chunk.h"
#include "cpu/winograd.h"

/* One phase of one convolution. */
typedef struct Phase {
    CpuProgram *program;
    const Conv *conv;
    const Chunk *chunk;
    const Winograd *w;
    int count;
    size_t x_image, y_image; /* floats */
} Phase;

static Phase phase_of(CpuProgram *program, const Step *step, int count) {
    const Conv *conv = step->op;
    int block = program->cpu->block;
    return (Phase){program,
                   conv,
                   &conv->chunk,
                   conv->winograd,
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

/* ---- into frames ---- */

static void copy_image(const Phase *phase, float *to, const Frame *frame, const float *from,
                       Shape shape) {
    int block = phase->program->cpu->block;
    size_t line = (size_t)shape.w * (size_t)block;
    for (int b = 0; b < channel_blocks(shape.c, block); b++)
        for (int y = 0; y < shape.h; y++, from += line)
            memcpy(to + (size_t)b * frame->plane + (size_t)y * frame->row, from,
                   line * sizeof *to);
}

/* x of the chunk, made by the source where it is not stored (`stored`: a buffer or NONE). */
static void fill_x(const Phase *phase, float *room, int stored, int kept, int first, int images) {
    const Chunk *chunk = phase->chunk;
    size_t image = phase->x_image;
    Frame frame = winograd_frame(phase->program, phase->w, phase->w->C);
    for (int n = first; n < first + images; n++) {
        float *to = room + (size_t)(n - first) * frame.image + frame.origin;
        if (stored >= 0)
            copy_image(phase, to, &frame, image_at(phase, stored, image, n), phase->conv->in);
        else
            batch_norm_normalise_image(phase->program, chunk->source, to, frame.row, frame.plane,
                                       image_at(phase, chunk->x, image, n),
                                       image_at(phase, chunk->skip, image, n),
                                       image_at(phase, kept, image, n), n);
    }
}

static void fill_dy(const Phase *phase, float *room, int first, int images) {
    const Chunk *chunk = phase->chunk;
    size_t image = phase->y_image;
    Frame frame = winograd_frame(phase->program, phase->w, phase->w->K);
    for (int n = first; n < first + images; n++) {
        float *to = room + (size_t)(n - first) * frame.image + frame.origin;
        const float *g = image_at(phase, chunk->g, image, n);
        if (chunk->behind && chunk->behind->applied)
            batch_norm_apply_image(phase->program, chunk->behind, to, frame.row, frame.plane, g,
                                   image_at(phase, chunk->y, image, n), n);
        else
            copy_image(phase, to, &frame, g, phase->conv->out);
    }
}

/* ---- forward ---- */

static void add_bias(const Phase *phase, float *y) {
    int block = phase->program->cpu->block, pixels = pixels_of(phase->conv->out);
    const float *bias = cpu_param(phase->program->state, SECTION_VALUE, phase->conv->bias);
    for (int b = 0; b < phase->w->K / block; b++)
        for (int p = 0; p < pixels; p++, y += block)
            for (int lane = 0; lane < at_most(phase->w->outputs - b * block, block); lane++)
                y[lane] += bias[b * block + lane];
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
        batch_norm_normalise_image(program, chunk->behind, y, row,
                                   row * (size_t)phase->conv->out.h, y,
                                   image_at(phase, chunk->y_skip, phase->y_image, n), NULL, n);
}

Status chunk_run_forward(CpuProgram *program, const Step *step, int count) {
    Phase phase = phase_of(program, step, count);
    const Winograd *w = phase.w;
    const Chunk *chunk = phase.chunk;
    int chunks = (count + w->chunk - 1) / w->chunk;
    if (chunk->behind && chunk->behind->planes < 0)
        batch_norm_prepare(program, chunk->behind, count);
#pragma omp parallel if (chunks > 1)
    {
        WinogradRoom room = winograd_room(program, w);
#pragma omp for schedule(dynamic)
        for (int i = 0; i < chunks; i++) {
            int first = i * w->chunk, images = at_most(count - first, w->chunk);
            fill_x(&phase, room.x, chunk->source ? NONE : chunk->x, chunk->kept, first, images);
            winograd_convolve(program, w, CONV_FORWARD, &room,
                              image_at(&phase, chunk->y, phase.y_image, first), images);
            for (int n = first; n < first + images; n++)
                after_image(&phase, n);
        }
    }
    return STATUS_OK;
}

/* ---- backward ---- */

/* db of the chunk's images, added to the piece's. */
static void add_bias_gradient(const Phase *phase, float *db, const float *room, int images) {
    int block = phase->program->cpu->block;
    Shape out = phase->conv->out;
    Frame frame = winograd_frame(phase->program, phase->w, phase->w->K);
    for (int k = 0; k < phase->w->outputs; k++) {
        double sum = 0;
        for (int i = 0; i < images; i++)
            for (int y = 0; y < out.h; y++) {
                const float *line = room + (size_t)i * frame.image + frame.origin +
                                    (size_t)(k / block) * frame.plane + (size_t)y * frame.row +
                                    (size_t)(k % block);
                for (int x = 0; x < out.w; x++)
                    sum += line[(size_t)x * (size_t)block];
            }
        db[k] += (float)sum;
    }
}

static void data_gradient(const Phase *phase, const WinogradRoom *room, int first, int images) {
    const Chunk *chunk = phase->chunk;
    size_t image = phase->x_image;
    if (!chunk->reduces) {
        winograd_convolve(phase->program, phase->w, CONV_DATA, room,
                          image_at(phase, chunk->dx, image, first), images);
        return;
    }
    winograd_convolve(phase->program, phase->w, CONV_DATA, room, room->dx, images);
    for (int n = first; n < first + images; n++) {
        BnPlane planes = {.g1 = room->dx + (size_t)(n - first) * image,
                          .g2 = image_at(phase, chunk->other, image, n),
                          .x = image_at(phase, chunk->x, image, n),
                          .y = image_at(phase, chunk->output, image, n),
                          .masked = image_at(phase, chunk->dx, image, n),
                          .pixels = chunk->source->pixels,
                          .mask = bn_mask(&chunk->source->group)};
        batch_norm_reduce_image(phase->program, chunk->source, planes, n, phase->count);
    }
}

/* All gradients of images [begin, end); dw and db of them go to `sums`. */
static void backward_piece(const Phase *phase, const WinogradRoom *room, float *sums, int begin,
                           int end) {
    const Winograd *w = phase->w;
    float *db = sums + 9 * (size_t)w->C * (size_t)w->K;
    memset(db, 0, (size_t)w->K * sizeof *db);
    for (int first = begin; first < end; first += w->chunk) {
        int images = at_most(end - first, w->chunk);
        fill_x(phase, room->x, phase->chunk->again, NONE, first, images);
        fill_dy(phase, room->dy, first, images);
        winograd_accumulate(phase->program, w, room, images, first == begin);
        if (phase->conv->bias >= 0)
            add_bias_gradient(phase, db, room->dy, images);
        if (phase->chunk->dx >= 0)
            data_gradient(phase, room, first, images);
    }
    winograd_finish(phase->program, w, room, sums);
}

Status chunk_run_backward(CpuProgram *program, const Step *step, int count) {
    Phase phase = phase_of(program, step, count);
    const Winograd *w = phase.w;
    int pieces = (count + w->images - 1) / w->images;
#pragma omp parallel if (pieces > 1)
    {
        WinogradRoom room = winograd_room(program, w);
#pragma omp for schedule(dynamic)
        for (int i = 0; i < pieces; i++)
            backward_piece(&phase, &room, winograd_piece(program, w, i), i * w->images,
                           at_most((i + 1) * w->images, count));
    }
    winograd_store(program, phase.conv, pieces);
    return STATUS_OK;
}
