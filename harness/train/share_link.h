/* Making ready for sums of shares that go from one rank's device to another's. */
#ifndef HARNESS_TRAIN_SHARE_LINK_H
#define HARNESS_TRAIN_SHARE_LINK_H

#include "net/backend.h"

/* Every rank calls it, with its own sum, NULL where there is none on a device. STATUS_BAD_INPUT, on
 * all, when two ranks compute on the same device. A device that does not find the others' ends all
 * processes. */
Status share_link(const Backend *backend, ShareSum *sum);

#endif
