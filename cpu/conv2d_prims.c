/* Making oneDNN's primitives and memories for a convolution. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/conv2d.h"
#include "cpu/dnnl_check.h"

/* Descriptions of the tensors of one convolution, N = count. */
typedef struct ConvMd {
    dnnl_memory_desc_t x, y, weight_any, oihw, bias;
    dnnl_dims_t strides, pad_before, pad_after;
} ConvMd;

static dnnl_format_tag_t blocked_tag(const CpuBackend *cpu) {
    return cpu->block == 16 ? dnnl_nChw16c : dnnl_nChw8c;
}

static Status describe(const Conv *conv, const CpuBackend *cpu, int count, ConvMd *md) {
    Status status = STATUS_OK;
    const Window *w = &conv->window;
    bool x_plain = conv->layout != CONV_BLOCKED, y_plain = conv->layout == CONV_PLAIN;
    dnnl_dims_t x = {count, conv->channels_in, conv->in.h, conv->in.w};
    dnnl_dims_t y = {count, conv->channels_out, conv->out.h, conv->out.w};
    dnnl_dims_t weight = {conv->channels_out, conv->channels_in, w->r, w->s};
    dnnl_dims_t bias = {conv->channels_out};
    DNNL_CHECK(dnnl_memory_desc_init_by_tag(&md->x, 4, x, dnnl_f32,
                                            x_plain ? dnnl_nchw : blocked_tag(cpu)),
               conv->name);
    DNNL_CHECK(dnnl_memory_desc_init_by_tag(&md->y, 4, y, dnnl_f32,
                                            y_plain ? dnnl_nchw : blocked_tag(cpu)),
               conv->name);
    DNNL_CHECK(dnnl_memory_desc_init_by_tag(&md->oihw, 4, weight, dnnl_f32, dnnl_oihw), conv->name);
    DNNL_CHECK(dnnl_memory_desc_init_by_tag(&md->weight_any, 4, weight, dnnl_f32,
                                            y_plain ? dnnl_oihw : dnnl_format_tag_any),
               conv->name);
    DNNL_CHECK(dnnl_memory_desc_init_by_tag(&md->bias, 1, bias, dnnl_f32, dnnl_a), conv->name);
    md->strides[0] = md->strides[1] = w->stride;
    md->pad_before[0] = md->pad_before[1] = w->pad;
    md->pad_after[0] = (conv->out.h - 1) * w->stride + w->r - conv->in.h - w->pad;
    md->pad_after[1] = (conv->out.w - 1) * w->stride + w->s - conv->in.w - w->pad;
out:
    return status;
}

static Status describe_operation(const Conv *conv, const ConvMd *md, ConvKind kind,
                                 dnnl_convolution_desc_t *desc) {
    Status status = STATUS_OK;
    const dnnl_memory_desc_t *bias = conv->bias >= 0 ? &md->bias : NULL;
    if (kind == CONV_FORWARD)
        DNNL_CHECK(dnnl_convolution_forward_desc_init(
                       desc, conv->inference ? dnnl_forward_inference : dnnl_forward_training,
                       dnnl_convolution_direct, &md->x, &md->weight_any, bias, &md->y, md->strides,
                       md->pad_before, md->pad_after),
                   conv->name);
    else if (kind == CONV_DATA)
        DNNL_CHECK(dnnl_convolution_backward_data_desc_init(desc, dnnl_convolution_direct, &md->x,
                                                            &md->weight_any, &md->y, md->strides,
                                                            md->pad_before, md->pad_after),
                   conv->name);
    else
        DNNL_CHECK(dnnl_convolution_backward_weights_desc_init(
                       desc, dnnl_convolution_direct, &md->x, &md->weight_any, bias, &md->y,
                       md->strides, md->pad_before, md->pad_after),
                   conv->name);
out:
    return status;
}

static bool is_reference(const_dnnl_primitive_desc_t pd) {
    const char *name = "";
    return dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) != dnnl_success ||
           strncmp(name, "ref", 3) == 0;
}

/* The primitive descriptor, with the scratchpad left to us: oneDNN's own belongs to the thread that
 * made the primitive. `hint`: the forward one, for the backward kinds. */
static Status choose(const Conv *conv, CpuBackend *cpu, const ConvMd *md, ConvKind kind,
                     const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *pd, bool *reference) {
    Status status = STATUS_OK;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_convolution_desc_t desc;
    CHECK(describe_operation(conv, md, kind, &desc));
    DNNL_CHECK(dnnl_primitive_attr_create(&attr), conv->name);
    DNNL_CHECK(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
               conv->name);
    dnnl_status_t result = dnnl_primitive_desc_create(pd, &desc, attr, cpu->engine, hint);
    if (result == dnnl_unimplemented)
        *reference = true; /* nothing at all: as bad */
    else
        DNNL_CHECK(result, conv->name);
    if (result == dnnl_success && is_reference(*pd))
        *reference = true;
out:
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static Status reorder_create(const Conv *conv, CpuBackend *cpu, const dnnl_memory_desc_t *from,
                             const dnnl_memory_desc_t *to, dnnl_primitive_t *reorder) {
    Status status = STATUS_OK;
    dnnl_primitive_desc_t pd = NULL;
    DNNL_CHECK(dnnl_reorder_primitive_desc_create(&pd, from, cpu->engine, to, cpu->engine, NULL),
               conv->name);
    DNNL_CHECK(dnnl_primitive_create(reorder, pd), conv->name);
out:
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return status;
}

/* Memories without addresses: each execution sets them. */
static Status args_create(const Conv *conv, CpuBackend *cpu, const ConvMd *md,
                          const dnnl_memory_desc_t *weight, const dnnl_memory_desc_t *scratch,
                          ConvArgs *args) {
    Status status = STATUS_OK;
    dnnl_engine_t e = cpu->engine;
    DNNL_CHECK(dnnl_memory_create(&args->x, &md->x, e, DNNL_MEMORY_NONE), conv->name);
    DNNL_CHECK(dnnl_memory_create(&args->y, &md->y, e, DNNL_MEMORY_NONE), conv->name);
    DNNL_CHECK(dnnl_memory_create(&args->weight, weight, e, DNNL_MEMORY_NONE), conv->name);
    DNNL_CHECK(dnnl_memory_create(&args->scratch, scratch, e, DNNL_MEMORY_NONE), conv->name);
    if (conv->bias >= 0)
        DNNL_CHECK(dnnl_memory_create(&args->bias, &md->bias, e, DNNL_MEMORY_NONE), conv->name);
out:
    return status;
}

/* Has the full batch's primitive its weights in the same format? Then a short batch's borrows them.
 */
static bool lends(const Conv *conv, ConvKind kind, const ConvPrim *prim,
                  const dnnl_memory_desc_t *weight) {
    const ConvPrim *full = &conv->full.prim[kind];
    const dnnl_memory_desc_t *its;
    return kind != CONV_WEIGHTS && full != prim && full->weight &&
           dnnl_memory_get_memory_desc(full->weight, &its) == dnnl_success &&
           dnnl_memory_desc_equal(its, weight);
}

static Status keep_weights(const Conv *conv, ConvKind kind, ConvPrim *prim,
                           const dnnl_memory_desc_t *weight) {
    if (lends(conv, kind, prim, weight))
        prim->lender = (ConvPrim *)&conv->full.prim[kind];
    prim->weight_values =
        prim->lender ? prim->lender->weight_values : cpu_floats(prim->weight_floats);
    return prim->weight_values
               ? STATUS_OK
               : status_fail(STATUS_NO_MEMORY, "no memory for node '%s'", conv->name);
}

static Status prim_create(const Conv *conv, CpuBackend *cpu, const ConvMd *md, ConvKind kind,
                          const_dnnl_primitive_desc_t pd, ConvPrim *prim) {
    Status status = STATUS_OK;
    const dnnl_memory_desc_t *weight = dnnl_primitive_desc_query_md(
        pd, kind == CONV_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    prim->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    prim->weight_floats = dnnl_memory_desc_get_size(weight) / sizeof(float);
    if (conv->inference)
        CHECK(keep_weights(conv, kind, prim, weight));
    DNNL_CHECK(dnnl_memory_create(&prim->weight, weight, cpu->engine,
                                  prim->weight_values ? prim->weight_values : DNNL_MEMORY_NONE),
               conv->name);
    DNNL_CHECK(dnnl_memory_create(&prim->plain, &md->oihw, cpu->engine, DNNL_MEMORY_NONE),
               conv->name);
    for (int i = 0; i < prim->pieces; i++)
        CHECK(args_create(conv, cpu, md, weight, scratch, &prim->args[i]));
    DNNL_CHECK(dnnl_primitive_create(&prim->primitive, pd), conv->name);
    int threads = omp_get_max_threads();
    if (prim->weight_floats <= CONV_SMALL_WEIGHTS)
        omp_set_num_threads(1);
    if (kind == CONV_WEIGHTS)
        status = reorder_create(conv, cpu, weight, &md->oihw, &prim->reorder);
    else
        status = reorder_create(conv, cpu, &md->oihw, weight, &prim->reorder);
    omp_set_num_threads(threads);
out:
    return status;
}

/* One direction: its descriptor (with a forward one as hint), then everything else. */
static Status kind_create(const Conv *conv, CpuBackend *cpu, ConvKind kind, ConvPrim *prim,
                          bool *reference) {
    Status status = STATUS_OK;
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    ConvMd md;
    CHECK(describe(conv, cpu, prim->images, &md));
    CHECK(choose(conv, cpu, &md, CONV_FORWARD, NULL, &forward, reference));
    if (kind != CONV_FORWARD && !*reference)
        CHECK(choose(conv, cpu, &md, kind, forward, &pd, reference));
    if (!*reference)
        CHECK(prim_create(conv, cpu, &md, kind, pd ? pd : forward, prim));
out:
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (forward)
        dnnl_primitive_desc_destroy(forward);
    return status;
}

/* The largest number of equal pieces. One for a prime batch and for weights so large that a copy a
 * piece would cost more than it saves: there oneDNN uses its own threads. */
static int piece_count(const Conv *conv, int count) {
    size_t weights = (size_t)conv->channels_out * (size_t)conv->channels_in *
                     (size_t)(conv->window.r * conv->window.s);
    if (weights > CONV_SMALL_WEIGHTS)
        return 1;
    for (int pieces = CONV_PIECES; pieces > 1; pieces--)
        if (count % pieces == 0)
            return pieces;
    return 1;
}

Status conv_set_create(const Conv *conv, CpuBackend *cpu, int count, ConvSet *set,
                       bool *reference) {
    Status status = STATUS_OK;
    *set = (ConvSet){.count = count};
    *reference = false;
    for (int kind = 0; kind < CONV_KINDS && !*reference; kind++) {
        ConvPrim *prim = &set->prim[kind];
        if (!conv->wanted[kind])
            continue;
        prim->pieces = kind == CONV_WEIGHTS ? piece_count(conv, count) : 1;
        prim->images = count / prim->pieces;
        int threads = omp_get_max_threads(); /* a primitive is made for so many, once and for all */
        if (prim->pieces > 1)
            omp_set_num_threads(1);
        status = kind_create(conv, cpu, kind, prim, reference);
        omp_set_num_threads(threads);
        CHECK(status);
    }
out:
    if (status != STATUS_OK || *reference)
        conv_set_destroy(set);
    return status;
}

static void memory_destroy(dnnl_memory_t memory) {
    if (memory)
        dnnl_memory_destroy(memory);
}

static void prim_destroy(ConvPrim *prim) {
    for (int i = 0; i < prim->pieces; i++) {
        memory_destroy(prim->args[i].x);
        memory_destroy(prim->args[i].y);
        memory_destroy(prim->args[i].weight);
        memory_destroy(prim->args[i].scratch);
        memory_destroy(prim->args[i].bias);
    }
    memory_destroy(prim->weight);
    memory_destroy(prim->plain);
    if (prim->primitive)
        dnnl_primitive_destroy(prim->primitive);
    if (prim->reorder)
        dnnl_primitive_destroy(prim->reorder);
    if (!prim->lender)
        free(prim->weight_values);
}

void conv_set_destroy(ConvSet *set) {
    for (int kind = 0; kind < CONV_KINDS; kind++)
        prim_destroy(&set->prim[kind]);
    *set = (ConvSet){0};
}

size_t conv_scratchpad(const ConvPrim *prim) {
    return (prim->scratch_bytes + 63) / 64 * 64;
}

size_t conv_piece_floats(const Conv *conv, const ConvPrim *prim) {
    return (prim->weight_floats + (size_t)conv->channels_out + 15) / 16 * 16;
}

size_t conv_set_scratch(const Conv *conv, const ConvSet *set, int threads) {
    size_t most = 0;
    for (int kind = 0; kind < CONV_KINDS; kind++) {
        const ConvPrim *prim = &set->prim[kind];
        size_t users = prim->pieces > 1 ? (size_t)threads : 1;
        size_t bytes = users * conv_scratchpad(prim);
        if (!conv->inference)
            bytes += (size_t)prim->pieces * conv_piece_floats(conv, prim) * sizeof(float);
        most = bytes > most ? bytes : most;
    }
    return most;
}
