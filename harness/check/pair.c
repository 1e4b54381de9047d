#include "harness/check/pair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fusion.h"

void verdict_add(Verdict *verdict, const Comparison *comparison) {
    verdict->compared++;
    if (!isnan(verdict->share) && !(comparison->share <= verdict->share)) /* a NaN stays */
        verdict->share = comparison->share;
    if (!comparison->same && verdict->failed++ == 0)
        snprintf(verdict->message, sizeof verdict->message, "%s", comparison->message);
}

/* ---- running ---- */

static Status compiled(Rig *rig, const ProgramSpec *program, Precision precision, Program **out) {
    ProgramSpec spec = *program;
    spec.precision = precision;
    return program_compile(rig->state, &spec, out);
}

Status pair_open(Pair *pair, const CheckSpec *spec, Net *net, const ProgramSpec *program,
                 const Optimizer *optimizer) {
    memset(pair, 0, sizeof *pair);
    pair->precision = spec->precision;
    TRY(rig_begin(&pair->fast, spec->backend, net, program->max_batch, optimizer));
    TRY(rig_begin(&pair->slow, spec->oracle, net, program->max_batch, optimizer));
    TRY(compiled(&pair->fast, program, spec->precision, &pair->fast_program));
    return compiled(&pair->slow, program, spec->oracle->ops->native, &pair->slow_program);
}

void pair_close(Pair *pair) {
    program_destroy(pair->fast_program);
    program_destroy(pair->slow_program);
    rig_end(&pair->fast);
    rig_end(&pair->slow);
}

Status pair_forward(Pair *pair) {
    Batch fast = rig_batch(&pair->fast), slow = rig_batch(&pair->slow);
    TRY(program_forward(pair->fast_program, &fast));
    return program_forward(pair->slow_program, &slow);
}

Status pair_backward(Pair *pair) {
    TRY(program_backward(pair->fast_program, rig_dy(&pair->fast)));
    return program_backward(pair->slow_program, rig_dy(&pair->slow));
}

Status pair_train_step(Pair *pair, double lr) {
    Batch fast = rig_batch(&pair->fast), slow = rig_batch(&pair->slow);
    fast.step = slow.step = pair->steps++;
    TRY(program_train_step(pair->fast_program, &fast, lr));
    return program_train_step(pair->slow_program, &slow, lr);
}

/* ---- comparing ---- */

static void compare_arrays(const char *name, const float *got, const float *want, size_t count,
                           Closeness close, Verdict *verdict) {
    Comparison comparison = close.as_norm
                                ? comparison_of_norms(name, got, want, count, close.tolerance)
                                : comparison_of_floats(name, got, want, count, close.tolerance);
    verdict_add(verdict, &comparison);
}

Status pair_compare_tap(Pair *pair, int tap, const char *name, Closeness close, Verdict *verdict) {
    float *got = NULL, *want = NULL;
    size_t count;
    Status status = STATUS_OK;
    CHECK(rig_fetch_tap(&pair->fast, pair->fast_program, tap, &got, &count));
    CHECK(rig_fetch_tap(&pair->slow, pair->slow_program, tap, &want, &count));
    compare_arrays(name, got, want, count, close, verdict);
out:
    free(got);
    free(want);
    return status;
}

static Status compare_param(Pair *pair, Section section, int id, Closeness close,
                            Verdict *verdict) {
    static const char *const sections[] = {"", "gradient of ", "momentum of ", "square of "};
    const Param *p = &pair->fast.net->params[id];
    float *got = NULL, *want = NULL;
    char name[sizeof p->name + 16];
    Status status = STATUS_OK;
    snprintf(name, sizeof name, "%s%s", sections[section], p->name);
    CHECK(rig_fetch_param(&pair->fast, section, id, &got));
    CHECK(rig_fetch_param(&pair->slow, section, id, &want));
    compare_arrays(name, got, want, p->count, close, verdict);
out:
    free(got);
    free(want);
    return status;
}

/* A section of all learned parameters in their order, in a new array that the caller frees. */
static Status fetch_learned(const Rig *rig, Section section, float **values) {
    const Net *net = rig->net;
    *values = calloc(net->learned_count + 1, sizeof **values);
    if (!*values)
        return status_fail(STATUS_NO_MEMORY, "no memory for %zu values", net->learned_count);
    for (int i = 0; i < net->param_count; i++)
        if (!param_is_statistic(&net->params[i]))
            TRY(state_read(rig->state, section, i, *values + net->params[i].offset));
    return STATUS_OK;
}

/* What a parameter's gradient is rounding against when it is nearly zero, as that of a bias in
 * front of a batch norm: the largest value of all where each element is compared, the root mean
 * square where norms are. */
static double typical(const float *values, size_t count, bool as_norm) {
    double most = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs(values[i]));
        squares += (double)values[i] * values[i];
    }
    return as_norm ? sqrt(squares / (double)count) : most;
}

Status pair_compare_learned(Pair *pair, Section section, Verdict *verdict) {
    const Net *net = pair->fast.net;
    const Closeness close = closeness_of_gradients(net, pair->precision, pair->batch);
    float *got = NULL, *want = NULL;
    Status status = STATUS_OK;
    if (net->learned_count == 0)
        return STATUS_OK;
    CHECK(fetch_learned(&pair->fast, section, &got));
    CHECK(fetch_learned(&pair->slow, section, &want));
    double scale = typical(want, net->learned_count, close.as_norm);
    for (int i = 0; i < net->param_count; i++) {
        Closeness own = close;
        if (param_is_statistic(&net->params[i]))
            continue;
        own.tolerance.absolute += close.tolerance.relative * scale *
                                  (close.as_norm ? sqrt((double)net->params[i].count) : 1);
        CHECK(compare_param(pair, section, i, own, verdict));
    }
    if (close.as_norm) /* a kink near zero moves a small parameter's gradient far, not the whole */
        compare_arrays("all parameters together", got, want, net->learned_count, close, verdict);
out:
    free(got);
    free(want);
    return status;
}

Status pair_compare_values(Pair *pair, bool statistics_only, Closeness close, double slack,
                           double wander, Verdict *verdict) {
    const Net *net = pair->fast.net;
    close.tolerance.relative *= slack;
    for (int i = 0; i < net->param_count; i++) {
        Closeness own = close;
        if (statistics_only && !param_is_statistic(&net->params[i]))
            continue;
        if (param_is_normalised_away(net, i))
            own.tolerance.absolute +=
                wander * (close.as_norm ? sqrt((double)net->params[i].count) : 1);
        TRY(compare_param(pair, SECTION_VALUE, i, own, verdict));
    }
    return STATUS_OK;
}

Status pair_compare_metrics(Pair *pair, Closeness close, Verdict *verdict) {
    Metrics got, want;
    TRY(program_metrics(pair->fast_program, &got));
    TRY(program_metrics(pair->slow_program, &want));
    /* An image's loss is a difference of logits of order one, however small it has become. */
    double limit = close.tolerance.relative * (fabs(want.loss_sum) + (double)want.images);
    Comparison loss = comparison_of_numbers("loss", got.loss_sum, want.loss_sum, limit);
    verdict_add(verdict, &loss);
    Comparison images =
        comparison_of_numbers("images counted", (double)got.images, (double)want.images, 0);
    verdict_add(verdict, &images);
    if (precision_is_fine(pair->precision)) {
        Comparison errors =
            comparison_of_numbers("errors counted", (double)got.errors, (double)want.errors, 0);
        verdict_add(verdict, &errors);
    }
    return STATUS_OK;
}
