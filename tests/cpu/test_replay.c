/* Gradients of whole nets at ordinary parameters, where rounding turns some ReLUs: the oracle takes
 * the masks of the program under test, so that no kink can hide an error.
 * usage: test_replay FP32_ERRORS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/cpu/gradient_error.h"
#include "tests/cpu/replayed_relu.h"

enum { TURNED_MAX = 20 }; /* of 282,000 and 479,000 values; 0 and 3 were measured */

static Golden golden;

typedef struct Masks {
    Tap taps[REPLAY_RELUS_MAX];
    float *values[REPLAY_RELUS_MAX];
    size_t counts[REPLAY_RELUS_MAX];
    int relus;
} Masks;

/* Of a program of its own: what is tapped is not fused, which changes no bit (test_chunk). */
static void take_masks(Masks *masks, const GradientNet *net, ConvAlgorithm conv) {
    Rig rig;
    gradient_open(&rig, "cpu", net);
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

static void replayed(const GradientNet *net, ConvAlgorithm conv, const GradientLimits *limits) {
    Rig got, want;
    Masks masks;
    take_masks(&masks, net, conv);
    gradient_open(&got, "cpu", net);
    gradient_open(&want, "ref", net);
    program_destroy(gradient_run(&got, conv, NULL, 0));
    replay_begin(masks.values, masks.counts, masks.relus);
    program_destroy(gradient_run(&want, CONV_ALGORITHM_DIRECT, NULL, 0));
    size_t turned = replay_end();
    print_message("%zu values across the kink\n", turned);
    assert_true(turned <= TURNED_MAX);
    GradientError error = gradient_error(&golden, "replayed", net, &got, &want);
    gradient_assert(net, conv, &error, limits);
    for (int i = 0; i < masks.relus; i++)
        free(masks.values[i]);
    rig_close(&got);
    rig_close(&want);
}

/* Measured with AVX-512, AVX2 and SSE4.1: 0.9 to 1.1, 0.9 to 1.1, 1.5 to 2.2. */
static void direct_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 2, .typical = 2, .worst = 4};
    for (int i = 0; i < GRADIENT_NETS; i++)
        replayed(&gradient_nets[i], CONV_ALGORITHM_DIRECT, &limits);
}

/* Measured: 2.0 to 2.5, 2.1 to 2.6, 2.9 to 4.5: what F(4x4, 3x3) rounds more. */
static void winograd_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 3.5, .typical = 3.5, .worst = 8};
    for (int i = 0; i < GRADIENT_NETS; i++)
        replayed(&gradient_nets[i], CONV_ALGORITHM_WINOGRAD, &limits);
}

int main(int argc, char **argv) {
    return gradient_main(argc, argv, &golden, direct_convolution, winograd_convolution);
}
