/* One line for a oneDNN call that may fail. */
#ifndef CPU_DNNL_CHECK_H
#define CPU_DNNL_CHECK_H

#include <dnnl.h>

#include "net/status.h"

/* Inside a function with `Status status` and a label `out`, like CHECK; `what` names the node. */
#define DNNL_CHECK(call, what)                                                                     \
    do {                                                                                           \
        dnnl_status_t dnnl_ = (call);                                                              \
        if (dnnl_ != dnnl_success) {                                                               \
            status = status_fail(dnnl_ == dnnl_out_of_memory ? STATUS_NO_MEMORY : STATUS_BACKEND,  \
                                 "%s: oneDNN error %d in %s", what, (int)dnnl_, #call);            \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#endif
