#include "net/lifetimes.h"

#include <stdbool.h>
#include <stdlib.h>

static bool lives_meet(const Lifetime *a, const Lifetime *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* ---- orders of placing: negative when a comes first ---- */

static int by_size(const void *a, const void *b) {
    const Lifetime *x = *(const Lifetime *const *)a, *y = *(const Lifetime *const *)b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x < y ? -1 : x > y;
}

static int by_length(const void *a, const void *b) {
    const Lifetime *x = *(const Lifetime *const *)a, *y = *(const Lifetime *const *)b;
    int of_x = x->last - x->first, of_y = y->last - y->first;
    return of_x != of_y ? (of_x < of_y) - (of_x > of_y) : by_size(a, b);
}

/* The lowest gap that fits among the placed ones (sorted by offset) alive at the same time. */
static size_t lowest_gap(const Lifetime *life, Lifetime *const *placed, int count) {
    size_t offset = 0;
    for (int i = 0; i < count; i++) {
        if (!lives_meet(life, placed[i]))
            continue;
        if (offset + life->size <= placed[i]->offset)
            break;
        size_t end = placed[i]->offset + placed[i]->size;
        if (end > offset)
            offset = end;
    }
    return offset;
}

typedef int OrderFn(const void *a, const void *b);

/* The size of all, placed in this order. */
static size_t place(Lifetime **order, Lifetime **placed, int count, OrderFn *compare) {
    size_t top = 0;
    qsort(order, (size_t)count, sizeof *order, compare);
    for (int i = 0; i < count; i++) {
        Lifetime *life = order[i];
        life->offset = lowest_gap(life, placed, i);
        int at = i;
        while (at > 0 && placed[at - 1]->offset > life->offset) {
            placed[at] = placed[at - 1];
            at--;
        }
        placed[at] = life;
        if (life->offset + life->size > top)
            top = life->offset + life->size;
    }
    return top;
}

Status lifetimes_place(Lifetime *lives, int count, size_t *total) {
    int used = 0;
    Lifetime **order = malloc(2 * ((size_t)count + 1) * sizeof(Lifetime *));
    if (!order)
        return status_fail(STATUS_NO_MEMORY, "no memory to place %d buffers", count);
    for (int i = 0; i < count; i++)
        if (lives[i].first >= 0)
            order[used++] = &lives[i];
    size_t sized = place(order, order + count, used, by_size);
    *total = place(order, order + count, used, by_length);
    if (sized < *total)
        *total = place(order, order + count, used, by_size);
    free(order);
    return STATUS_OK;
}
