#include "net/init.h"

#include <math.h>
#include <stdlib.h>

#include "net/philox.h"

/* FNV-1a, 32 bits (offset basis 2166136261, prime 16777619). */
static uint32_t name_hash(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static void fill(float *values, size_t count, float value) {
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

static void fill_uniform(float *values, size_t count, double bound, uint64_t seed, uint32_t who) {
    for (size_t i = 0; i < count; i++) {
        Philox draw = philox(seed, STREAM_INIT, 0, (uint32_t)(i / 4), who);
        values[i] = (float)(bound * (2 * philox_uniform(draw.v[i % 4]) - 1));
    }
}

/* Box-Muller in double, on the host only: libm may differ in the last bit between machines. */
static void fill_normal(float *values, size_t count, double deviation, uint64_t seed,
                        uint32_t who) {
    const double two_pi = 6.283185307179586476925;
    for (size_t i = 0; i < count; i++) {
        Philox draw = philox(seed, STREAM_INIT, 0, (uint32_t)(i / 4), who);
        const uint32_t *pair = &draw.v[i % 4 / 2 * 2];
        double radius = sqrt(-2 * log(philox_uniform(pair[0])));
        double angle = two_pi * philox_uniform(pair[1]);
        values[i] = (float)(deviation * radius * (i % 2 ? sin(angle) : cos(angle)));
    }
}

void init_param(const Net *net, int param, InitKind kind, uint64_t seed, float *values) {
    const Param *p = &net->params[param];
    uint32_t who = name_hash(p->name);
    int fan_in, fan_out;
    param_fans(net, param, &fan_in, &fan_out);
    bool weight = p->role == PARAM_CONV_WEIGHT || p->role == PARAM_LINEAR_WEIGHT;
    bool bias = p->role == PARAM_CONV_BIAS || p->role == PARAM_LINEAR_BIAS;
    if (p->start != 0)
        fill(values, p->count, (float)p->start);
    else if (p->role == PARAM_BN_WEIGHT || p->role == PARAM_BN_VAR)
        fill(values, p->count, 1);
    else if (kind == INIT_TORCH && (weight || bias))
        fill_uniform(values, p->count, 1 / sqrt(fan_in), seed, who);
    else if (weight)
        fill_normal(values, p->count, sqrt(2.0 / (kind == INIT_HE_FAN_IN ? fan_in : fan_out)), seed,
                    who);
    else
        fill(values, p->count, 0);
}

Status init_state(State *state, InitKind kind, uint64_t seed) {
    const Net *net = state->net;
    size_t most = 1;
    for (int i = 0; i < net->param_count; i++)
        most = net->params[i].count > most ? net->params[i].count : most;
    float *values = malloc(most * sizeof *values);
    if (!values)
        return status_fail(STATUS_NO_MEMORY, "no memory for initial values");
    Status status = STATUS_OK;
    for (int i = 0; i < net->param_count; i++) {
        init_param(net, i, kind, seed, values);
        CHECK(state_write(state, SECTION_VALUE, i, values));
    }
out:
    free(values);
    return status;
}
