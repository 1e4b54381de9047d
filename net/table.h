/* Arrays that grow while a net or a program is built. */
#ifndef NET_TABLE_H
#define NET_TABLE_H

#include <stdbool.h>
#include <stdlib.h>

/* Room for one more than `count` items of `item` bytes; *capacity counts items. False when memory
 * is out: the array is as before. */
static inline bool table_grow(void **array, int count, int *capacity, size_t item) {
    if (count < *capacity)
        return true;
    int wanted = *capacity ? 2 * *capacity : 64;
    void *bigger = realloc(*array, (size_t)wanted * item);
    if (!bigger)
        return false;
    *array = bigger;
    *capacity = wanted;
    return true;
}

#endif
