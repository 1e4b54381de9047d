/* Sums of vectors over a balanced binary tree: ((a + b) + (c + d)) + ((e + f) + (g + h)). Its shape
 * depends on the number of leaves alone, so whoever sums a whole subtree, and in whatever order
 * subtrees get ready, the bits are the same. */
#ifndef HARNESS_TRAIN_TREE_H
#define HARNESS_TRAIN_TREE_H

#include <stddef.h>

#include "net/status.h"

typedef struct TreeSum {
    size_t length;    /* of a vector */
    int leaves, next; /* in all, a power of two; the number of the next one */
    double *vectors;  /* a stack: the subtrees that wait for their other half, then the leaf */
} TreeSum;

/* STATUS_BAD_INPUT when leaves is no power of two. The caller closes, also after a failure. */
Status tree_sum_open(TreeSum *sum, size_t length, int leaves);
void tree_sum_close(TreeSum *sum);
/* Where the values of the next leaf are to be written. */
double *tree_sum_leaf(TreeSum *sum);
/* They have been: adds them. */
void tree_sum_take(TreeSum *sum);
/* The sum of all leaves, until the next leaf begins another sum. */
double *tree_sum_total(TreeSum *sum);

#endif
