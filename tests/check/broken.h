/* The oracle with one planted defect, as a backend to be found out. */
#ifndef TESTS_CHECK_BROKEN_H
#define TESTS_CHECK_BROKEN_H

#include "net/backend.h"

typedef enum Defect {
    DEFECT_NONE,
    DEFECT_OUTPUT,         /* one value of an output is wrong by a thousandth */
    DEFECT_NAN,            /* one value of an output is NaN */
    DEFECT_INPUT_GRADIENT, /* one value of the input's gradient is wrong */
    DEFECT_GRADIENT,       /* one value of each parameter's gradient is wrong */
    DEFECT_PIECE,          /* half of each parameter's gradient is missing */
    DEFECT_STATISTIC,      /* running variances are wrong in the inference modes */
    DEFECT_LOSS,           /* too large by a hundredth */
    DEFECT_STEP,           /* the learning rate is a tenth too large */
    DEFECT_BITS,           /* the last bit of a gradient changes from read to read */
    DEFECT_GUARD,          /* a tap writes one value too many */
    DEFECT_REFUSAL         /* backward fails */
} Defect;

/* Opens ref with the defect. It takes every precision and computes in its own. */
Status broken_open(Defect defect, Backend **backend);

#endif
