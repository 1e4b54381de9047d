/* All that a run goes on from, in one safetensors file: a State (parameters, statistics, optimiser)
 * and whatever else the caller has, as named bytes.
 *
 *   metadata   "identity": text that a reader must know by heart; "iteration"; "sha256" of these
 * and of the tensors' names and bytes tensors    "value/NAME", "momentum/NAME", "square/NAME" (F64
 * where the backend computes in double), "updates", and "part/NAME" for the caller's bytes
 *
 * A file that is damaged or another run's is refused, and nothing is changed. */
#ifndef HARNESS_WEIGHTS_CHECKPOINT_H
#define HARNESS_WEIGHTS_CHECKPOINT_H

#include "harness/weights/safetensors.h"
#include "net/backend.h"

typedef struct CheckpointPart {
    const char *name;
    const void *bytes;
    size_t size;
} CheckpointPart;

/* Whole or not at all: harness/base/whole_file.h. identity: lines "name=value". */
Status checkpoint_save(const char *path, State *state, const char *identity, int64_t iteration,
                       const CheckpointPart *parts, int count);

typedef struct Checkpoint {
    TensorFile file;
    int64_t iteration;
} Checkpoint;

/* STATUS_UNAVAILABLE: there is none; STATUS_BAD_INPUT: damaged, or of another identity (NULL: any
 * will do); the message says which line of it differs. On failure there is nothing to close. */
Status checkpoint_open(const char *path, const char *identity, Checkpoint *checkpoint);
void checkpoint_close(Checkpoint *checkpoint);
/* bytes NULL when there is no such part; they are the checkpoint's. */
CheckpointPart checkpoint_part(const Checkpoint *checkpoint, const char *name);
/* Fills the State. STATUS_BAD_INPUT: it does not fit, and nothing is changed. */
Status checkpoint_restore(const Checkpoint *checkpoint, const char *path, State *state);

#endif
