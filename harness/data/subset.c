/* Which images of a set are used: the first N, and a part held back for validation. */
#include <stdlib.h>

#include "harness/base/permutation.h"
#include "harness/data/data.h"

/* How many images of each class to take so that `want` come together as evenly as the classes'
 * sizes allow: `cap` of every class (all of a smaller one), and one more of `extras` classes. */
typedef struct Quota {
    int cap, extras;
    int *taken; /* per class, so far */
} Quota;

static int total_under(const int *sizes, int classes, int cap) {
    int total = 0;
    for (int c = 0; c < classes; c++)
        total += sizes[c] < cap ? sizes[c] : cap;
    return total;
}

/* indices NULL: all images of the set. Frees with free(quota->taken). */
static Status quota_make(const ImageSet *set, const int32_t *indices, int count, int want,
                         Quota *quota) {
    quota->taken = calloc((size_t)set->classes, sizeof *quota->taken);
    int *sizes = calloc((size_t)set->classes, sizeof *sizes);
    if (!quota->taken || !sizes) {
        free(sizes);
        free(quota->taken);
        quota->taken = NULL;
        return status_fail(STATUS_NO_MEMORY, "no memory for %d class counts", set->classes);
    }
    for (int i = 0; i < count; i++)
        sizes[set->labels[indices ? indices[i] : i]]++;
    quota->cap = 0;
    while (quota->cap < want && total_under(sizes, set->classes, quota->cap + 1) <= want)
        quota->cap++;
    quota->extras = want - total_under(sizes, set->classes, quota->cap);
    free(sizes);
    return STATUS_OK;
}

static bool quota_take(Quota *quota, int label) {
    int *taken = &quota->taken[label];
    if (*taken < quota->cap || (*taken == quota->cap && quota->extras > 0)) {
        quota->extras -= *taken == quota->cap;
        ++*taken;
        return true;
    }
    return false;
}

Status data_subset(const ImageSet *set, int count, int32_t **indices, int *used) {
    Quota quota;
    int want = count <= 0 || count > set->count ? set->count : count;
    *used = 0;
    *indices = malloc((size_t)want * sizeof **indices);
    if (!*indices)
        return status_fail(STATUS_NO_MEMORY, "no memory for %d image numbers", want);
    Status status = quota_make(set, NULL, set->count, want, &quota);
    if (status != STATUS_OK) {
        free(*indices);
        *indices = NULL;
        return status;
    }
    for (int i = 0; i < set->count; i++)
        if (quota_take(&quota, set->labels[i]))
            (*indices)[(*used)++] = i;
    free(quota.taken);
    return STATUS_OK;
}

/* Marks the images to hold back: the first of a random order that fit the quota. */
static Status mark_held(const ImageSet *set, const int32_t *indices, int count, int held,
                        uint64_t seed, bool *is_held) {
    Quota quota = {0};
    Status status = STATUS_OK;
    int32_t *order = malloc((size_t)count * sizeof *order);
    if (!order) {
        status = status_fail(STATUS_NO_MEMORY, "no memory to split %d images", count);
        goto out;
    }
    CHECK(quota_make(set, indices, count, held, &quota));
    permutation_fill(order, count, seed, STREAM_SPLIT, 0);
    for (int i = 0; i < count; i++)
        is_held[order[i]] = quota_take(&quota, set->labels[indices[order[i]]]);
out:
    free(quota.taken);
    free(order);
    return status;
}

Status data_split(const ImageSet *set, const int32_t *indices, int count, int held, uint64_t seed,
                  int32_t **train, int32_t **validation) {
    Status status = STATUS_OK;
    *train = *validation = NULL;
    if (held < 1 || held >= count)
        return status_fail(STATUS_BAD_INPUT,
                           "cannot hold back %d of %d images for validation; 1 to %d can be", held,
                           count, count - 1);
    bool *is_held = calloc((size_t)count, sizeof *is_held);
    *train = malloc((size_t)(count - held) * sizeof **train);
    *validation = malloc((size_t)held * sizeof **validation);
    if (!is_held || !*train || !*validation) {
        status = status_fail(STATUS_NO_MEMORY, "no memory to split %d images", count);
        goto out;
    }
    CHECK(mark_held(set, indices, count, held, seed, is_held));
    int32_t *next_train = *train, *next_held = *validation;
    for (int i = 0; i < count; i++)
        *(is_held[i] ? next_held++ : next_train++) = indices[i];
out:
    free(is_held);
    if (status != STATUS_OK) {
        free(*train);
        free(*validation);
        *train = *validation = NULL;
    }
    return status;
}
