/* The oracle as a backend: slow, obvious, in double, one thread. */
#include <stdio.h>
#include <stdlib.h>

#include "ref/internal.h"
#include "ref/ref.h"

static Status ref_open(const BackendOptions *options, Backend **out) {
    (void)options; /* one thread, always */
    Backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return status_fail(STATUS_NO_MEMORY, "no memory for a backend");
    backend->ops = &ref_backend;
    backend->info.threads = 1;
    snprintf(backend->info.device, sizeof backend->info.device, "CPU");
    snprintf(backend->info.libraries, sizeof backend->info.libraries, "none");
    snprintf(backend->info.isa, sizeof backend->info.isa, "as compiled");
    *out = backend;
    return STATUS_OK;
}

static void ref_close(Backend *backend) {
    free(backend);
}

const BackendOps ref_backend = {
    .name = "ref",
    .summary = "the oracle: naive loops in double precision, one thread",
    .native = PRECISION_FP64,
    .open = ref_open,
    .close = ref_close,
    .state_create = ref_state_create,
    .state_destroy = ref_state_destroy,
    .state_read = ref_state_read,
    .state_write = ref_state_write,
    .state_read_wide = ref_state_read_wide,
    .state_write_wide = ref_state_write_wide,
    .update = ref_update,
    .dataset_create = ref_dataset_create,
    .dataset_destroy = ref_dataset_destroy,
    .compile = ref_compile,
    .program_destroy = ref_program_destroy,
    .forward = ref_forward,
    .backward = ref_backward,
    .train_step = ref_train_step,
    .metrics = ref_metrics,
    .tap_read = ref_tap_read,
};
