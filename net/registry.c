/* The backends built into this program: the only file that knows which libraries were found. */
#include <stdio.h>
#include <string.h>

#include "net/backend.h"

extern const BackendOps ref_backend;
#ifdef RESLAB_CPU
extern const BackendOps cpu_backend;
#endif
#ifdef RESLAB_GPU
extern const BackendOps gpu_backend;
#endif

/* In the order in which `auto` tries them; ref is never chosen by itself: it is the oracle. */
static const BackendOps *const backends[] = {
#ifdef RESLAB_GPU
    &gpu_backend,
#endif
#ifdef RESLAB_CPU
    &cpu_backend,
#endif
    &ref_backend,
};

const BackendOps *const *backend_table(int *count) {
    *count = (int)(sizeof backends / sizeof backends[0]);
    return backends;
}

static Status open_auto(const BackendOptions *options, Backend **backend) {
    int count;
    const BackendOps *const *table = backend_table(&count);
    Status status = status_fail(STATUS_UNAVAILABLE, "no fast backend was built: install oneDNN or "
                                                    "CUDA, or ask for backend=ref");
    char note[256] = "";
    for (int i = 0; i < count && table[i] != &ref_backend; i++) {
        status = table[i]->open(options, backend);
        if (status == STATUS_OK)
            snprintf((*backend)->info.note, sizeof note, "%s", note);
        if (status != STATUS_UNAVAILABLE)
            return status;
        snprintf(note, sizeof note, "%s", status_message());
    }
    return status;
}

Status backend_open(const char *name, const BackendOptions *options, Backend **backend) {
    int count;
    const BackendOps *const *table = backend_table(&count);
    *backend = NULL;
    if (strcmp(name, "auto") == 0)
        return open_auto(options, backend);
    for (int i = 0; i < count; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i]->open(options, backend);
    return status_fail(STATUS_UNAVAILABLE,
                       "backend '%s' is not in this build; 'harness list backends' names what is",
                       name);
}

void backend_close(Backend *backend) {
    if (backend)
        backend->ops->close(backend);
}
