#include "harness/train/shares.h"

#include <stdlib.h>
#include <string.h>

#include "harness/ranks/ranks.h"
#include "harness/train/share_link.h"
#include "harness/train/state_values.h"
#include "harness/train/tree.h"

/* What is summed: the gradients of all learned parameters, the running statistics, and these. Where
 * a device sums the gradients and statistics (net/share_sum.h), the host sums the tail alone. */
enum { TAIL_LOSS, TAIL_ERRORS, TAIL_IMAGES, TAIL_FAILED, TAIL };

struct Shares {
    Program *train;
    const Net *net;
    int count, first, own; /* shares in all; those of this rank */
    StateValues values;
    double *start; /* running statistics before the step */
    TreeSum sum;   /* of the own shares, on the host */
    const ShareSumOps *device_ops;
    ShareSum *device; /* NULL: nothing is summed there */
    size_t front;     /* doubles before the tail of what goes from host to host */
    double *carried;  /* the device's sum, then the tail; NULL: the device's stays there, if any */
    double *other;    /* what another rank's shares came to; NULL: there is none */
    Metrics metrics;
};

/* ---- making ---- */

/* What the own shares, then those of more ranks, came to: the front, then the tail. */
static double *total_of(Shares *shares) {
    return shares->carried ? shares->carried : tree_sum_total(&shares->sum);
}

static double *doubles(size_t count, Status *status) {
    double *values = calloc(count, sizeof *values);
    if (!values)
        *status = status_fail(STATUS_NO_MEMORY, "no memory for the shares of a batch");
    return values;
}

static Status make_sums(Shares *shares) {
    State *state = shares->train->state;
    bool several = ranks_count() > 1;
    Status status = STATUS_OK;
    shares->front = shares->net->learned_count + shares->net->statistic_count;
    shares->device_ops = state->backend->ops->share_sums;
    if (shares->device_ops) {
        TRY(shares->device_ops->create(state, shares->own, shares->count, &shares->device));
        bool carries = several && !shares->device_ops->link();
        shares->front = carries ? shares->device_ops->length(shares->device) : 0;
        shares->carried = carries ? doubles(shares->front + TAIL, &status) : NULL;
    }
    shares->start = doubles(shares->net->statistic_count + 1, &status);
    shares->other = several ? doubles(shares->front + TAIL, &status) : NULL;
    TRY(status);
    TRY(state_values_open(&shares->values, state));
    return tree_sum_open(&shares->sum, (shares->device ? 0 : shares->front) + TAIL, shares->own);
}

Status shares_create(Program *train, int count, Shares **result) {
    const Net *net = train->state->net;
    Shares *shares = *result = calloc(1, sizeof *shares);
    if (!shares)
        return status_fail(STATUS_NO_MEMORY, "no memory for the shares of a batch");
    shares->train = train;
    shares->net = net;
    shares->count = count;
    shares->own = count / ranks_count();
    shares->first = ranks_mine() * shares->own;
    if (shares->own * ranks_count() != count)
        return status_fail(STATUS_BAD_INPUT, "%d shares of a batch for %d processes", count,
                           ranks_count());
    return make_sums(shares);
}

void shares_destroy(Shares *shares) {
    if (!shares)
        return;
    if (shares->device)
        shares->device_ops->destroy(shares->device);
    tree_sum_close(&shares->sum);
    state_values_close(&shares->values);
    free(shares->start);
    free(shares->carried);
    free(shares->other);
    free(shares);
}

static double *statistics_of(const Shares *shares, double *vector) {
    return vector + shares->net->learned_count;
}

static double *tail_of(const Shares *shares, double *vector) {
    return vector + shares->front;
}

/* ---- a step ---- */

static Status restore_statistics(Shares *shares) {
    return state_values_write_statistics(&shares->values, shares->start);
}

static Status begin(Shares *shares) {
    shares->sum.next = 0;
    if (!shares->device)
        return STATUS_OK;
    if (ranks_mine() > 0) /* rank 0's State has them */
        TRY(restore_statistics(shares));
    return shares->device_ops->begin(shares->device);
}

/* The next leaf, but for its tail. */
static Status take_share(Shares *shares, double *leaf) {
    if (shares->device)
        return shares->device_ops->take(shares->device);
    TRY(state_values_read(&shares->values, SECTION_GRADIENT, leaf));
    return state_values_read_statistics(&shares->values, statistics_of(shares, leaf));
}

static Status compute_share(Shares *shares, const Batch *batch, int share) {
    Batch part = *batch;
    Metrics metrics;
    double *leaf = tree_sum_leaf(&shares->sum), *tail = leaf + shares->sum.length - TAIL;
    part.count = batch->count / shares->count;
    part.samples += share * part.count;
    part.divisor = batch->divisor ? batch->divisor : batch->count;
    TRY(shares->device ? STATUS_OK : restore_statistics(shares)); /* a device does it in take() */
    TRY(program_forward(shares->train, &part));
    TRY(program_backward(shares->train, NULL));
    TRY(program_metrics(shares->train, &metrics));
    TRY(take_share(shares, leaf));
    tail[TAIL_LOSS] = metrics.loss_sum;
    tail[TAIL_ERRORS] = (double)metrics.errors;
    tail[TAIL_IMAGES] = (double)metrics.images;
    tail[TAIL_FAILED] = 0;
    tree_sum_take(&shares->sum);
    return STATUS_OK;
}

static Status compute_own(Shares *shares, const Batch *batch) {
    TRY(begin(shares));
    for (int i = 0; i < shares->own; i++)
        TRY(compute_share(shares, batch, shares->first + i));
    if (!shares->carried)
        return STATUS_OK;
    memcpy(tail_of(shares, shares->carried), tree_sum_total(&shares->sum), TAIL * sizeof(double));
    return shares->device_ops->read(shares->device, shares->carried);
}

/* The upper levels of the tree, as far as the host adds them. A rank that has failed takes part all
 * the same: the others wait for it, and so they hear of it. */
static Status add_ranks(Shares *shares, double *total, Status mine) {
    size_t length = shares->front + TAIL;
    if (mine != STATUS_OK)
        memset(total, 0, length * sizeof *total);
    tail_of(shares, total)[TAIL_FAILED] = mine != STATUS_OK;
    for (int bit = 1; bit < ranks_count(); bit *= 2) {
        ranks_swap(ranks_mine() ^ bit, total, shares->other, length * sizeof *total);
        for (size_t i = 0; i < length; i++)
            total[i] += shares->other[i];
    }
    return tail_of(shares, total)[TAIL_FAILED] > 0 ? ranks_agree(mine) : STATUS_OK;
}

/* The same levels between the devices. No rank has failed so far. */
static void add_devices(Shares *shares) {
    for (int bit = 1; bit < ranks_count(); bit *= 2)
        if (shares->device_ops->link()->exchange(shares->device, ranks_mine() ^ bit) != STATUS_OK)
            ranks_end_all(status_message());
}

/* The whole batch's gradient and statistics become the State's. */
static Status put_total(Shares *shares, double *total) {
    if (shares->carried)
        TRY(shares->device_ops->write(shares->device, total));
    if (shares->device)
        return shares->device_ops->finish(shares->device);
    double *statistics = statistics_of(shares, total);
    for (size_t i = 0; i < shares->net->statistic_count; i++)
        statistics[i] /= shares->count;
    TRY(state_values_write(&shares->values, SECTION_GRADIENT, total));
    return state_values_write_statistics(&shares->values, statistics);
}

static Status take_step(Shares *shares, double *total, double lr) {
    const double *tail = tail_of(shares, total);
    TRY(put_total(shares, total));
    shares->metrics.loss_sum += tail[TAIL_LOSS];
    shares->metrics.errors += (int64_t)tail[TAIL_ERRORS];
    metrics_count_batch(&shares->metrics, (int)tail[TAIL_IMAGES]);
    return state_update(shares->train->state, lr);
}

/* From `start`. so_far: a failure that the other ranks have yet to hear of. */
static Status step(Shares *shares, const Batch *batch, double lr, Status so_far) {
    double *total = total_of(shares);
    Status status = so_far == STATUS_OK ? compute_own(shares, batch) : so_far;
    TRY(add_ranks(shares, total, status));
    if (shares->device && !shares->carried)
        add_devices(shares);
    return take_step(shares, total, lr);
}

/* ---- orders ---- */

/* Before the running statistics, then the samples. Rank 0's evaluations may change its statistics,
 * so they are told anew. */
typedef struct StepOrder {
    double lr;
    int64_t step;
    int32_t count, divisor;
} StepOrder;

static Status tell_step(const Shares *shares, const Batch *batch, double lr) {
    StepOrder order = {lr, batch->step, batch->count, batch->divisor};
    size_t statistics = shares->net->statistic_count * sizeof *shares->start;
    size_t samples = (size_t)batch->count * sizeof *batch->samples;
    if (ranks_count() == 1)
        return STATUS_OK;
    char *bytes = malloc(sizeof order + statistics + samples);
    if (!bytes)
        return status_fail(STATUS_NO_MEMORY, "no memory for a batch's order");
    memcpy(bytes, &order, sizeof order);
    memcpy(bytes + sizeof order, shares->start, statistics);
    memcpy(bytes + sizeof order + statistics, batch->samples, samples);
    ranks_tell(ORDER_STEP, bytes, sizeof order + statistics + samples);
    free(bytes);
    return STATUS_OK;
}

Status shares_train_step(Shares *shares, const Batch *batch, double lr) {
    if (batch->count % shares->count != 0)
        return status_fail(STATUS_BAD_INPUT, "a batch of %d images in %d shares", batch->count,
                           shares->count);
    TRY(state_values_read_statistics(&shares->values, shares->start));
    TRY(tell_step(shares, batch, lr));
    return step(shares, batch, lr, STATUS_OK);
}

Status shares_follow(Shares *shares, const Dataset *data, const void *bytes, size_t size,
                     Status so_far) {
    StepOrder order;
    size_t statistics = shares->net->statistic_count * sizeof *shares->start;
    memcpy(&order, bytes, sizeof order);
    if (so_far == STATUS_OK &&
        size != sizeof order + statistics + (size_t)order.count * sizeof(Sample))
        so_far = status_fail(STATUS_BAD_INPUT, "a step's order of %zu bytes", size);
    const char *next = (const char *)bytes + sizeof order;
    memcpy(shares->start, next, so_far == STATUS_OK ? statistics : 0);
    Batch batch = {.data = data,
                   .samples = (const Sample *)(next + statistics), /* whole doubles before it */
                   .count = order.count,
                   .divisor = order.divisor,
                   .step = order.step};
    return step(shares, &batch, order.lr, so_far);
}

void shares_metrics(Shares *shares, Metrics *metrics) {
    *metrics = shares->metrics;
    shares->metrics = (Metrics){0};
}

/* ---- the State ---- */

/* Doubles of a State: its count of updates, values, statistics, momenta, Adam's second moments. */
static size_t state_length(const Shares *shares) {
    bool adam = shares->train->state->optimizer.kind == OPTIMIZER_ADAM;
    return 1 + shares->net->statistic_count + shares->net->learned_count * (adam ? 3 : 2);
}

typedef Status Transfer(StateValues *values, Section section, double *learned);

static Status put(StateValues *values, Section section, double *learned) {
    return state_values_write(values, section, learned);
}

static Status each_section(Shares *shares, Transfer *transfer, double *at) {
    static const Section sections[] = {SECTION_VALUE, SECTION_MOMENTUM, SECTION_SQUARE};
    int count = shares->train->state->optimizer.kind == OPTIMIZER_ADAM ? 3 : 2;
    for (int i = 0; i < count; i++)
        TRY(transfer(&shares->values, sections[i], at + (size_t)i * shares->net->learned_count));
    return STATUS_OK;
}

static Status link_devices(const Shares *shares) {
    return share_link(shares->train->state->backend, shares->device);
}

Status shares_hand_out(Shares *shares) {
    size_t length = state_length(shares);
    if (ranks_count() == 1)
        return STATUS_OK;
    double *all = calloc(length, sizeof *all);
    if (!all)
        return status_fail(STATUS_NO_MEMORY, "no memory to hand out a State");
    Status status = STATUS_OK;
    all[0] = (double)shares->train->state->updates;
    CHECK(state_values_read_statistics(&shares->values, all + 1));
    CHECK(each_section(shares, state_values_read, all + 1 + shares->net->statistic_count));
    ranks_tell(ORDER_STATE, all, length * sizeof *all);
    CHECK(ranks_agree(STATUS_OK));
    status = link_devices(shares);
out:
    free(all);
    return status;
}

static Status take_state(Shares *shares, const void *bytes, size_t size) {
    double *all = (double *)bytes;
    if (size != state_length(shares) * sizeof *all)
        return status_fail(STATUS_BAD_INPUT, "a State of %zu bytes, not %zu", size,
                           state_length(shares) * sizeof *all);
    shares->train->state->updates = (int64_t)all[0];
    TRY(state_values_write_statistics(&shares->values, all + 1));
    return each_section(shares, put, all + 1 + shares->net->statistic_count);
}

Status shares_take_state(Shares *shares, const void *bytes, size_t size, Status so_far) {
    TRY(ranks_agree(so_far == STATUS_OK ? take_state(shares, bytes, size) : so_far));
    return link_devices(shares);
}
