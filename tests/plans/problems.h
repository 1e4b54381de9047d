/* The convolutions that plans are made for: of every net of the project, and of those to come. */
#ifndef TESTS_PLANS_PROBLEMS_H
#define TESTS_PLANS_PROBLEMS_H

#include "gpu/conv_plan.h"

enum { PLAN_SHAPES_MAX = 64 };

typedef struct PlanShape {
    const char *net;
    ConvProblem problem; /* direction and precision are left at 0 */
    bool needs_data_gradient;
} PlanShape;

/* Distinct shapes; room for PLAN_SHAPES_MAX. */
Status plan_shapes(PlanShape *shapes, int *count);

#endif
