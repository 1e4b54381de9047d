/* Memory for buffers that are not all alive at once: those whose lives do not meet share it. */
#ifndef NET_LIFETIMES_H
#define NET_LIFETIMES_H

#include <stddef.h>

#include "net/status.h"

typedef struct Lifetime {
    size_t size;     /* in any unit; the caller rounds it to its alignment */
    int first, last; /* steps; first -1: never used, gets no place */
    size_t offset;   /* filled in */
} Lifetime;

/* Each at the lowest place that is free during its life, longest lives first (what training stores
 * nests: what lives longer lies below) or largest first, whichever ends lower. *total: the size of
 * all. */
Status lifetimes_place(Lifetime *lives, int count, size_t *total);

#endif
