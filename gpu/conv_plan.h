/* Which of cuDNN's engines computes a convolution.
 *
 * cuDNN ranks engine configurations for a shape. The plan is the first, walking heuristic mode A to
 * its end and then FALLBACK, that can be built, is deterministic, needs no compilation at run time
 * (so that a choice made without a device is the choice made with it), and computes in the
 * precision asked for: fp32 in fp32 throughout, without tensor cores; tf32 and bf16 with sums in
 * fp32, the first with tensor cores and else the first. None uses Winograd or Fourier transforms.
 */
#ifndef GPU_CONV_PLAN_H
#define GPU_CONV_PLAN_H

#include <stdbool.h>

#include "gpu/descriptor.h"
#include "net/backend.h"

typedef enum ConvDirection {
    CONV_FORWARD,         /* y from x, w */
    CONV_DATA_GRADIENT,   /* dx from w, dy */
    CONV_WEIGHT_GRADIENT, /* dw from x, dy */
} ConvDirection;

/* All tensors NHWC (w: KRSC), fully packed. c and k are padded counts. In bf16 all are bf16, else
 * float. */
typedef struct ConvProblem {
    ConvDirection direction;
    Precision precision;
    int n, c, h, w, k;
    Window window;
} ConvProblem;

enum { CONV_KNOBS_TEXT = 96, CONV_PARTS = 7 };

typedef struct ConvPlan {
    ConvProblem problem;
    Descriptor plan;
    Descriptor parts[CONV_PARTS]; /* what it was made from lives as long as it */
    int64_t workspace; /* bytes */
    /* What was chosen: for provenance. */
    int64_t engine;
    char knobs[CONV_KNOBS_TEXT]; /* "type=value type=value" */
    int rank;                    /* in the list of candidates, from 0 */
    bool tensor_cores, fallback; /* fallback: found in mode FALLBACK */
} ConvPlan;

/* Ids of the tensors in a variant pack. */
enum { CONV_UID_X = 1, CONV_UID_W = 2, CONV_UID_Y = 3 };

/* Exactly one of handle (the device it belongs to) and device (a finalised device description) is
 * given. STATUS_BACKEND when nothing fits; the message names the problem. */
Status conv_plan_create(ConvPlan *plan, const ConvProblem *problem, cudnnHandle_t handle,
                        Descriptor device);
void conv_plan_destroy(ConvPlan *plan);
/* "forward 128x16x32x32 -> 16, 3x3 stride 1, bf16" */
void conv_problem_text(const ConvProblem *problem, char *text, size_t size);
const char *conv_direction_name(ConvDirection direction);

#endif
