/* What a set of headers declares, as text that two sets of headers can be compared by. */
#ifndef SOFTGPU_HEADER_TABLE_H
#define SOFTGPU_HEADER_TABLE_H

#include <cstddef>
#include <typeinfo>

struct HeaderRow {
    const char *name;
    long long value;  /* of a constant; the size of a type */
    const char *type; /* as the compiler's run-time type information spells it */
};

extern const HeaderRow small_headers[], real_headers[];
extern const size_t small_count, real_count;
extern const HeaderRow small_nccl[], real_nccl[]; /* NCCL's, which comes apart from the toolkit */
extern const size_t small_nccl_count, real_nccl_count;

/* For the tables. */
#define NAME(n)      {#n, (long long)(n), typeid(decltype(n)).name()},
#define TYPE(t)      {#t, (long long)sizeof(t), typeid(t).name()},
#define STRUCT(s)    {#s, 0, typeid(s).name()},
#define MEMBER(s, m) {#s "::" #m, 0, typeid(decltype(s::m)).name()},
#define FUNCTION(f)  {#f, 0, typeid(decltype(&f)).name()},

#endif
