/* A training step in equal shares of the batch, whose gradients are summed over a balanced tree
 * (tree.h). Batch norm sees a share at a time; the running statistics are those of the contract
 * with every share's groups as groups of the batch: each share moves them from where the step
 * began, and the mean is taken.
 *
 * One process computes the shares one after the other. Several ranks (harness/ranks/ranks.h)
 * compute a run of them each, whose sum is a subtree; level by level each rank adds what its
 * partner's subtree came to. Addition is commutative, so all hold the same bits, and the same as
 * one process.
 *
 * Sums are formed in double and rounded once to what the State holds. A backend with a device sums
 * there (net/share_sum.h); what goes from rank to rank then goes from device to device where the
 * backend has a link for it, else through the hosts, over the same tree either way: the same bits.
 * The few numbers besides (loss, errors, whether a rank has failed) go from host to host first, so
 * devices exchange nothing unless all ranks have computed their shares. */
#ifndef HARNESS_TRAIN_SHARES_H
#define HARNESS_TRAIN_SHARES_H

#include "net/backend.h"

typedef struct Shares Shares;

/* train: compiled in train mode for the images of one share; borrowed, as its State. count: a power
 * of two, a multiple of the ranks. The caller destroys, also after a failure. */
Status shares_create(Program *train, int count, Shares **shares);
/* NULL is allowed. */
void shares_destroy(Shares *shares);

/* ---- rank 0, or the one process ---- */

/* The other ranks take over the State, before the first step; they are ready to, or it fails. */
Status shares_hand_out(Shares *shares);
/* As program_train_step(), with a batch that the shares divide. The State's gradient is then that
 * of the whole batch. */
Status shares_train_step(Shares *shares, const Batch *batch, double lr);
/* As program_metrics(): a batch is a step. */
void shares_metrics(Shares *shares, Metrics *metrics);

/* ---- other ranks: the payload of ORDER_STATE, of ORDER_STEP; a failure so far fails all ---- */

/* shares may be NULL after a failure. */
Status shares_take_state(Shares *shares, const void *bytes, size_t size, Status so_far);
Status shares_follow(Shares *shares, const Dataset *data, const void *bytes, size_t size,
                     Status so_far);

#endif
