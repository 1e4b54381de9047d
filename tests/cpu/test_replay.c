/* Gradients of whole nets at ordinary parameters, where rounding turns some ReLUs: the oracle takes
 * the masks of the program under test, so that no kink can hide an error.
 * usage: test_replay FP32_ERRORS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/cpu/gradient_error.h"
#include "tests/cpu/replayed_relu.h"

enum { TURNED_MAX = 20 }; /* of 282,000 and 479,000 values; 0 to 4 were measured */

static Golden golden;

typedef struct Masks {
    Tap taps[REPLAY_RELUS_MAX];
    float *values[REPLAY_RELUS_MAX];
    size_t counts[REPLAY_RELUS_MAX];
    int relus;
} Masks;

/* Of a program of its own: what is tapped is not fused, which changes no bit (test_chunk). */
static void take_masks(Masks *masks, const GradientNet *net, ConvAlgorithm conv, uint32_t draw) {
    Rig rig;
    gradient_open(&rig, "cpu", net, draw);
    masks->relus = 0;
    for (int id = 0; id < rig.net->node_count; id++)
        if (rig.net->nodes[id].op == OP_RELU) {
            assert_true(masks->relus < REPLAY_RELUS_MAX);
            masks->taps[masks->relus++] = (Tap){id, TAP_RELU_MASK};
        }
    Program *program = gradient_run(&rig, conv, masks->taps, masks->relus);
    for (int i = 0; i < masks->relus; i++)
        masks->values[i] = rig_tap(&rig, program, i, &masks->counts[i]);
    program_destroy(program);
    rig_close(&rig);
}

/* One draw; ours and the oracle's rig stay open. */
static void replay(Rig *got, Rig *want, const GradientNet *net, ConvAlgorithm conv, uint32_t draw) {
    Masks masks;
    take_masks(&masks, net, conv, draw);
    gradient_open(got, "cpu", net, draw);
    gradient_open(want, "ref", net, draw);
    program_destroy(gradient_run(got, conv, NULL, 0));
    replay_begin(masks.values, masks.counts, masks.relus);
    program_destroy(gradient_run(want, CONV_ALGORITHM_DIRECT, NULL, 0));
    size_t turned = replay_end();
    print_message("%zu values across the kink\n", turned);
    assert_true(turned <= TURNED_MAX);
    for (int i = 0; i < masks.relus; i++)
        free(masks.values[i]);
}

static bool has_fma(void) {
    Rig rig;
    gradient_open(&rig, "cpu", &gradient_nets[0], 0);
    bool fused = strcmp(rig.backend->info.isa, "baseline") != 0;
    rig_close(&rig);
    return fused;
}

static void replayed(const GradientNet *net, ConvAlgorithm conv, const GradientLimits *limits) {
    GradientSquares squares = {0};
    GradientError error;
    for (uint32_t draw = 0; draw < GRADIENT_DRAWS; draw++) {
        Rig got, want;
        replay(&got, &want, net, conv, draw);
        gradient_add(&squares, &got, &want);
        if (draw == GRADIENT_DRAWS - 1)
            error = gradient_error(&golden, "replayed", net, want.net, &squares);
        rig_close(&got);
        rig_close(&want);
    }
    gradient_assert(net, conv, &error, limits);
}

/* Measured with AVX-512, AVX2 and SSE4.1: 0.9 to 1.1, 0.9 to 1.2, 1.1 to 1.5. */
static void direct_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 1.5, .typical = 1.5, .worst = 2};
    for (int i = 0; i < GRADIENT_NETS; i++)
        replayed(&gradient_nets[i], CONV_ALGORITHM_DIRECT, &limits);
}

/* Measured with AVX-512 and AVX2: 1.6 to 1.9, 1.7 to 1.9, 2.1 to 2.4. Without fused multiply-adds
 * every product is rounded, too: with SSE4.1 1.8 to 2.1, 1.9 to 2.2, 2.2 to 2.9. */
static void winograd_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 2, .typical = 2, .worst = 3};
    const GradientLimits unfused = {.whole = 2.2, .typical = 2.3, .worst = 3.5};
    for (int i = 0; i < GRADIENT_NETS; i++)
        replayed(&gradient_nets[i], CONV_ALGORITHM_WINOGRAD, has_fma() ? &limits : &unfused);
}

int main(int argc, char **argv) {
    return gradient_main(argc, argv, &golden, direct_convolution, winograd_convolution);
}
