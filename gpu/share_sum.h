/* The shares of a step summed on the card (net/share_sum.h), and the way from card to card: over
 * NCCL (link_nccl.c), or none in a build without it (link_none.c), where the sums go through the
 * hosts. */
#ifndef GPU_SHARE_SUM_H
#define GPU_SHARE_SUM_H

#include "gpu/gpu.h"

typedef struct GpuLink GpuLink;

typedef struct GpuShareSum {
    GpuState *state;
    int own, count, next; /* shares summed here, in all; the next one */
    size_t length;        /* of a vector: learned + 2 channels */
    double *vectors;      /* a stack: the subtrees that wait for their other half, then the leaf */
    double *received;     /* another card's sum; NULL: there is no link */
    float *start_mean, *start_var; /* running statistics before the step */
    GpuLink *link;                 /* NULL until join() */
} GpuShareSum;

static inline GpuShareSum *gpu_share_sum_of(ShareSum *sum) {
    return (GpuShareSum *)sum;
}

extern const ShareSumOps gpu_share_sums;

/* ---- link_nccl.c or link_none.c ---- */

/* NULL in a build without NCCL. */
const ShareLinkOps *gpu_link(void);
/* Appends ", NCCL 2.27.3", or nothing. */
void gpu_link_version(char *libraries, size_t size);
/* NULL is allowed. */
void gpu_link_leave(GpuLink *link);

#endif
