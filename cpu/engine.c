#include "cpu/engine.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/conv2d.h"
#include "cpu/direct.h"
#include "cpu/winograd.h"

enum {
    PIECE_TILES = 16,      /* the least that is worth a weight gradient of its own, */
    WIDE_PIECE_TILES = 64, /* and one of more than so many weights */
    WIDE_WEIGHTS = 256 * 1024,
    PIECES_LEAST = 4,
    SUM_PARTS = 8 /* into which a sum of pieces is shared among threads */
};

bool engine_fits(Shape in, Shape out, Window window) {
    return winograd_fits(in, out, window) || direct_fits(in, out, window);
}

Status engine_create(const CpuProgram *program, const Conv *conv, Engine **engine) {
    TRY(winograd_fits(conv->in, conv->out, conv->window) ? winograd_create(program, conv, engine)
                                                         : direct_create(program, conv, engine));
    if (program->trains)
        return STATUS_OK;
    (*engine)->copy = cpu_floats((*engine)->copy_floats[CONV_FORWARD]);
    return (*engine)->copy ? STATUS_OK
                           : status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
}

void engine_destroy(Engine *engine) {
    if (!engine)
        return;
    free(engine->copy);
    engine->ops->destroy(engine);
}

void engine_divide(Engine *engine, const CpuProgram *program, int tiles, int chunk_tiles) {
    int batch = program->images, threads = program->cpu->threads;
    int share = (batch + 2 * threads - 1) / (2 * threads); /* work for every thread, twice */
    int least = engine->weight_floats > WIDE_WEIGHTS ? WIDE_PIECE_TILES : PIECE_TILES;
    int most = engine->weight_floats <= 16384 ? 32 : 16;
    int pieces = clamped((int)((int64_t)batch * tiles / least), PIECES_LEAST, most);
    engine->chunk = clamped(chunk_tiles / tiles, 1, share);
    engine->images = (batch + pieces - 1) / pieces;
    engine->pieces = (batch + engine->images - 1) / engine->images;
}

/* ---- rooms and pieces ---- */

static size_t rounded(size_t floats) {
    return (floats + 15) / 16 * 16;
}

static size_t room_floats(const Engine *e) {
    return rounded((size_t)e->chunk * e->x.image) + rounded((size_t)e->chunk * e->dy.image) +
           2 * rounded((size_t)e->chunk * e->dx_image) + rounded(e->work_floats);
}

static size_t piece_floats(const Engine *e) {
    return e->weight_floats + e->bias_floats;
}

/* Of all rooms and pieces. */
static size_t work_floats(const CpuProgram *program, const Engine *e) {
    return (size_t)program->cpu->threads * room_floats(e) +
           rounded((size_t)e->pieces * piece_floats(e));
}

size_t engine_scratch(const CpuProgram *program, const Engine *e) {
    size_t forward = e->copy_floats[CONV_FORWARD], data = e->copy_floats[CONV_DATA];
    size_t copy = e->copy ? 0 : forward > data ? forward : data;
    return sizeof(float) * (work_floats(program, e) + copy);
}

/* In training weights change with every step: what a phase wants is made at its start. */
static const float *weights_of(const CpuProgram *program, const Conv *conv, int kind) {
    const Engine *e = conv->engine;
    const float *values = cpu_param(program->state, SECTION_VALUE, conv->weight);
    float *copy = (float *)program->scratch + work_floats(program, e);
    if (e->copy)
        return e->copy;
#pragma omp for schedule(static)
    for (int part = 0; part < e->copy_parts[kind]; part++)
        e->ops->renew(e, program->cpu->kernels, kind, copy, values, part);
    return copy;
}

Room engine_room(const CpuProgram *program, const Conv *conv, int kind) {
    const Engine *e = conv->engine;
    size_t x = rounded((size_t)e->chunk * e->x.image);
    size_t dy = rounded((size_t)e->chunk * e->dy.image);
    float *at = (float *)program->scratch + (size_t)omp_get_thread_num() * room_floats(e);
    memset(at, 0, (x + dy) * sizeof *at);
    size_t dense = rounded((size_t)e->chunk * e->dx_image);
    float *dx = at + x + dy;
    return (Room){at, at + x, dx, dx + dense, dx + 2 * dense, weights_of(program, conv, kind)};
}

float *engine_piece(const CpuProgram *program, const Engine *e, int piece) {
    return (float *)program->scratch + (size_t)program->cpu->threads * room_floats(e) +
           (size_t)piece * piece_floats(e);
}

void engine_store(const CpuProgram *program, const Conv *conv, int count) {
    const Engine *e = conv->engine;
    const Kernels *k = program->cpu->kernels;
    float *dw = cpu_param(program->state, SECTION_GRADIENT, conv->weight);
    float *db = cpu_param(program->state, SECTION_GRADIENT, conv->bias);
    float *sum = engine_piece(program, e, 0);
    size_t part = e->weight_floats / SUM_PARTS;
#pragma omp parallel if (cpu_worth_threads(e->weight_floats * (size_t)count))
    {
#pragma omp for schedule(static)
        for (int i = 0; i < SUM_PARTS; i++)
            for (int piece = 1; piece < count; piece++)
                k->sum(sum + (size_t)i * part, sum + (size_t)i * part,
                       sum + (size_t)piece * piece_floats(e) + (size_t)i * part, part);
#pragma omp for schedule(static)
        for (int i = 0; i < e->parts; i++)
            e->ops->store(e, k, dw, sum, i);
    }
    for (int o = 0; db && o < conv->out.c; o++) {
        db[o] = 0;
        for (int piece = 0; piece < count; piece++)
            db[o] += sum[(size_t)piece * piece_floats(e) + e->weight_floats + (size_t)o];
    }
}

/* ---- all of a program ---- */

static const Conv *conv_with_engine(const CpuProgram *program, int node) {
    const Conv *conv = node_of(program, node)->op == OP_CONV2D ? program->op[node] : NULL;
    return conv && conv->engine ? conv : NULL;
}

void engine_renew_all(CpuProgram *program) {
    if (program->trains)
        return;
    if (program->engines_version == program->state->version)
        return;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < program->net->node_count; i++) {
        const Conv *conv = conv_with_engine(program, i);
        const Engine *e = conv ? conv->engine : NULL;
        for (int part = 0; e && e->copy && part < e->copy_parts[CONV_FORWARD]; part++)
            e->ops->renew(e, program->cpu->kernels, CONV_FORWARD, e->copy,
                          cpu_param(program->state, SECTION_VALUE, conv->weight), part);
    }
    program->engines_version = program->state->version;
}

Status engine_describe(const Program *base, FILE *file) {
    const CpuProgram *program = (const CpuProgram *)base;
    for (int i = 0; i < program->net->node_count; i++) {
        const Conv *conv = conv_with_engine(program, i);
        if (conv)
            fprintf(file, "%s: %s\n", conv->name, conv->engine->ops->name);
    }
    return STATUS_OK;
}
