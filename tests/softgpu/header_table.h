/* What a set of headers declares, as text that two sets of headers can be compared by. */
#ifndef SOFTGPU_HEADER_TABLE_H
#define SOFTGPU_HEADER_TABLE_H

#include <cstddef>

struct HeaderRow {
    const char *name;
    long long value;  /* of a constant; the size of a type */
    const char *type; /* as the compiler's run-time type information spells it */
};

extern const HeaderRow small_headers[], real_headers[];
extern const size_t small_count, real_count;

#endif
