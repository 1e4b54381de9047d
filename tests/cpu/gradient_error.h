/* Gradients of whole nets on the cpu backend against the oracle in double: the error of each
 * parameter's, beside what tests/golden/make_fp32_errors.py measured of PyTorch's fp32. */
#ifndef TESTS_CPU_GRADIENT_ERROR_H
#define TESTS_CPU_GRADIENT_ERROR_H

#include "net/models.h"
#include "tests/golden/golden.h"
#include "tests/support/rig.h"

/* Draws of parameters and batch: DRAWS of make_fp32_errors.py. */
enum { GRADIENT_BATCH = 6, GRADIENT_DRAWS = 8, GRADIENT_PARAMS_MAX = 256 };

/* As NETS of make_fp32_errors.py: its names and what we build for them. */
typedef struct GradientNet {
    const char *name;
    ModelSpec spec;
} GradientNet;

enum { GRADIENT_NETS = 2 };
extern const GradientNet gradient_nets[GRADIENT_NETS];

/* For main(): runs both tests with the golden file that the arguments name. What main() returns,
 * also where the backend is missing, which is said aloud, or there is no such file. */
int gradient_main(int argc, char **argv, Golden *golden, void (*direct_convolution)(void **),
                  void (*winograd_convolution)(void **));
/* The net with the script's parameters and batch of a draw. */
void gradient_open(Rig *rig, const char *backend, const GradientNet *net, uint32_t draw);
/* How far rig_move_apart() moves for the setting "apart". */
extern const float gradient_shift;
/* Forward and backward in train mode; taps NULL: everything is fused. The caller destroys. */
Program *gradient_run(Rig *rig, ConvAlgorithm conv, const Tap *taps, int tap_count);

/* Errors relative to the norm of the oracle's gradient, root mean squares over the draws, as
 * multiples of PyTorch's. */
typedef struct GradientError {
    double whole;   /* of all gradients as one vector */
    double typical; /* the root of the mean of squares over parameters */
    double worst;   /* of one parameter */
    char name[64];  /* which */
} GradientError;

/* Sums over draws of squares: norms of the oracle's gradients and relative errors of ours. */
typedef struct GradientSquares {
    double norms[GRADIENT_PARAMS_MAX + 1], errors[GRADIENT_PARAMS_MAX + 1]; /* the last: of all */
} GradientSquares;

void gradient_add(GradientSquares *squares, const Rig *got, const Rig *want);

/* setting: "apart" or "replayed". Fails where the oracle's norms are not the script's: then both
 * sides did not compute the same thing. */
GradientError gradient_error(const Golden *golden, const char *setting, const GradientNet *which,
                             const Net *net, const GradientSquares *squares);

typedef struct GradientLimits {
    double whole, typical, worst;
} GradientLimits;

/* Says the errors and fails beyond the limits. */
void gradient_assert(const GradientNet *net, ConvAlgorithm conv, const GradientError *error,
                     const GradientLimits *limits);

#endif
