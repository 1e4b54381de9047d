/* The small headers agree with the toolkit's and NCCL's, name by name; skipped where there is no
 * toolkit. */
#include <cstdio>
#include <cstring>

#include "header_table.h"

static bool same(const HeaderRow &a, const HeaderRow &b) {
    return strcmp(a.name, b.name) == 0 && a.value == b.value && strcmp(a.type, b.type) == 0;
}

static int differences(const HeaderRow *a, const HeaderRow *b, size_t count) {
    int found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!same(a[i], b[i])) {
            fprintf(stderr, "%s: %lld %s here, %s: %lld %s really\n", a[i].name, a[i].value,
                    a[i].type, b[i].name, b[i].value, b[i].type);
            found++;
        }
    }
    return found;
}

static int compare(const char *with, const HeaderRow *small, size_t count, const HeaderRow *real,
                   size_t other) {
    if (count != other) {
        fprintf(stderr, "%zu names here, %zu in %s\n", count, other, with);
        return 1;
    }
    int found = differences(small, real, count);
    printf("%zu names compared with %s, %d differ\n", count, with, found);
    return found;
}

/* A comparison that takes anything proves nothing. */
static bool comparison_works() {
    HeaderRow row = small_headers[0], value = row, type = row;
    value.value++;
    type.type = "another";
    return same(row, row) && !same(row, value) && !same(row, type);
}

int main() {
    if (!comparison_works() || small_count < 200) {
        fprintf(stderr, "the comparison of %zu names does not work\n", small_count);
        return 1;
    }
#ifdef RESLAB_TOOLKIT
    int found = compare("the toolkit in " RESLAB_TOOLKIT, small_headers, small_count, real_headers,
                        real_count);
#ifdef RESLAB_NCCL
    found +=
        compare("NCCL in " RESLAB_NCCL, small_nccl, small_nccl_count, real_nccl, real_nccl_count);
#else
    printf("no NCCL to compare nccl.h with\n");
#endif
    return found != 0;
#else
    (void)compare;
    printf("SKIPPED: no CUDA toolkit with cuDNN 9.8 or later to compare the headers with\n");
    return 77;
#endif
}
