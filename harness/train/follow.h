/* Training a run's shares on a rank other than 0 (harness/ranks/ranks.h). */
#ifndef HARNESS_TRAIN_FOLLOW_H
#define HARNESS_TRAIN_FOLLOW_H

#include "harness/train/trainer.h"

/* Does its part of the steps of a training on rank 0, from its State and with its samples, until
 * rank 0 says that the run is over. so_far: whether the rest of the arguments could be made ready
 * (else they are not looked at); a failure, also one in here, is told to rank 0, whose run then
 * fails. */
Status train_follow(const TrainSpec *spec, const Net *net, Backend *backend, Status so_far);

#endif
