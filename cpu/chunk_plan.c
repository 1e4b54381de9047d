/* Which of a batch norm's loops run in a convolution's chunks, and those convolutions' steps. */
#include "cpu/chunk.h"

#include "cpu/chunk_run.h"
#include "cpu/conv2d.h"
#include "cpu/engine.h"

/* ---- who takes what ---- */

bool chunk_fits(const CpuProgram *program, int id) {
    const Node *node = node_of(program, id);
    return node->op == OP_CONV2D && program->base.spec.conv == CONV_ALGORITHM_WINOGRAD &&
           engine_fits(node_in(program->net, id), node->out, node->window);
}

/* The convolution that makes the group's input, if nobody else reads it; NONE. */
static int producer_of(const CpuProgram *program, const FusedGroup *group) {
    int input = node_of(program, group->bn)->inputs[0];
    return chunk_fits(program, input) && program->use[input].consumers == 1 ? input : NONE;
}

/* The convolution that is the first to read the group's output, and so can make it; NONE. */
static int reader_of(const CpuProgram *program, const FusedGroup *group) {
    int reader = program->plan[group->last].first_reader;
    if (reader < 0 || chunk_normalises_behind(program, group))
        return NONE;
    return chunk_fits(program, reader) ? reader : NONE;
}

/* Is the node's value stored before `node` runs? A group's may be made by its first reader. */
static bool stored_before(const CpuProgram *program, int value, int node) {
    const FusedGroup *group = group_ending(program, value);
    int reader = group ? reader_of(program, group) : NONE;
    return value < node && (reader < 0 || reader <= node);
}

bool chunk_normalises_behind(const CpuProgram *program, const FusedGroup *group) {
    int producer = producer_of(program, group);
    return program->base.spec.mode == MODE_EVAL && producer >= 0 &&
           !program->plan[producer].tapped &&
           (group->skip < 0 || stored_before(program, group->skip, producer));
}

/* Must the output of a group that a convolution makes be kept? */
static bool keeps(const CpuProgram *program, const FusedGroup *group) {
    return program->use[group->last].consumers > 1 || program->plan[group->last].tapped ||
           (program->trains && group->add >= 0);
}

/* Can the backward make it again? A shortcut must then be there. */
static bool remakes(const CpuProgram *program, const FusedGroup *group) {
    return program->trains && !program->plan[group->last].tapped &&
           (group->skip < 0 || !program->plan[group->skip].remade);
}

void chunk_claim_forward(const CpuProgram *program, BatchNorm *bn) {
    bn->counted = bn->planes >= 0 && producer_of(program, &bn->group) >= 0;
    bn->normalised = reader_of(program, &bn->group) >= 0;
}

void chunk_claim_backward(const CpuProgram *program, BatchNorm *bn) {
    int producer = producer_of(program, &bn->group);
    bn->applied = producer >= 0 && !program->plan[producer].tapped_gradient;
}

void chunk_pass_gradient(CpuProgram *program, const BatchNorm *bn, int g) {
    int producer = producer_of(program, &bn->group);
    program->plan[producer].gradient = (Gradient){{g, NONE}, 1};
    program->buffers[g].readers++;
}

/* ---- forward ---- */

static BatchNorm *batch_norm_behind(CpuProgram *program, int node) {
    int reader = program->plan[node].first_reader;
    const FusedGroup *group = reader >= 0 ? group_of(program, reader) : NULL;
    return group && producer_of(program, group) == node ? batch_norm_of(program, group->bn) : NULL;
}

/* The group whose output `node` reads and makes; NULL. */
static const FusedGroup *source_group(const CpuProgram *program, int node) {
    const FusedGroup *group = group_ending(program, node_of(program, node)->inputs[0]);
    return group && reader_of(program, group) == node ? group : NULL;
}

static void plan_source(CpuProgram *program, Chunk *chunk, int node) {
    const FusedGroup *group = source_group(program, node);
    int input = node_of(program, node)->inputs[0];
    chunk->skip = chunk->kept = NONE;
    if (!group) {
        const Conv *conv = program->op[node];
        chunk->x = conv->engine->plain ? program->input : plan_read(program, input);
        return;
    }
    chunk->source = program->op[group->bn];
    chunk->x = plan_read(program, node_of(program, group->bn)->inputs[0]);
    if (group->skip >= 0)
        chunk->skip = plan_read(program, group->skip);
    if (keeps(program, group))
        chunk->kept = plan_value(program, input);
    chunk->remakes = program->plan[input].remade = chunk->kept >= 0 && remakes(program, group);
}

static void plan_behind(CpuProgram *program, Chunk *chunk, int node) {
    chunk->y = plan_value(program, node);
    chunk->behind = batch_norm_behind(program, node);
    chunk->y_skip = NONE;
    chunk->normalises = chunk->behind && chunk_normalises_behind(program, &chunk->behind->group);
    if (chunk->normalises && chunk->behind->group.skip >= 0)
        chunk->y_skip = plan_read(program, chunk->behind->group.skip);
}

/* A step with more buffers than a Step names. */
static void plan_chunk_step(CpuProgram *program, StepFn fn, int node, const int *buffers,
                            int count) {
    plan_step(program, (Step){fn, node, {NONE, NONE, NONE, NONE, NONE, NONE}, program->op[node]});
    for (int i = 0; i < count; i++)
        plan_use(program, buffers[i]);
}

/* Is y made again in the backward? Then its batch norm must be all that reads it, in loops of the
 * convolutions on both sides. */
static bool recomputes(const CpuProgram *program, const Conv *conv, int node) {
    const Chunk *chunk = &conv->chunk;
    Window w = conv->window;
    if (!program->trains || !chunk->source || chunk->skip >= 0 || chunk->kept >= 0 ||
        !chunk->behind || reader_of(program, &chunk->behind->group) < 0)
        return false;
    const NodePlan *y = &program->plan[node], *end = &program->plan[chunk->behind->group.last];
    return w.r == 1 && w.s == 1 && w.stride == 1 && conv->out.c >= 2 * conv->in.c && !y->tapped &&
           !y->tapped_gradient && !end->tapped_gradient;
}

Status chunk_plan_forward(CpuProgram *program, int node) {
    Conv *conv = program->op[node];
    Chunk *chunk = &conv->chunk;
    plan_source(program, chunk, node);
    plan_behind(program, chunk, node);
    chunk->recomputed = recomputes(program, conv, node);
    int planes = chunk->behind ? chunk->behind->planes : NONE;
    int buffers[] = {chunk->x, chunk->skip, chunk->kept, chunk->y, chunk->y_skip, planes};
    plan_chunk_step(program, chunk_run_forward, node, buffers, 6);
    return program->status;
}

/* ---- backward ---- */

/* The output of the convolution in front of `source`, for whoever reads it in the backward. */
static int value_again(CpuProgram *program, const BatchNorm *source) {
    int node = node_of(program, source->group.bn)->inputs[0];
    Conv *conv = producer_of(program, &source->group) == node ? program->op[node] : NULL;
    if (conv && conv->chunk.recomputed) {
        conv->back = conv->chunk;
        conv->back.y = plan_value(program, node);
        int buffers[] = {conv->back.x, conv->back.y};
        plan_chunk_step(program, chunk_run_again, node, buffers, 2);
    }
    return program->plan[node].value;
}

/* dx becomes the source's masked gradient when this is the last part of it. */
static void plan_reduce(CpuProgram *program, Chunk *chunk, int input) {
    BatchNorm *bn = chunk->source;
    Gradient *gradient = &program->plan[input].gradient;
    chunk->reduces = bn->reduced = true;
    chunk->other = plan_gradient(program, input);
    bool stored = bn_mask(&bn->group) == BN_MASK_OUTPUT && !chunk->remakes;
    chunk->output = stored ? program->plan[input].value : NONE;
    chunk->dx = plan_overwritable(program, chunk->other)
                    ? chunk->other
                    : plan_activation(program, shape_of(program, input));
    *gradient = (Gradient){{chunk->dx, NONE}, 1};
}

static void plan_data(CpuProgram *program, Chunk *chunk, int input) {
    chunk->dx = chunk->other = chunk->output = NONE;
    if (!program->use[input].needs_gradient)
        return;
    if (chunk->source && !program->plan[input].tapped_gradient)
        plan_reduce(program, chunk, input);
    else
        chunk->dx = plan_activation(program, shape_of(program, input));
}

Status chunk_plan_backward(CpuProgram *program, int node) {
    Conv *conv = program->op[node];
    Chunk *chunk = &conv->back;
    int input = node_of(program, node)->inputs[0];
    if (!conv->chunk.recomputed)
        conv->back = conv->chunk;
    if (chunk->source)
        chunk->x = value_again(program, chunk->source);
    bool applies = chunk->behind && chunk->behind->applied;
    chunk->again = !chunk->source ? chunk->x : chunk->remakes ? NONE : chunk->kept;
    chunk->g = plan_gradient(program, node);
    if (applies)
        program->buffers[chunk->g].readers--;
    plan_data(program, chunk, input);
    int sums = chunk->reduces ? chunk->source->sums : NONE;
    bool reads_x = chunk->again < 0 || chunk->reduces;
    int buffers[] = {chunk->again,
                     reads_x ? chunk->x : NONE,
                     reads_x && chunk->again < 0 ? chunk->skip : NONE,
                     applies ? chunk->y : NONE,
                     chunk->g,
                     chunk->dx,
                     chunk->other,
                     chunk->output,
                     sums};
    plan_chunk_step(program, chunk_run_backward, node, buffers, 9);
    if (!chunk->reduces)
        plan_contribute(program, input, chunk->dx);
    return program->status;
}
