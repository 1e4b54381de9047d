/* What an operation costs: counted by hand for small shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/cost.h"

enum { N = 3 };

/* Nodes 1, 2, ... read one another from an input of 2x5x4. */
static Net *started(int *x) {
    Net *net = net_create("cost");
    assert_non_null(net);
    *x = net_input(net, (Shape){2, 5, 4});
    return net;
}

static void assert_cost(PassCost cost, double flops, double bytes) {
    assert_int_equal(cost.flops, flops);
    assert_int_equal(cost.bytes, bytes);
}

/* 3x3, stride 2, 2 -> 6 channels with bias: out 6x3x2, weights 6 * 18 = 108. */
static void convolution(void **state) {
    (void)state;
    int x;
    Net *net = started(&x);
    net_conv2d(net, "conv", x, 6, 3, 2, 1, true);
    assert_int_equal(net_finish(net), STATUS_OK);
    double in = N * 40, out = N * 36, macs = N * 108 * 6;
    assert_cost(cost_forward(net, 1, 1, N, 4), 2 * macs, 4 * (in + out + 108 + 6));
    /* x, dy and w are read, dx, dw and db written */
    assert_cost(cost_backward(net, 1, 1, N, 4), 4 * macs, 4 * (in + out + in + 108 + 108 + 6));
    /* activations of 2 bytes, parameters of 4 */
    assert_cost(cost_forward(net, 1, 1, N, 2), 2 * macs, 2 * (in + out) + 4 * (108 + 6));
    net_destroy(net);
}

/* Two nodes as one operation: the value between them is not counted. */
static void batch_norm_with_relu(void **state) {
    (void)state;
    int x;
    Net *net = started(&x);
    net_relu(net, "relu", net_batch_norm(net, "bn", x));
    assert_int_equal(net_finish(net), STATUS_OK);
    double in = N * 40, parameters = 4;
    assert_cost(cost_forward(net, 1, 2, N, 4), 0, 4 * (2 * in + parameters));
    assert_cost(cost_backward(net, 1, 2, N, 4), 0, 4 * (3 * in + parameters + 2));
    net_destroy(net);
}

static void pools_and_sums(void **state) {
    (void)state;
    int x;
    Net *net = started(&x);
    x = net_add(net, "add", x, net_relu(net, "relu", x)); /* nodes 1, 2 */
    x = net_max_pool(net, "max", x, 3, 2, 1);             /* 3: out 2x3x2 */
    net_global_avg_pool(net, "mean", x);                  /* 4: out 2x1x1 */
    assert_int_equal(net_finish(net), STATUS_OK);
    assert_cost(cost_forward(net, 2, 2, N, 4), 0, 4 * N * 3 * 40); /* two read, one written */
    assert_cost(cost_backward(net, 2, 2, N, 4), 0, 4 * N * 3 * 40);
    assert_cost(cost_forward(net, 3, 3, N, 4), 0, 4 * N * (40 + 12));
    assert_cost(cost_backward(net, 3, 3, N, 4), 0, 4 * N * (40 + 12) + N * 12);
    assert_cost(cost_forward(net, 4, 4, N, 4), 0, 4 * N * (12 + 2));
    assert_cost(cost_backward(net, 4, 4, N, 4), 0, 4 * N * (12 + 2));
    net_destroy(net);
}

static void gates(void **state) {
    (void)state;
    int x;
    Net *net = started(&x);
    int g = net_sigmoid(net, "sigmoid", x); /* node 1 */
    net_affine(net, "rest", g, -1, 1);      /* 2 */
    net_multiply(net, "gate", x, g);        /* 3 */
    assert_int_equal(net_finish(net), STATUS_OK);
    assert_cost(cost_forward(net, 1, 1, N, 4), 0, 4 * N * 2 * 40);
    assert_cost(cost_backward(net, 1, 1, N, 4), 0, 4 * N * 3 * 40); /* dy, y; dx */
    assert_cost(cost_forward(net, 2, 2, N, 4), 0, 4 * N * 2 * 40);
    assert_cost(cost_backward(net, 2, 2, N, 4), 0, 4 * N * 2 * 40);
    assert_cost(cost_forward(net, 3, 3, N, 4), 0, 4 * N * 3 * 40);
    assert_cost(cost_backward(net, 3, 3, N, 4), 0, 4 * N * 5 * 40); /* dy, a, b; da, db */
    net_destroy(net);
}

/* Reads value, gradient and momentum, writes value and momentum of 40 * 7 + 7 parameters. */
static void update(void **state) {
    (void)state;
    int x;
    Net *net = started(&x);
    net_linear(net, "fc", x, 7, true);
    assert_int_equal(net_finish(net), STATUS_OK);
    assert_cost(cost_update(net), 0, 5 * 4 * 287);
    net_destroy(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution),    cmocka_unit_test(batch_norm_with_relu),
        cmocka_unit_test(pools_and_sums), cmocka_unit_test(gates),
        cmocka_unit_test(update),
    };
    return !!cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
