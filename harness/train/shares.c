#include "harness/train/shares.h"

#include <stdlib.h>
#include <string.h>

#include "harness/train/tree.h"

/* What is summed: the gradients of all learned parameters, the running statistics, and these. */
enum { TAIL_LOSS, TAIL_ERRORS, TAIL_IMAGES, TAIL };

struct Shares {
    Program *train;
    int count;
    double *start; /* running statistics before the step */
    float *floats; /* one parameter's */
    TreeSum sum;
    Metrics metrics;
};

/* ---- numbers of a State, as doubles ---- */

static Status read_param(Shares *shares, Section section, int param, double *values) {
    State *state = shares->train->state;
    if (state_is_wide(state))
        return state_read_wide(state, section, param, values);
    TRY(state_read(state, section, param, shares->floats));
    for (size_t i = 0; i < state->net->params[param].count; i++)
        values[i] = shares->floats[i];
    return STATUS_OK;
}

static Status write_param(Shares *shares, Section section, int param, const double *values) {
    State *state = shares->train->state;
    if (state_is_wide(state))
        return state_write_wide(state, section, param, values);
    for (size_t i = 0; i < state->net->params[param].count; i++)
        shares->floats[i] = (float)values[i];
    return state_write(state, section, param, shares->floats);
}

typedef Status Transfer(Shares *shares, Section section, int param, double *values);

static Status put_param(Shares *shares, Section section, int param, double *values) {
    return write_param(shares, section, param, values);
}

/* values: learned_count of them. */
static Status each_gradient(Shares *shares, Transfer *transfer, double *values) {
    const Net *net = shares->train->state->net;
    for (int i = 0; i < net->param_count; i++)
        if (!param_is_statistic(&net->params[i]))
            TRY(transfer(shares, SECTION_GRADIENT, i, values + net->params[i].offset));
    return STATUS_OK;
}

/* values: statistic_count of them. */
static Status each_statistic(Shares *shares, Transfer *transfer, double *values) {
    const Net *net = shares->train->state->net;
    for (int i = 0; i < net->param_count; i++)
        if (param_is_statistic(&net->params[i]))
            TRY(transfer(shares, SECTION_VALUE, i, values + net->params[i].offset));
    return STATUS_OK;
}

/* ---- making ---- */

Status shares_create(Program *train, int count, Shares **result) {
    const Net *net = train->state->net;
    size_t largest = 0;
    Shares *shares = *result = calloc(1, sizeof *shares);
    if (!shares)
        return status_fail(STATUS_NO_MEMORY, "no memory for the shares of a batch");
    for (int i = 0; i < net->param_count; i++)
        largest = net->params[i].count > largest ? net->params[i].count : largest;
    shares->train = train;
    shares->count = count;
    shares->start = calloc(net->statistic_count + 1, sizeof *shares->start);
    shares->floats = calloc(largest + 1, sizeof *shares->floats);
    if (!shares->start || !shares->floats)
        return status_fail(STATUS_NO_MEMORY, "no memory for the shares of a batch");
    return tree_sum_open(&shares->sum, net->learned_count + net->statistic_count + TAIL, count);
}

void shares_destroy(Shares *shares) {
    if (!shares)
        return;
    tree_sum_close(&shares->sum);
    free(shares->start);
    free(shares->floats);
    free(shares);
}

/* ---- a step ---- */

static Status compute_share(Shares *shares, const Batch *batch, int share) {
    const Net *net = shares->train->state->net;
    Batch part = *batch;
    Metrics metrics;
    double *leaf = tree_sum_leaf(&shares->sum);
    double *tail = leaf + net->learned_count + net->statistic_count;
    part.count = batch->count / shares->count;
    part.samples += share * part.count;
    part.divisor = batch->divisor ? batch->divisor : batch->count;
    TRY(each_statistic(shares, put_param, shares->start));
    TRY(program_forward(shares->train, &part));
    TRY(program_backward(shares->train, NULL));
    TRY(program_metrics(shares->train, &metrics));
    TRY(each_gradient(shares, read_param, leaf));
    TRY(each_statistic(shares, read_param, leaf + net->learned_count));
    tail[TAIL_LOSS] = metrics.loss_sum;
    tail[TAIL_ERRORS] = (double)metrics.errors;
    tail[TAIL_IMAGES] = (double)metrics.images;
    tree_sum_take(&shares->sum);
    return STATUS_OK;
}

/* The whole batch's gradient and statistics become the State's; it has then taken the step. */
static Status take_step(Shares *shares, double *total, double lr) {
    State *state = shares->train->state;
    double *statistics = total + state->net->learned_count;
    const double *tail = statistics + state->net->statistic_count;
    for (size_t i = 0; i < state->net->statistic_count; i++)
        statistics[i] /= shares->count;
    TRY(each_gradient(shares, put_param, total));
    TRY(each_statistic(shares, put_param, statistics));
    shares->metrics.loss_sum += tail[TAIL_LOSS];
    shares->metrics.errors += (int64_t)tail[TAIL_ERRORS];
    metrics_count_batch(&shares->metrics, (int)tail[TAIL_IMAGES]);
    return state_update(state, lr);
}

Status shares_train_step(Shares *shares, const Batch *batch, double lr) {
    if (batch->count % shares->count != 0)
        return status_fail(STATUS_BAD_INPUT, "a batch of %d images in %d shares", batch->count,
                           shares->count);
    shares->sum.next = 0;
    TRY(each_statistic(shares, read_param, shares->start));
    for (int i = 0; i < shares->count; i++)
        TRY(compute_share(shares, batch, i));
    return take_step(shares, tree_sum_total(&shares->sum), lr);
}

void shares_metrics(Shares *shares, Metrics *metrics) {
    *metrics = shares->metrics;
    shares->metrics = (Metrics){0};
}
