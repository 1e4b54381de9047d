/* What a file has against what a net wants. */
#ifndef HARNESS_WEIGHTS_DIFFERENCES_H
#define HARNESS_WEIGHTS_DIFFERENCES_H

#include "harness/weights/safetensors.h"

/* STATUS_BAD_INPUT with the list of what is missing in `found`, of another type or shape, or
 * unexpected; as many as a message holds, and how many there are. A name of `wanted` that ends in
 * `optional` (NULL: none) may be missing. `what` names the net. */
Status differences_none(const char *path, const TensorFile *found, const TensorFile *wanted,
                        const char *optional, const char *what);

#endif
