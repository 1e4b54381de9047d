/* Asks for the next chunk's images while the products of this one run from cache: the loops of
 * batch norms would else wait for memory while the multipliers stand still. A hint: it changes no
 * value.
 */
#ifndef CPU_PREFETCH_H
#define CPU_PREFETCH_H

#include <stdbool.h>
#include <stddef.h>

enum { PREFETCH_RANGES = 8, CACHE_LINE = 64 };

typedef struct Prefetch {
    struct PrefetchRange {
        const char *at;
        size_t bytes;
        bool write; /* it will be written: ask for ownership too */
    } range[PREFETCH_RANGES];
    int ranges;
    int now;      /* the range in work, and how far */
    size_t done;  /* bytes */
    size_t lines; /* of all ranges */
} Prefetch;

/* NULL is ignored. */
static inline void prefetch_add(Prefetch *prefetch, const float *at, size_t floats, bool write) {
    size_t bytes = floats * sizeof *at;
    if (!at || prefetch->ranges == PREFETCH_RANGES)
        return;
    prefetch->range[prefetch->ranges++] = (struct PrefetchRange){(const char *)at, bytes, write};
    prefetch->lines += bytes / CACHE_LINE;
}

/* The next `lines` lines; nothing when all were asked for. */
static inline void prefetch_some(Prefetch *prefetch, size_t lines) {
    while (lines > 0 && prefetch->now < prefetch->ranges) {
        const struct PrefetchRange *range = &prefetch->range[prefetch->now];
        size_t end = prefetch->done + lines * CACHE_LINE;
        end = end < range->bytes ? end : range->bytes;
        lines -= (end - prefetch->done + CACHE_LINE - 1) / CACHE_LINE;
        for (size_t i = prefetch->done; i < end; i += CACHE_LINE)
            if (range->write)
                __builtin_prefetch(range->at + i, 1, 2);
            else
                __builtin_prefetch(range->at + i, 0, 2);
        prefetch->done = end;
        if (end == range->bytes) {
            prefetch->now++;
            prefetch->done = 0;
        }
    }
}

#endif
