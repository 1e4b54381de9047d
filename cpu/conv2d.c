/* y[n,k,p,q] = b[k] + sum_{c,r,s} w[k,c,r,s] x[n,c,p*stride+r-pad,q*stride+s-pad], by oneDNN.
 *
 * The state keeps weights as KCRS (oihw). For inference each primitive has its own blocked copy,
 * renewed when the state's version has moved; in training the copy is made for each execution.
 * Channels that do not fill a block get zero weights, so pad channels of y stay zero and dw of pad
 * channels is dropped. */
#include "cpu/conv2d.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/dnnl_check.h"

enum { CX, CY, CPLAIN_X, CPLAIN_Y }; /* buffers of every step; or their gradients */

static void conv_destroy(void *op) {
    Conv *conv = op;
    conv_set_destroy(&conv->full);
    conv_set_destroy(&conv->tail);
    free(conv->oihw);
    free(conv->bias_values);
    engine_destroy(conv->engine);
    free(conv);
}

/* Floats of one image as oneDNN sees it. */
static size_t x_image(const CpuProgram *program, const Conv *conv) {
    return conv->layout == CONV_BLOCKED ? blocked_count(conv->in, program->cpu->block)
                                        : shape_count(conv->in);
}
static size_t y_image(const CpuProgram *program, const Conv *conv) {
    return conv->layout == CONV_PLAIN ? shape_count(conv->out)
                                      : blocked_count(conv->out, program->cpu->block);
}

/* A piece's dw, then its db, or the weights; they lie behind the threads' scratchpads. */
static float *piece_values(const CpuProgram *program, const Conv *conv, const ConvPrim *prim,
                           int piece) {
    size_t users = prim->pieces > 1 ? (size_t)program->cpu->threads : 1;
    return (float *)program->scratch + users * conv_scratchpad(prim) / sizeof(float) +
           (size_t)piece * conv_piece_floats(conv, prim);
}

/* ---- weights between the state and the primitives ---- */

/* The number of weights of one output channel, in the state and as oneDNN counts. */
static size_t row_count(const Conv *conv, int channels) {
    return (size_t)channels * (size_t)conv->window.r * (size_t)conv->window.s;
}

/* The oihw weights for a reorder: the state's, or a copy with zero channels added. */
static float *padded_weights(const Conv *conv, CpuState *state) {
    float *w = cpu_param(state, SECTION_VALUE, conv->weight);
    size_t narrow = row_count(conv, conv->in.c), wide = row_count(conv, conv->channels_in);
    for (int k = 0; conv->oihw && k < conv->out.c; k++)
        memcpy(conv->oihw + (size_t)k * wide, w + (size_t)k * narrow, narrow * sizeof *w);
    if (conv->bias >= 0)
        memcpy(conv->bias_values, cpu_param(state, SECTION_VALUE, conv->bias),
               (size_t)conv->out.c * sizeof *w);
    return conv->oihw ? conv->oihw : w;
}

static Status run_reorder(const CpuProgram *program, const Conv *conv, const ConvPrim *prim,
                          float *oihw, bool to_oihw) {
    Status status = STATUS_OK;
    int threads = omp_get_max_threads();
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, to_oihw ? prim->weight : prim->plain},
                               {DNNL_ARG_TO, to_oihw ? prim->plain : prim->weight}};
    if (prim->weight_floats <= CONV_SMALL_WEIGHTS)
        omp_set_num_threads(1);
    DNNL_CHECK(dnnl_memory_set_data_handle(prim->plain, oihw), conv->name);
    DNNL_CHECK(dnnl_primitive_execute(prim->reorder, program->cpu->stream[0], 2, args), conv->name);
out:
    omp_set_num_threads(threads);
    return status;
}

static Status renew_weights(CpuProgram *program, const Conv *conv, ConvPrim *prim) {
    if (prim->lender)
        return renew_weights(program, conv, prim->lender);
    if (prim->weight_values && prim->version == program->state->version)
        return STATUS_OK;
    if (!prim->weight_values &&
        dnnl_memory_set_data_handle(prim->weight, piece_values(program, conv, prim, 0)) !=
            dnnl_success)
        return status_fail(STATUS_BACKEND, "%s: oneDNN refused a buffer", conv->name);
    TRY(run_reorder(program, conv, prim, padded_weights(conv, program->state), false));
    prim->version = program->state->version;
    return STATUS_OK;
}

static Status store_gradients(CpuProgram *program, const Conv *conv, const ConvPrim *prim) {
    float *dw = cpu_param(program->state, SECTION_GRADIENT, conv->weight);
    size_t narrow = row_count(conv, conv->in.c), wide = row_count(conv, conv->channels_in);
    float *sum = piece_values(program, conv, prim, 0);
    if (dnnl_memory_set_data_handle(prim->weight, sum) != dnnl_success)
        return status_fail(STATUS_BACKEND, "%s: oneDNN refused a buffer", conv->name);
    TRY(run_reorder(program, conv, prim, conv->oihw ? conv->oihw : dw, true));
    for (int k = 0; conv->oihw && k < conv->out.c; k++)
        memcpy(dw + (size_t)k * narrow, conv->oihw + (size_t)k * wide, narrow * sizeof *dw);
    if (conv->oihw) /* it serves the weights too, whose pad channels are zero */
        memset(conv->oihw, 0, (size_t)conv->channels_out * wide * sizeof *dw);
    if (conv->bias >= 0)
        memcpy(cpu_param(program->state, SECTION_GRADIENT, conv->bias), sum + prim->weight_floats,
               (size_t)conv->out.c * sizeof *dw);
    return STATUS_OK;
}

/* ---- running ---- */

/* The primitives for this many images: a short batch gets its own, kept until another count comes.
 */
static Status set_for(CpuProgram *program, Conv *conv, int count, ConvSet **set) {
    bool reference;
    *set = count == conv->full.count ? &conv->full : &conv->tail;
    if ((*set)->count == count)
        return STATUS_OK;
    conv_set_destroy(*set);
    TRY(conv_set_create(conv, program->cpu, count, *set, &reference));
    if (reference)
        return status_fail(STATUS_BACKEND,
                           "node '%s' (conv2d): oneDNN has only its reference implementation for a "
                           "batch of %d images, though not for %d; use another batch size",
                           conv->name, count, conv->full.count);
    size_t scratch = conv_set_scratch(conv, *set, program->cpu->threads);
    if (scratch > program->scratch_bytes) {
        float *bigger = cpu_floats(scratch / sizeof(float) + 16);
        if (!bigger)
            return status_fail(STATUS_NO_MEMORY, "node '%s': no memory for scratch", conv->name);
        free(program->scratch);
        program->scratch = bigger;
        program->scratch_bytes = scratch;
    }
    return STATUS_OK;
}

/* Images [piece * images, ...) through the primitive. x and y begin at image 0. */
static Status execute_piece(const CpuProgram *program, const Step *step, ConvKind kind,
                            const ConvPrim *prim, int piece, float *x, float *y) {
    static const int arg_of[CONV_KINDS][4] = {
        {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS},
        {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, 0},
        {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS},
    };
    Status status = STATUS_OK;
    const Conv *conv = step->op;
    const ConvArgs *m = &prim->args[piece];
    const int *arg = arg_of[kind];
    dnnl_exec_arg_t args[5] = {{arg[0], m->x},
                               {arg[1], m->y},
                               {arg[2], m->weight},
                               {DNNL_ARG_SCRATCHPAD, m->scratch},
                               {arg[3], m->bias}};
    bool has_bias = conv->bias >= 0 && kind != CONV_DATA;
    size_t first = (size_t)piece * (size_t)prim->images;
    float *weight =
        prim->weight_values ? prim->weight_values : piece_values(program, conv, prim, piece);
    float *bias = kind == CONV_WEIGHTS ? weight + prim->weight_floats : conv->bias_values;
    size_t thread = prim->pieces > 1 ? (size_t)omp_get_thread_num() : 0;
    DNNL_CHECK(dnnl_memory_set_data_handle(m->x, x + first * x_image(program, conv)), conv->name);
    DNNL_CHECK(dnnl_memory_set_data_handle(m->y, y + first * y_image(program, conv)), conv->name);
    DNNL_CHECK(dnnl_memory_set_data_handle(m->weight, weight), conv->name);
    DNNL_CHECK(dnnl_memory_set_data_handle(m->scratch, (char *)program->scratch +
                                                           thread * conv_scratchpad(prim)),
               conv->name);
    if (has_bias)
        DNNL_CHECK(dnnl_memory_set_data_handle(m->bias, bias), conv->name);
    DNNL_CHECK(dnnl_primitive_execute(prim->primitive, program->cpu->stream[thread],
                                      has_bias ? 5 : 4, args),
               conv->name);
out:
    return status;
}

/* Adds all pieces' dw and db to piece 0's, in order. */
static void sum_pieces(const CpuProgram *program, const Conv *conv, const ConvPrim *prim) {
    size_t n = conv_piece_floats(conv, prim);
    float *sum = piece_values(program, conv, prim, 0);
#pragma omp parallel for schedule(static) if (cpu_worth_threads(n * (size_t)prim->pieces))
    for (size_t begin = 0; begin < n; begin += 256)
        for (int piece = 1; piece < prim->pieces; piece++) {
            const float *from = sum + (size_t)piece * n;
            for (size_t i = begin; i < n && i < begin + 256; i++)
                sum[i] += from[i];
        }
}

static Status execute(const CpuProgram *program, const Step *step, ConvKind kind,
                      const ConvPrim *prim, float *x, float *y) {
    Status statuses[CONV_PIECES];
    if (prim->pieces == 1)
        return execute_piece(program, step, kind, prim, 0, x, y);
#pragma omp parallel for schedule(static)
    for (int piece = 0; piece < prim->pieces; piece++)
        statuses[piece] = execute_piece(program, step, kind, prim, piece, x, y);
    for (int piece = 0; piece < prim->pieces; piece++)
        if (statuses[piece] != STATUS_OK)
            return status_fail(statuses[piece],
                               "node '%s' (conv2d): oneDNN failed on a piece of the batch",
                               node_of(program, step->node)->name);
    sum_pieces(program, step->op, prim);
    return STATUS_OK;
}

static Status run(CpuProgram *program, const Step *step, int count, ConvKind kind) {
    Conv *conv = step->op;
    ConvSet *set;
    int block = program->cpu->block;
    float *x = step_buffer(program, step, CX), *y = step_buffer(program, step, CY);
    float *plain_x = step_buffer(program, step, CPLAIN_X);
    float *plain_y = step_buffer(program, step, CPLAIN_Y);
    TRY(set_for(program, conv, count, &set));
    ConvPrim *prim = &set->prim[kind];
    if (kind != CONV_WEIGHTS)
        TRY(renew_weights(program, conv, prim));
    if (conv->layout == CONV_PLAIN && kind != CONV_DATA)
        layout_unpack(plain_x, x, conv->in, count, block);
    if (conv->layout == CONV_PLAIN && kind != CONV_FORWARD)
        layout_unpack(plain_y, y, conv->out, count, block);
    TRY(execute(program, step, kind, prim, plain_x ? plain_x : x, plain_y ? plain_y : y));
    if (conv->layout == CONV_PLAIN && kind == CONV_FORWARD)
        layout_pack(y, plain_y, conv->out, count, block);
    if (conv->layout == CONV_PLAIN && kind == CONV_DATA)
        layout_pack(x, plain_x, conv->in, count, block);
    return kind == CONV_WEIGHTS ? store_gradients(program, conv, prim) : STATUS_OK;
}

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    return run(program, step, count, CONV_FORWARD);
}
static Status run_data(CpuProgram *program, const Step *step, int count) {
    return run(program, step, count, CONV_DATA);
}
static Status run_weights(CpuProgram *program, const Step *step, int count) {
    return run(program, step, count, CONV_WEIGHTS);
}

/* ---- planning ---- */

static void take_layout(Conv *conv, ConvLayout layout, int block) {
    conv->layout = layout;
    conv->channels_in = layout == CONV_BLOCKED ? padded_channels(conv->in.c, block) : conv->in.c;
    conv->channels_out = layout == CONV_PLAIN ? conv->out.c : padded_channels(conv->out.c, block);
}

static Status allocate(Conv *conv) {
    size_t total = (size_t)conv->channels_out * row_count(conv, conv->channels_in);
    bool padded = conv->channels_in != conv->in.c || conv->channels_out != conv->out.c;
    conv->oihw = padded ? cpu_floats(total) : NULL;
    conv->bias_values = conv->bias >= 0 ? cpu_floats((size_t)conv->channels_out) : NULL;
    if ((padded && !conv->oihw) || (conv->bias >= 0 && !conv->bias_values))
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
    return STATUS_OK;
}

/* oneDNN's primitives, in the first layout that it has more than its reference for. */
static Status create_primitives(CpuProgram *program, Conv *conv, bool stem) {
    bool reference = true;
    for (int layout = stem ? CONV_STEM : CONV_BLOCKED; reference && layout < CONV_LAYOUTS;
         layout++) {
        take_layout(conv, layout, program->cpu->block);
        TRY(conv_set_create(conv, program->cpu, program->images, &conv->full, &reference));
    }
    if (reference)
        return status_fail(STATUS_BACKEND,
                           "node '%s' (conv2d): oneDNN has only its slow reference implementation "
                           "for %dx%dx%d, kernel %dx%d, stride %d, pad %d; use backend=ref",
                           conv->name, conv->in.c, conv->in.h, conv->in.w, conv->window.r,
                           conv->window.s, conv->window.stride, conv->window.pad);
    plan_scratch(program, conv_set_scratch(conv, &conv->full, program->cpu->threads));
    return allocate(conv);
}

static Status create_engine(CpuProgram *program, Conv *conv, bool stem) {
    take_layout(conv, stem ? CONV_STEM : CONV_BLOCKED, program->cpu->block);
    TRY(engine_create(program, conv, &conv->engine));
    plan_scratch(program, engine_scratch(program, conv->engine));
    return STATUS_OK;
}

static Status conv_create(CpuProgram *program, int id, Conv **result) {
    const Node *node = node_of(program, id);
    Conv *conv = *result = calloc(1, sizeof *conv);
    program->op[id] = conv;
    if (!conv)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", node->name);
    bool data = program->trains && program->use[node->inputs[0]].needs_gradient;
    bool stem = node->inputs[0] == 0 && !data;
    conv->in = node_in(program->net, id);
    conv->out = node->out;
    conv->window = node->window;
    conv->weight = node->weight;
    conv->bias = node->bias;
    conv->name = node->name;
    conv->inference = !program->trains;
    conv->wanted[CONV_FORWARD] = true;
    conv->wanted[CONV_DATA] = data;
    conv->wanted[CONV_WEIGHTS] = program->trains;
    return chunk_fits(program, id) ? create_engine(program, conv, stem)
                                   : create_primitives(program, conv, stem);
}

/* A step with the conversion buffers of CONV_PLAIN. */
static void plan_conv(CpuProgram *program, StepFn fn, int node, int x, int y) {
    const Conv *conv = program->op[node];
    bool plain = conv->layout == CONV_PLAIN;
    int plain_x = plain ? plan_buffer(program, shape_count(conv->in)) : NONE;
    int plain_y = plain ? plan_buffer(program, shape_count(conv->out)) : NONE;
    plan_step(program, (Step){fn, node, {x, y, plain_x, plain_y, NONE, NONE}, program->op[node]});
}

static int input_buffer(CpuProgram *program, int node) {
    const Conv *conv = program->op[node];
    return conv->layout == CONV_STEM ? program->input
                                     : plan_read(program, node_of(program, node)->inputs[0]);
}

static Status plan_forward(CpuProgram *program, int node) {
    Conv *conv;
    TRY(conv_create(program, node, &conv));
    if (conv->engine)
        return chunk_plan_forward(program, node);
    int x = input_buffer(program, node);
    plan_conv(program, run_forward, node, x, plan_value(program, node));
    return STATUS_OK;
}

static Status plan_backward(CpuProgram *program, int node) {
    const Conv *conv = program->op[node];
    if (conv->engine)
        return chunk_plan_backward(program, node);
    int input = node_of(program, node)->inputs[0];
    int dy = plan_gradient(program, node);
    plan_conv(program, run_weights, node, input_buffer(program, node), dy);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = plan_activation(program, shape_of(program, input));
    plan_conv(program, run_data, node, dx, dy);
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_conv2d = {plan_forward, plan_backward, conv_destroy};
