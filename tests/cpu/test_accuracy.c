/* How far a whole net's gradients are from the oracle's where no ReLU is near its kink, as
 * multiples of what fp32 costs PyTorch. usage: test_accuracy FP32_ERRORS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/cpu/gradient_error.h"

static Golden golden;

/* The residual net, the first: make_fp32_errors.py says why. */
static void apart(ConvAlgorithm conv, const GradientLimits *limits) {
    const GradientNet *net = &gradient_nets[0];
    GradientSquares squares = {0};
    GradientError error;
    for (uint32_t draw = 0; draw < GRADIENT_DRAWS; draw++) {
        Rig got, want;
        gradient_open(&got, "cpu", net, draw);
        gradient_open(&want, "ref", net, draw);
        rig_move_apart(&got, gradient_shift);
        rig_move_apart(&want, gradient_shift);
        program_destroy(gradient_run(&got, conv, NULL, 0));
        program_destroy(gradient_run(&want, CONV_ALGORITHM_DIRECT, NULL, 0));
        gradient_add(&squares, &got, &want);
        if (draw == GRADIENT_DRAWS - 1)
            error = gradient_error(&golden, "apart", net, want.net, &squares);
        rig_close(&got);
        rig_close(&want);
    }
    gradient_assert(net, conv, &error, limits);
}

/* Measured with AVX-512, AVX2 and SSE4.1: 0.8 to 0.9, 1.2 to 1.5, 1.4 to 1.9. The whole is mostly
 * the last layer's gradient. */
static void direct_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 1.5, .typical = 2, .worst = 2.5};
    apart(CONV_ALGORITHM_DIRECT, &limits);
}

/* Measured: 0.7 to 0.9, 1.4 to 1.6, 2.6 to 3.1. The worst are the first batch norms' biases, sums
 * over all pixels: the rounding of transformed weights is the same for every pixel, so it does not
 * average out. */
static void winograd_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 1.5, .typical = 2, .worst = 5};
    apart(CONV_ALGORITHM_WINOGRAD, &limits);
}

int main(int argc, char **argv) {
    return gradient_main(argc, argv, &golden, direct_convolution, winograd_convolution);
}
