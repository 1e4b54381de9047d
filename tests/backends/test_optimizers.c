/* Optimisers against closed forms: gradients are written, not computed, so that every step is known
 * beforehand. Momentum is an explicit sum over all earlier gradients here, not a recurrence; decay
 * alone is a geometric sequence. usage: test_optimizers BACKEND */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/compare.h"
#include "tests/support/rig.h"

static const char *backend_name;

enum { STEPS = 5, VALUES = 6 };

/* Six fp32 roundings a step. */
static const CompareTolerance close_to = {.relative = 6 * STEPS * 6e-8};

/* The rate drops: the two momentum forms part there. */
static const double rates[STEPS] = {0.5, 0.5, 0.05, 0.05, 0.025};

static Net *small_net(void) {
    Net *net = net_create("optimizers");
    int x = net_conv2d(net, "conv", net_input(net, (Shape){1, 2, 3}), 3, 1, 1, 0, true);
    net_linear(net, "fc", net_global_avg_pool(net, "pool", net_batch_norm(net, "bn", x)), 2, true);
    return net;
}

/* Element i of the gradient at step t. */
static float gradient(int t, size_t i) {
    return (float)sin(1.7 * t + 0.9 * (double)i + 0.3);
}

static void write_gradient(Rig *rig, int param, int t) {
    float values[VALUES];
    for (size_t i = 0; i < rig->net->params[param].count; i++)
        values[i] = gradient(t, i);
    OK(state_write(rig->state, SECTION_GRADIENT, param, values));
}

static void step(Rig *rig, int t) {
    for (int id = 0; id < rig->net->param_count; id++)
        if (!param_is_statistic(&rig->net->params[id]))
            write_gradient(rig, id, t);
    OK(state_update(rig->state, rates[t]));
}

static void assert_section(Rig *rig, Section section, const char *name, const float *want) {
    int param = net_find_param(rig->net, name);
    float *got = rig_read(rig, section, param);
    bool same =
        compare_floats(name, got, want, rig->net->params[param].count, close_to, "test_optimizers");
    free(got);
    assert_true(same);
}

/* ---- momentum ---- */

/* v after step t: sum over i <= t of m^(t-i) g_i, in Caffe's form each times its own rate. */
static double velocity(const Optimizer *o, int t, size_t k) {
    double v = 0;
    for (int i = 0; i <= t; i++)
        v += pow(o->momentum, t - i) * gradient(i, k) *
             (o->kind == OPTIMIZER_SGD_CAFFE ? rates[i] : 1);
    return v;
}

/* What step t takes from the weight. */
static double stride(const Optimizer *o, int t, size_t k) {
    double v = velocity(o, t, k), rate = rates[t];
    if (o->kind == OPTIMIZER_SGD_CAFFE)
        return o->nesterov ? rate * gradient(t, k) + o->momentum * v : v;
    return rate * (o->nesterov ? gradient(t, k) + o->momentum * v : v);
}

static void check_sgd(OptimizerKind kind, bool nesterov) {
    const Optimizer o = {.kind = kind, .momentum = 0.9, .nesterov = nesterov};
    Rig rig;
    rig_open(&rig, backend_name, 2, small_net(), 2, &o);
    float *start = rig_read(&rig, SECTION_VALUE, net_find_param(rig.net, "fc.weight"));
    float w[VALUES], v[VALUES];
    for (int t = 0; t < STEPS; t++)
        step(&rig, t);
    for (size_t k = 0; k < VALUES; k++) {
        double sum = start[k];
        for (int t = 0; t < STEPS; t++)
            sum -= stride(&o, t, k);
        w[k] = (float)sum;
        v[k] = (float)velocity(&o, STEPS - 1, k);
    }
    assert_section(&rig, SECTION_VALUE, "fc.weight", w);
    assert_section(&rig, SECTION_MOMENTUM, "fc.weight", v);
    assert_int_equal(rig.state->updates, STEPS);
    free(start);
    rig_close(&rig);
}

static void momentum_is_a_sum_over_the_past(void **state) {
    (void)state;
    check_sgd(OPTIMIZER_SGD_CAFFE, false);
    check_sgd(OPTIMIZER_SGD_TORCH, false);
    check_sgd(OPTIMIZER_SGD_CAFFE, true);
    check_sgd(OPTIMIZER_SGD_TORCH, true);
}

/* ---- Adam ---- */

/* (1 - b) sum b^(t-i) g_i^power: a moment after step t. */
static double moment(double b, int t, size_t k, int power) {
    double sum = 0;
    for (int i = 0; i <= t; i++)
        sum += (1 - b) * pow(b, t - i) * pow(gradient(i, k), power);
    return sum;
}

static void adam_is_as_published(void **state) {
    (void)state;
    const Optimizer o = {.kind = OPTIMIZER_ADAM, .beta1 = 0.8, .beta2 = 0.95, .eps = 0.25};
    Rig rig;
    rig_open(&rig, backend_name, 2, small_net(), 2, &o);
    float *start = rig_read(&rig, SECTION_VALUE, net_find_param(rig.net, "fc.weight"));
    float w[VALUES], m[VALUES], s[VALUES];
    for (int t = 0; t < STEPS; t++)
        step(&rig, t);
    for (size_t k = 0; k < VALUES; k++) {
        double sum = start[k];
        for (int t = 0; t < STEPS; t++) {
            double first = moment(o.beta1, t, k, 1) / (1 - pow(o.beta1, t + 1));
            double second = moment(o.beta2, t, k, 2) / (1 - pow(o.beta2, t + 1));
            sum -= rates[t] * first / (sqrt(second) + o.eps);
        }
        w[k] = (float)sum;
        m[k] = (float)moment(o.beta1, STEPS - 1, k, 1);
        s[k] = (float)moment(o.beta2, STEPS - 1, k, 2);
    }
    assert_section(&rig, SECTION_VALUE, "fc.weight", w);
    assert_section(&rig, SECTION_MOMENTUM, "fc.weight", m);
    assert_section(&rig, SECTION_SQUARE, "fc.weight", s);
    free(start);
    rig_close(&rig);
}

/* ---- decay ---- */

/* With gradient zero and no momentum a weight shrinks by (1 - rate decay) a step; where the scope
 * leaves it out it stays to the bit, and statistics always do. */
static void check_decay(OptimizerKind kind, DecayScope scope) {
    const Optimizer o = {.kind = kind, .weight_decay = 0.5, .decay_scope = scope};
    Rig rig;
    rig_open(&rig, backend_name, 2, small_net(), 2, &o);
    float *start[16];
    for (int id = 0; id < rig.net->param_count; id++)
        start[id] = rig_read(&rig, SECTION_VALUE, id);
    double left = 1;
    for (int t = 0; t < STEPS; t++) { /* gradients are zero in a new State */
        OK(state_update(rig.state, rates[t]));
        left *= 1 - rates[t] * o.weight_decay;
    }
    for (int id = 0; id < rig.net->param_count; id++) {
        const Param *p = &rig.net->params[id];
        bool weight = p->role == PARAM_CONV_WEIGHT || p->role == PARAM_LINEAR_WEIGHT;
        bool decays = weight || (scope == DECAY_ALL && !param_is_statistic(p));
        for (size_t i = 0; i < p->count; i++)
            start[id][i] = (float)(start[id][i] * (decays ? left : 1));
        assert_section(&rig, SECTION_VALUE, p->name, start[id]);
        free(start[id]);
    }
    rig_close(&rig);
}

static void decay_alone_is_geometric(void **state) {
    (void)state;
    check_decay(OPTIMIZER_SGD_CAFFE, DECAY_WEIGHTS);
    check_decay(OPTIMIZER_SGD_CAFFE, DECAY_ALL);
    check_decay(OPTIMIZER_SGD_TORCH, DECAY_WEIGHTS);
    check_decay(OPTIMIZER_SGD_TORCH, DECAY_ALL);
}

/* ---- checkpoints ---- */

/* Values, moments and the count of updates are all there is: a State filled with them goes on as
 * the old one would have. */
static void check_resume(const Optimizer *o) {
    Rig whole, resumed;
    rig_open(&whole, backend_name, 2, small_net(), 2, o);
    rig_open(&resumed, backend_name, 2, small_net(), 2, o);
    for (int t = 0; t < 3; t++)
        step(&whole, t);
    rig_hand_over(&resumed, &whole);
    for (int t = 3; t < STEPS; t++) {
        step(&whole, t);
        step(&resumed, t);
    }
    for (int id = 0; id < whole.net->param_count; id++) {
        float *want = rig_read(&whole, SECTION_VALUE, id);
        assert_section(&resumed, SECTION_VALUE, whole.net->params[id].name, want);
        free(want);
    }
    rig_close(&whole);
    rig_close(&resumed);
}

static void a_state_resumes(void **state) {
    (void)state;
    const Optimizer caffe = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 0.01};
    const Optimizer torch = {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9, .nesterov = true};
    const Optimizer adam = {
        .kind = OPTIMIZER_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};
    check_resume(&caffe);
    check_resume(&torch);
    check_resume(&adam);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_optimizers BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(momentum_is_a_sum_over_the_past),
        cmocka_unit_test(adam_is_as_published),
        cmocka_unit_test(decay_alone_is_geometric),
        cmocka_unit_test(a_state_resumes),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
