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
    Rig got, want;
    gradient_open(&got, "cpu", net);
    gradient_open(&want, "ref", net);
    rig_move_apart(&got, gradient_shift);
    rig_move_apart(&want, gradient_shift);
    program_destroy(gradient_run(&got, conv, NULL, 0));
    program_destroy(gradient_run(&want, CONV_ALGORITHM_DIRECT, NULL, 0));
    GradientError error = gradient_error(&golden, "apart", net, &got, &want);
    gradient_assert(net, conv, &error, limits);
    rig_close(&got);
    rig_close(&want);
}

/* Measured with AVX-512, AVX2 and SSE4.1: 0.9 to 1.0, 0.8 to 1.2, 1.9 to 2.8. */
static void direct_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 2, .typical = 2, .worst = 4};
    apart(CONV_ALGORITHM_DIRECT, &limits);
}

/* Measured: 0.7 to 1.0, 1.1 to 1.7, 6.8 to 8.4. The whole is mostly the last layer's gradient. The
 * worst are the first batch norms' biases, sums over all pixels: the rounding of transformed
 * weights is the same for every pixel, so it does not average out. */
static void winograd_convolution(void **state) {
    (void)state;
    const GradientLimits limits = {.whole = 2, .typical = 2, .worst = 15};
    apart(CONV_ALGORITHM_WINOGRAD, &limits);
}

int main(int argc, char **argv) {
    return gradient_main(argc, argv, &golden, direct_convolution, winograd_convolution);
}
