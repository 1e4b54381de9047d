/* The warp's primitives: the lanes of a mask meet, and then all get their answers. */
#include "block.h"

namespace softgpu {

const char *warp_name(Warp kind) {
    switch (kind) {
    case Warp::sync:
        return "__syncwarp";
    case Warp::shuffle_down:
        return "__shfl_down_sync";
    case Warp::shuffle_xor:
        return "__shfl_xor_sync";
    case Warp::shuffle:
        return "__shfl_sync";
    case Warp::ballot:
        return "__ballot_sync";
    }
    return "?";
}

unsigned lane() {
    return block.current % 32;
}

static void check_call(unsigned t, Warp kind, unsigned mask, unsigned source, int line) {
    const char *call = warp_name(kind);
    if (!(mask >> t % 32 & 1))
        kernel_die(t, "%s with mask %08x (line %d), which lacks the lane itself", call, mask, line);
    if (!(mask >> source & 1))
        kernel_die(t, "%s with mask %08x (line %d) reads lane %u, which is not in the mask", call,
                   mask, line, source);
    unsigned absent = mask & ~block.alive[t / 32];
    if (absent) {
        unsigned l = (unsigned)__builtin_ctz(absent);
        kernel_die(t, "%s with mask %08x (line %d): lane %u is absent: %s", call, mask, line, l,
                   (t & ~31u) + l < block.size ? "it has returned" : "the block ends before it");
    }
}

/* All lanes of t's mask wait at the same primitive. */
static bool complete(unsigned t) {
    const Thread &thread = block.threads[t];
    if ((block.in_warp[t / 32] & thread.mask) != thread.mask)
        return false;
    for (unsigned l = 0; l < 32; l++) {
        if (!(thread.mask >> l & 1))
            continue;
        const Thread &o = block.threads[(t & ~31u) + l];
        if (o.kind != thread.kind || o.mask != thread.mask || o.line != thread.line)
            return false;
    }
    return true;
}

static void answer(unsigned t) {
    unsigned first = t & ~31u, mask = block.threads[t].mask, votes = 0;
    for (unsigned l = 0; l < 32; l++)
        if (mask >> l & 1 && block.threads[first + l].value)
            votes |= 1u << l;
    for (unsigned l = 0; l < 32; l++) {
        if (!(mask >> l & 1))
            continue;
        Thread &thread = block.threads[first + l];
        thread.answer =
            thread.kind == Warp::ballot ? votes : block.threads[first + thread.source].value;
        block.ready.push_back(first + l);
    }
    block.in_warp[t / 32] &= ~mask;
}

uint64_t warp(Warp kind, unsigned mask, uint64_t value, unsigned source, const char *file,
              int line) {
    die_outside_kernel(warp_name(kind));
    unsigned t = block.current;
    check_call(t, kind, mask, source, line);
    Thread &thread = block.threads[t];
    thread.kind = kind;
    thread.mask = mask;
    thread.value = value;
    thread.source = source;
    thread.file = file;
    thread.line = line;
    thread.state = State::in_warp;
    block.in_warp[t / 32] |= 1u << t % 32;
    if (complete(t))
        answer(t);
    park();
    return thread.answer;
}

} // namespace softgpu
