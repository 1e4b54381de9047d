/* Philox4x32-10, the counter-based random number generator of every draw in ResLab.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 * A draw is a pure function of (key, counter): the key is the run's seed, the counter says which
 * draw it is: {stream, step or epoch, sample or element, block}. So a draw does not depend on batch
 * size, thread count, worker or backend, and there is no state to save.
 * Known answer: key 0, counter 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8. */
#ifndef NET_PHILOX_H
#define NET_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define PHILOX_FN static inline __host__ __device__
#else
#define PHILOX_FN static inline
#endif

typedef struct Philox {
    uint32_t v[4];
} Philox;

/* The first counter word: who draws. New streams are appended, never renumbered. */
typedef enum PhiloxStream {
    STREAM_INIT = 1,    /* {stream, 0, element / 4 or / 2, parameter} */
    STREAM_SHUFFLE = 2, /* {stream, epoch, position / 4, block} */
    STREAM_AUGMENT = 3, /* {stream, epoch, sample, 0} */
    STREAM_SPLIT = 4,   /* {stream, 0, position / 4, block} */
    STREAM_TEST = 5,    /* inputs of tests and benchmarks */
    STREAM_DROPOUT = 6, /* {stream + (node << 8), step, sample, block}: net/dropout.h */
} PhiloxStream;

PHILOX_FN Philox philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    Philox out = {{c0, c1, c2, c3}};
    return out;
}

/* A 32-bit draw as a double in (0, 1): the middle of one of 2^32 equal cells, so never 0 or 1. */
PHILOX_FN double philox_uniform(uint32_t bits) {
    return ((double)bits + 0.5) * (1.0 / 4294967296.0);
}

/* A 32-bit draw as an integer in [0, n), n > 0, by multiply-shift (bias below n / 2^32). */
PHILOX_FN uint32_t philox_below(uint32_t bits, uint32_t n) {
    return (uint32_t)(((uint64_t)bits * n) >> 32);
}

#endif
