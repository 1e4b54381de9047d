/* What the oracle offers beyond the backend contract: doubles, for finite differences. */
#ifndef REF_REF_H
#define REF_REF_H

#include "net/backend.h"

extern const BackendOps ref_backend;

/* The State's own array of a parameter (net->params[param].count doubles), to read and to perturb.
 * section as in the contract. */
double *ref_state_values(State *state, Section section, int param);
/* Runs forward on x (count x C x H x W) instead of a data set; labels may be NULL without a loss.
 * For dropout the images have the numbers 0, 1, ... and the step is 0. */
Status ref_forward_values(Program *program, const double *x, const int32_t *labels, int count,
                          int divisor);
/* The Program's own arrays of a node's output and of its gradient, NCHW; count x K x P x Q. */
const double *ref_node_value(const Program *program, int node);
const double *ref_node_gradient(const Program *program, int node);
/* As program_backward(), with a double upstream gradient. */
Status ref_backward_values(Program *program, const double *dy);
/* The loss (sum / divisor) of the last forward. */
double ref_loss(const Program *program);

#endif
