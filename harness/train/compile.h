/* The programs of a training, as its spec says. */
#ifndef HARNESS_TRAIN_COMPILE_H
#define HARNESS_TRAIN_COMPILE_H

#include "harness/train/shares.h"
#include "harness/train/trainer.h"

Status train_compile(const TrainSpec *spec, State *state, Mode mode, int batch, int bn_group,
                     Program **program);
/* That of the training steps, in train mode; *shares stays NULL where the batch is one. */
Status train_compile_steps(const TrainSpec *spec, State *state, Program **program, Shares **shares);

#endif
