/* Gradients of whole nets on the cpu backend against the oracle in double: the error of each
 * parameter's, beside what tests/golden/make_fp32_errors.py measured of PyTorch's fp32. */
#ifndef TESTS_CPU_GRADIENT_ERROR_H
#define TESTS_CPU_GRADIENT_ERROR_H

#include "net/models.h"
#include "tests/golden/golden.h"
#include "tests/support/rig.h"

enum { GRADIENT_BATCH = 6 };

/* As NETS of make_fp32_errors.py: its names and what we build for them. */
typedef struct GradientNet {
    const char *name;
    ModelSpec spec;
} GradientNet;

enum { GRADIENT_NETS = 2 };
extern const GradientNet gradient_nets[GRADIENT_NETS];

/* For main(): reads the golden file that the arguments name. 0, or what main() returns at once: the
 * backend is missing, which is said aloud, or there is no such file. */
int gradient_begin(int argc, char **argv, Golden *golden);
/* The net with the script's parameters and batch. */
void gradient_open(Rig *rig, const char *backend, const GradientNet *net);
/* Moves the batch norms' biases so that no ReLU is near its kink, as the script's move_apart(). */
void gradient_move_apart(Rig *rig);
/* Forward and backward in train mode; taps NULL: everything is fused. The caller destroys. */
Program *gradient_run(Rig *rig, ConvAlgorithm conv, const Tap *taps, int tap_count);

/* Errors relative to the norm of the oracle's gradient, as multiples of PyTorch's. */
typedef struct GradientError {
    double whole;   /* of all gradients as one vector */
    double typical; /* the root of the mean of squares over parameters */
    double worst;   /* of one parameter */
    char name[64];  /* which */
} GradientError;

/* setting: "apart" or "replayed". Fails where the oracle's norms are not the script's: then both
 * sides did not compute the same thing. */
GradientError gradient_error(const Golden *golden, const char *setting, const GradientNet *net,
                             const Rig *got, const Rig *want);

typedef struct GradientLimits {
    double whole, typical, worst;
} GradientLimits;

/* Says the errors and fails beyond the limits. */
void gradient_assert(const GradientNet *net, ConvAlgorithm conv, const GradientError *error,
                     const GradientLimits *limits);

#endif
