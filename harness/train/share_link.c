#include "harness/train/share_link.h"

#include <stdlib.h>
#include <string.h>

#include "harness/ranks/ranks.h"

static Status look_for_twins(const char (*units)[UNIT_SIZE]) {
    for (int a = 0; a < ranks_count(); a++)
        for (int b = 0; b < a; b++)
            if (units[a][0] && memcmp(units[a], units[b], UNIT_SIZE) == 0)
                return status_fail(STATUS_BAD_INPUT,
                                   "processes %d and %d would share the device %s: start no more "
                                   "processes on a machine than it has devices",
                                   b, a, units[a]);
    return STATUS_OK;
}

/* All ranks see the same, so all come to the same end. */
static Status devices_differ(const Backend *backend) {
    char mine[UNIT_SIZE] = "";
    char(*units)[UNIT_SIZE] = calloc((size_t)ranks_count(), sizeof *units);
    if (!units)
        ranks_end_all("no memory for the names of devices");
    memcpy(mine, backend->info.unit, strlen(backend->info.unit));
    ranks_gather(mine, units, sizeof mine);
    Status status = look_for_twins(units);
    free(units);
    return status;
}

Status share_link(const Backend *backend, ShareSum *sum) {
    const ShareLinkOps *link = sum ? backend->ops->share_sums->link() : NULL;
    LinkName name = {{0}};
    Status status = STATUS_OK;
    TRY(devices_differ(backend));
    if (!link)
        return STATUS_OK;
    if (ranks_mine() == 0)
        status = link->name(&name);
    TRY(ranks_agree(status));
    ranks_broadcast(&name, sizeof name);
    if (link->join(sum, &name, ranks_count(), ranks_mine()) != STATUS_OK)
        ranks_end_all(status_message());
    return STATUS_OK;
}
