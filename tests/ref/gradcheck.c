#include "tests/ref/gradcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fusion.h"
#include "ref/ref.h"

static const double step = 1e-5;

typedef struct Check {
    Rig *rig;
    Program *program;
    double *x, *dy;
    size_t x_count, y_count;
    double largest; /* derivative of the whole net */
    GradcheckResult result;
} Check;

/* A program that shows the masks of all ReLUs and the winners of all max-pools. */
static Program *compiled(Rig *rig, Mode mode, int bn_group) {
    const Net *net = rig->net;
    Tap *taps = malloc((size_t)net->node_count * sizeof *taps);
    int count = 0;
    for (int id = 1; id < net->node_count; id++) {
        if (net->nodes[id].op == OP_RELU)
            taps[count++] = (Tap){id, TAP_RELU_MASK};
        if (net->nodes[id].op == OP_MAX_POOL)
            taps[count++] = (Tap){id, TAP_POOL_INDEX};
    }
    Program *program = rig_program(rig, mode, bn_group, taps, count);
    free(taps);
    return program;
}

/* All of those as one number (FNV-1a): did anything switch? */
static uint64_t switches(const Check *check) {
    uint64_t hash = 14695981039346656037u;
    for (int tap = 0; tap < check->program->spec.tap_count; tap++) {
        size_t count;
        float *values = rig_tap(check->rig, check->program, tap, &count);
        for (size_t i = 0; i < count; i++)
            hash = (hash ^ (uint64_t)values[i]) * 1099511628211u;
        free(values);
    }
    return hash;
}

static double objective(Check *check) {
    ref_forward_values(check->program, check->x, check->rig->labels, check->rig->batch, 0);
    const Net *net = check->rig->net;
    if (net_has_loss(net))
        return ref_loss(check->program);
    const double *y = ref_node_value(check->program, net->node_count - 1);
    double sum = 0;
    for (size_t i = 0; i < check->y_count; i++)
        sum += check->dy[i] * y[i];
    return sum;
}

static double largest(const double *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

/* With batch statistics such a bias has no gradient. */
static bool normalised_away(const Check *check, int param) {
    return check->program->spec.mode != MODE_EVAL &&
           param_is_normalised_away(check->rig->net, param);
}

static double norm_of(const double *values, size_t count) {
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += values[i] * values[i];
    return sqrt(squares);
}

/* Compares derivative[i] with finite differences in values[i], `entries` of them, evenly spread. */
static void check_array(Check *check, const char *name, double *values, const double *derivative,
                        size_t count, int entries) {
    /* An array whose derivative is exactly zero (a bias in front of a batch norm) is measured
     * against the rest of the net. */
    double scale = fmax(largest(derivative, count), 1e-3 * check->largest);
    GradcheckResult *result = &check->result;
    size_t stride = count > (size_t)entries ? count / (size_t)entries : 1;
    for (size_t i = 0; i < count; i += stride) {
        double old = values[i];
        values[i] = old + step;
        double above = objective(check);
        uint64_t mask = switches(check);
        values[i] = old - step;
        double below = objective(check);
        bool switched = switches(check) != mask;
        values[i] = old;
        result->checked++;
        result->skipped += switched;
        double err = fabs((above - below) / (2 * step) - derivative[i]) / scale;
        if (!switched && !isnan(result->worst) && !(err <= result->worst)) { /* a NaN stays */
            result->worst = err;
            snprintf(result->where, sizeof result->where, "%s[%zu]", name, i);
        }
    }
}

static void check_parameters(Check *check, int entries) {
    const Net *net = check->rig->net;
    State *state = check->rig->state;
    for (int i = 0; i < net->param_count; i++) {
        const Param *p = &net->params[i];
        if (param_is_statistic(p))
            continue;
        const double *derivative = ref_state_values(state, SECTION_GRADIENT, i);
        if (!normalised_away(check, i))
            check->result.smallest_norm =
                fmin(check->result.smallest_norm, norm_of(derivative, p->count));
        check_array(check, p->name, ref_state_values(state, SECTION_VALUE, i), derivative, p->count,
                    entries);
    }
}

static double *widened(const float *values, size_t count) {
    double *wide = malloc(count * sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = values[i];
    return wide;
}

static double *copied(const double *values, size_t count) {
    double *copy = malloc(count * sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

GradcheckResult gradcheck(Rig *rig, Mode mode, int bn_group, int per_array) {
    const Net *net = rig->net;
    size_t batch = (size_t)rig->batch;
    Program *program = compiled(rig, mode, bn_group);
    Check check = {.rig = rig, .program = program};
    check.x_count = batch * shape_count(net->nodes[0].out);
    check.y_count = batch * shape_count(net->nodes[net->node_count - 1].out);
    check.x = widened(rig->images, check.x_count);
    check.dy = widened(rig->dy, check.y_count);
    objective(&check);
    ref_backward_values(program, net_has_loss(net) ? NULL : check.dy);
    double *dx = copied(ref_node_gradient(program, 0), check.x_count);
    check.largest = largest(dx, check.x_count);
    for (int i = 0; i < net->param_count; i++)
        if (!param_is_statistic(&net->params[i]))
            check.largest =
                fmax(check.largest, largest(ref_state_values(rig->state, SECTION_GRADIENT, i),
                                            net->params[i].count));
    check.result.smallest_norm = norm_of(dx, check.x_count);
    check_array(&check, "input", check.x, dx, check.x_count, per_array);
    free(dx);
    check_parameters(&check, per_array);
    free(check.x);
    free(check.dy);
    program_destroy(program);
    return check.result;
}
