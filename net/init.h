/* Initial values of parameters. */
#ifndef NET_INIT_H
#define NET_INIT_H

#include <stdint.h>

#include "net/backend.h"

typedef enum InitKind {
    INIT_HE_FAN_IN,  /* weights normal(0, sqrt(2 / fan_in)), biases 0; He et al., ICCV 2015, eq. 10
                      */
    INIT_HE_FAN_OUT, /* weights normal(0, sqrt(2 / fan_out)), biases 0; ibid., eq. 14 */
    INIT_TORCH,      /* weights and biases uniform in +-1/sqrt(fan_in): PyTorch's default */
} InitKind;

/* Fills `values` (net->params[param].count floats, canonical layout). Batch norms get weight 1,
 * bias 0, mean 0, variance 1; a bias with a `start`, that. A draw is keyed by the seed and the
 * parameter's name, so that layers of the same name and shape start equal in nets that are compared
 * (plain against residual). */
void init_param(const Net *net, int param, InitKind kind, uint64_t seed, float *values);
/* Writes the initial values of all parameters and statistics into a State. */
Status init_state(State *state, InitKind kind, uint64_t seed);

#endif
