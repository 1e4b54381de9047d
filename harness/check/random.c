#include "harness/check/random.h"

#include "net/philox.h"

static uint32_t word(const char *name, uint32_t draw, size_t i) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return philox(2015, STREAM_TEST, draw, (uint32_t)(i / 4), hash).v[i % 4];
}

void random_uniform(const char *name, uint32_t draw, size_t count, double low, double high,
                    float *values) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(low + (high - low) * philox_uniform(word(name, draw, i)));
}

void random_below(const char *name, uint32_t draw, size_t count, uint32_t limit, int32_t *values) {
    for (size_t i = 0; i < count; i++)
        values[i] = (int32_t)philox_below(word(name, draw, i), limit);
}
