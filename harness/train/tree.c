#include "harness/train/tree.h"

#include <stdlib.h>

/* Subtrees that wait when n leaves have been taken: one for each binary one of n. */
static int waiting(int n) {
    int ones = 0;
    for (; n; n &= n - 1)
        ones++;
    return ones;
}

Status tree_sum_open(TreeSum *sum, size_t length, int leaves) {
    *sum = (TreeSum){.length = length, .leaves = leaves};
    if (leaves < 1 || waiting(leaves) != 1)
        return status_fail(STATUS_BAD_INPUT, "a balanced tree of %d leaves: no power of two",
                           leaves);
    /* one more than the most that wait, log2(leaves) of them */
    sum->vectors = calloc((size_t)waiting(leaves - 1) + 1, length * sizeof *sum->vectors);
    if (!sum->vectors)
        return status_fail(STATUS_NO_MEMORY, "no memory to sum vectors of %zu", length);
    return STATUS_OK;
}

void tree_sum_close(TreeSum *sum) {
    free(sum->vectors);
    *sum = (TreeSum){0};
}

double *tree_sum_leaf(TreeSum *sum) {
    return sum->vectors + (size_t)waiting(sum->next) * sum->length;
}

void tree_sum_take(TreeSum *sum) {
    double *right = tree_sum_leaf(sum);
    for (int n = sum->next; n & 1; n >>= 1) {
        double *left = right - sum->length;
        for (size_t i = 0; i < sum->length; i++)
            left[i] += right[i];
        right = left;
    }
    sum->next = (sum->next + 1) % sum->leaves;
}

double *tree_sum_total(TreeSum *sum) {
    return sum->vectors;
}
