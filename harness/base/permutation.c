#include "harness/base/permutation.h"

void permutation_fill(int32_t *order, int count, uint64_t seed, PhiloxStream stream,
                      uint32_t epoch) {
    for (int i = 0; i < count; i++)
        order[i] = i;
    Philox draws = {{0}};
    for (int i = count - 1; i > 0; i--) {
        if (i == count - 1 || i % 4 == 3)
            draws = philox(seed, stream, epoch, (uint32_t)i / 4, 0);
        uint32_t j = philox_below(draws.v[i % 4], (uint32_t)i + 1);
        int32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
