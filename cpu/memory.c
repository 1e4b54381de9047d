/* How much a program holds, by what it is for. */
#include "cpu/conv2d.h"
#include "cpu/layout.h"

static int64_t floats(size_t count) {
    return (int64_t)(count * sizeof(float));
}

/* Those of training lie in scratch. */
static int64_t set_weights(const ConvSet *set) {
    int64_t bytes = 0;
    for (int kind = CONV_FORWARD; set->count && kind <= CONV_DATA; kind++)
        if (set->prim[kind].weight_values && !set->prim[kind].lender)
            bytes += floats(set->prim[kind].weight_floats);
    return bytes;
}

/* oneDNN's formats, the padded copy that they are made from, an engine's own. */
static int64_t conv_weights(const Conv *conv) {
    size_t area = (size_t)conv->window.r * (size_t)conv->window.s;
    int64_t bytes = set_weights(&conv->full) + set_weights(&conv->tail);
    if (conv->oihw)
        bytes += floats((size_t)conv->channels_out * (size_t)conv->channels_in * area);
    return conv->engine && conv->engine->copy
               ? bytes + floats(conv->engine->copy_floats[CONV_FORWARD])
               : bytes;
}

/* Permuted into the order of blocked inputs; the gradient likewise. */
static int64_t linear_weights(const CpuProgram *program, int node) {
    size_t wide = blocked_count(node_in(program->net, node), program->cpu->block);
    return floats((size_t)shape_of(program, node).c * wide) * (program->trains ? 2 : 1);
}

static int64_t reordered_weights(const CpuProgram *program) {
    int64_t bytes = 0;
    for (int i = 0; i < program->net->node_count; i++) {
        if (!program->op[i])
            continue;
        if (node_of(program, i)->op == OP_CONV2D)
            bytes += conv_weights(program->op[i]);
        else if (node_of(program, i)->op == OP_LINEAR)
            bytes += linear_weights(program, i);
    }
    return bytes;
}

static int64_t dataset_bytes(const DatasetSpec *spec) {
    size_t pixels = shape_count(spec->shape), count = (size_t)spec->count;
    int64_t bytes = (int64_t)(count * sizeof *spec->labels);
    bytes += spec->bytes ? (int64_t)(count * pixels) : floats(count * pixels);
    bytes += spec->mean ? floats(shape_count(dataset_shape(spec))) : 0;
    return bytes + (spec->scale ? floats((size_t)spec->shape.c) : 0);
}

Status cpu_memory(const Program *base, const Dataset *data, Memory *memory) {
    const CpuProgram *program = (const CpuProgram *)base;
    const Net *net = program->net;
    const CpuState *state = program->state;
    int moments = !!state->momentum + !!state->square;
    *memory = (Memory){{
        [MEMORY_ACTIVATIONS] = floats(program->arena_floats),
        [MEMORY_SCRATCH] = (int64_t)program->scratch_bytes,
        [MEMORY_WEIGHTS] = floats(net->learned_count + net->statistic_count),
        [MEMORY_GRADIENTS] = state->gradient ? floats(net->learned_count) : 0,
        [MEMORY_OPTIMIZER] = floats(net->learned_count) * moments,
        [MEMORY_REORDERED] = reordered_weights(program),
        [MEMORY_DATASET] = dataset_bytes(&data->spec),
    }};
    return STATUS_OK;
}
