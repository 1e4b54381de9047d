/* A training step in equal shares of the batch, one after the other, whose gradients are summed
 * over a balanced tree (tree.h). Batch norm sees a share at a time; the running statistics are
 * those of the contract with every share's groups as groups of the batch: each share moves them
 * from where the step began, and the mean is taken.
 *
 * Sums are formed in double and rounded once to what the State holds. */
#ifndef HARNESS_TRAIN_SHARES_H
#define HARNESS_TRAIN_SHARES_H

#include "net/backend.h"

typedef struct Shares Shares;

/* train: compiled in train mode for the images of one share; borrowed, as its State. count: a power
 * of two. The caller destroys. */
Status shares_create(Program *train, int count, Shares **shares);
/* NULL is allowed. */
void shares_destroy(Shares *shares);
/* As program_train_step(), with a batch that the shares divide. The State's gradient is then that
 * of the whole batch. */
Status shares_train_step(Shares *shares, const Batch *batch, double lr);
/* As program_metrics(): a batch is a step. */
void shares_metrics(Shares *shares, Metrics *metrics);

#endif
