#include "harness/ranks/ranks.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Failure {
    int32_t status, rank;
    char message[512];
} Failure;

static bool worse(const Failure *a, const Failure *b) {
    return a->status != STATUS_OK && (b->status == STATUS_OK || a->rank < b->rank);
}

Status ranks_agree(Status mine) {
    Failure first = {.status = (int32_t)mine, .rank = ranks_mine()}, other;
    if (mine != STATUS_OK)
        snprintf(first.message, sizeof first.message, "%s", status_message());
    for (int bit = 1; bit < ranks_count(); bit *= 2) {
        ranks_swap(ranks_mine() ^ bit, &first, &other, sizeof first);
        if (worse(&other, &first))
            first = other;
    }
    if (first.status == STATUS_OK || ranks_count() == 1)
        return mine;
    return status_fail((Status)first.status, "rank %d of %d: %s", first.rank, ranks_count(),
                       first.message);
}

/* At each level a rank has the bytes of as many ranks as the level's bit says, a block of them. */
void ranks_gather(const void *mine, void *all, size_t size) {
    char *to = all;
    memcpy(to + (size_t)ranks_mine() * size, mine, size);
    for (int bit = 1; bit < ranks_count(); bit *= 2) {
        int partner = ranks_mine() ^ bit, have = ranks_mine() & -bit, get = partner & -bit;
        ranks_swap(partner, to + (size_t)have * size, to + (size_t)get * size, (size_t)bit * size);
    }
}

typedef struct Header {
    int64_t order, size;
} Header;

void ranks_tell(RankOrder order, const void *bytes, size_t size) {
    Header header = {(int64_t)order, (int64_t)size};
    if (ranks_count() == 1)
        return;
    ranks_broadcast(&header, sizeof header);
    ranks_broadcast((void *)bytes, size); /* rank 0's own are only read */
}

RankOrder ranks_hear(void **bytes, size_t *size) {
    Header header;
    ranks_broadcast(&header, sizeof header);
    *size = (size_t)header.size;
    *bytes = malloc(*size + 1);
    if (!*bytes) { /* the others cannot be told, as they wait: the end of this process ends them */
        fprintf(stderr, "harness: rank %d: no memory for %zu bytes\n", ranks_mine(), *size);
        abort();
    }
    ranks_broadcast(*bytes, *size);
    return (RankOrder)header.order;
}
