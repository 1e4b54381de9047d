#include "harness/sweep/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/digest.h"
#include "harness/ranks/ranks.h"
#include "harness/sweep/training.h"
#include "harness/train/follow.h"

/* A run, and what must be the same for the bits to be those of one process. */
typedef struct RunOrder {
    RunConfig config;
    char key[KEY_SIZE];
    char program[65], dataset_sha256[65];
    char isa[64], libraries[128];
    char card[128];        /* "": a processor, of which the instruction set says enough */
    char data_folder[512]; /* "": the usual ones */
} RunOrder;

Status worker_check_run(const RunConfig *config, int number, int ranks) {
    if (config->shares % ranks == 0)
        return STATUS_OK;
    return status_fail(STATUS_BAD_INPUT,
                       "%d processes cannot divide the %lld shares of run %d among them; "
                       "the column 'shares' says how many there are",
                       ranks, (long long)config->shares, number);
}

Status worker_check(const Sweep *sweep) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->runs[i].selected)
            TRY(worker_check_run(&sweep->runs[i].config, i + 1, ranks_count()));
    return STATUS_OK;
}

/* Libraries choose by the kind of card how to compute. */
static const char *card_of(const BackendInfo *info) {
    return info->unit[0] ? info->device : "";
}

void worker_tell_run(const Sweep *sweep, const SweepRun *run, const Backend *backend) {
    RunOrder order;
    memset(&order, 0, sizeof order);
    order.config = run->config;
    memcpy(order.key, run->key, sizeof order.key);
    memcpy(order.program, sweep->program, sizeof order.program);
    memcpy(order.dataset_sha256, sweep_source(sweep, run->config.dataset)->sha256,
           sizeof order.dataset_sha256);
    snprintf(order.isa, sizeof order.isa, "%s", backend->info.isa);
    snprintf(order.libraries, sizeof order.libraries, "%s", backend->info.libraries);
    snprintf(order.card, sizeof order.card, "%s", card_of(&backend->info));
    snprintf(order.data_folder, sizeof order.data_folder, "%s",
             sweep->data_folder ? sweep->data_folder : "");
    ranks_tell(ORDER_RUN, &order, sizeof order);
}

/* ---- on the other ranks ---- */

/* A Sweep without runs: the data sets, the backend and the share of the threads. */
static Status load(Sweep *sweep, const RunOrder *order, const DataSource **source) {
    const char *name = order->config.dataset;
    *source = sweep_source(sweep, name);
    if (!*source) {
        if (sweep->source_count == SWEEP_SOURCES_MAX)
            return status_fail(STATUS_BAD_INPUT, "more than %d data sets", SWEEP_SOURCES_MAX);
        TRY(data_load(name, order->data_folder[0] ? order->data_folder : NULL,
                      &sweep->sources[sweep->source_count]));
        sweep->source_count++;
        *source = sweep_source(sweep, name);
    }
    if (strcmp((*source)->sha256, order->dataset_sha256) != 0)
        return status_fail(STATUS_BAD_INPUT, "%s holds other data than rank 0's %s",
                           (*source)->folder, name);
    return STATUS_OK;
}

static Status make_ready(Sweep *sweep, const RunOrder *order, Training *t, Backend **backend) {
    const DataSource *source;
    if (!sweep->program[0])
        TRY(digest_file("/proc/self/exe", sweep->program));
    if (strcmp(sweep->program, order->program) != 0)
        return status_fail(STATUS_BAD_INPUT, "another build of this program than rank 0's");
    TRY(load(sweep, order, &source));
    TRY(sweep_shared_backend(sweep, &order->config, backend));
    const BackendInfo *info = &(*backend)->info;
    if (strcmp(info->isa, order->isa) != 0 || strcmp(info->libraries, order->libraries) != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "computes with %s, %s; rank 0 with %s, %s: not the "
                           "same bits",
                           info->libraries, info->isa, order->libraries, order->isa);
    if (strcmp(card_of(info), order->card) != 0)
        return status_fail(STATUS_BAD_INPUT, "computes on %s; rank 0 on %s: not the same bits",
                           info->device, order->card);
    return training_prepare(t, source, *backend, order->key);
}

static void serve_run(Sweep *sweep, const RunOrder *order) {
    Training t = {.config = &order->config};
    Backend *backend = NULL;
    Status status = make_ready(sweep, order, &t, &backend);
    train_follow(&t.spec, t.net, backend, status); /* rank 0 has told what failed */
    run_images_free(&t.images);
    net_destroy(t.net);
}

void worker_serve(void) {
    Sweep sweep = {.share = ranks_here()};
    RankOrder order;
    /* What asks for a stop may reach every rank; rank 0 decides what becomes of it. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    do {
        void *bytes;
        size_t size;
        order = ranks_hear(&bytes, &size);
        if (order == ORDER_RUN && size == sizeof(RunOrder))
            serve_run(&sweep, bytes);
        free(bytes);
    } while (order != ORDER_LEAVE);
    sweep_close(&sweep);
}
