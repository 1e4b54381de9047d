/* Sums of shares in a build without NCCL: they go through the hosts. */
#include "gpu/share_sum.h"

const ShareLinkOps *gpu_link(void) {
    return NULL;
}

void gpu_link_version(char *libraries, size_t size) {
    (void)libraries, (void)size;
}

void gpu_link_leave(GpuLink *link) {
    (void)link; /* there never is one */
}
