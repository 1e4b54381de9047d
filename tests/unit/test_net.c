/* net/: Philox, the builders and their errors, parameter tables, initial values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/backend.h"
#include "net/cost.h"
#include "net/init.h"
#include "net/models.h"
#include "net/philox.h"

/* ---- Philox ---- */

static void philox_gives_the_known_answers(void **state) {
    (void)state;
    const Philox zero = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}};
    const Philox ones = {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}};
    Philox draw = philox(0, 0, 0, 0, 0);
    assert_memory_equal(&draw, &zero, sizeof draw);
    draw = philox(UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    assert_memory_equal(&draw, &ones, sizeof draw);
}

static void philox_ranges_end_where_they_should(void **state) {
    (void)state;
    assert_true(philox_uniform(0) > 0 && philox_uniform(UINT32_MAX) < 1);
    assert_int_equal(philox_below(0, 7), 0);
    assert_int_equal(philox_below(UINT32_MAX, 7), 6);
}

/* ---- shapes ---- */

static void a_strided_convolution_rounds_down(void **state) {
    (void)state;
    Net *net = net_create("t");
    int x = net_input(net, (Shape){3, 9, 8});
    int y = net_conv2d(net, "c", x, 5, 3, 2, 1, true);
    assert_int_equal(net_finish(net), STATUS_OK);
    Shape out = net->nodes[y].out;
    assert_int_equal(out.c, 5);
    assert_int_equal(out.h, 5);
    assert_int_equal(out.w, 4);
    assert_int_equal(net->params[net->nodes[y].weight].count, 5 * 3 * 3 * 3);
    assert_int_equal(net->params[net->nodes[y].bias].count, 5);
    assert_int_equal(net->learned_count, 140);
    net_destroy(net);
}

static void subsampling_matches_a_strided_convolution(void **state) {
    (void)state;
    Net *net = net_create("t");
    int x = net_input(net, (Shape){2, 7, 6});
    int a = net_zero_pad_subsample(net, "a", x, 5, 2, 1);
    int b = net_conv2d(net, "b", x, 5, 1, 2, 0, false);
    net_add(net, "sum", a, b); /* refuses shapes that differ */
    assert_int_equal(net_finish(net), STATUS_OK);
    net_destroy(net);
}

static void names_and_fans_follow_the_layer(void **state) {
    (void)state;
    Net *net = net_create("t");
    int x = net_input(net, (Shape){3, 8, 8});
    x = net_conv2d(net, "stem", x, 6, 5, 1, 2, true);
    x = net_batch_norm(net, "bn", x);
    net_linear(net, "fc", x, 10, true);
    int fan_in, fan_out;
    param_fans(net, net_find_param(net, "stem.weight"), &fan_in, &fan_out);
    assert_int_equal(fan_in, 3 * 25);
    assert_int_equal(fan_out, 6 * 25);
    param_fans(net, net_find_param(net, "fc.bias"), &fan_in, &fan_out);
    assert_int_equal(fan_in, 6 * 64);
    assert_true(param_is_statistic(&net->params[net_find_param(net, "bn.running_var")]));
    assert_int_equal(net_find_param(net, "stem.running_var"), -1);
    assert_int_equal(net->statistic_count, 12);
    net_destroy(net);
}

/* ---- errors ---- */

/* The net must refuse, and its message must hold both words. */
static void assert_refused(Net *net, const char *who, const char *why) {
    assert_int_equal(net_finish(net), STATUS_BAD_INPUT);
    if (!strstr(status_message(), who) || !strstr(status_message(), why))
        fail_msg("message '%s' lacks '%s' or '%s'", status_message(), who, why);
    net_destroy(net);
}

static void builders_say_which_node_and_why(void **state) {
    (void)state;
    Net *net = net_create("t");
    int x = net_input(net, (Shape){3, 4, 4});
    net_conv2d(net, "wide", x, 5, 7, 1, 1, false);
    assert_refused(net, "'wide'", "7x7");

    net = net_create("t");
    x = net_input(net, (Shape){3, 4, 4});
    net_add(net, "sum", x, net_conv2d(net, "c", x, 5, 1, 1, 0, false));
    assert_refused(net, "'sum'", "5x4x4");

    net = net_create("t");
    x = net_input(net, (Shape){3, 4, 4});
    net_multiply(net, "gate", x, net_conv2d(net, "c", x, 1, 1, 1, 0, false));
    assert_refused(net, "'gate' (multiply)", "1x4x4");

    net = net_create("t");
    x = net_input(net, (Shape){3, 4, 4});
    net_multiply(net, "gate", x, x + 1);
    assert_refused(net, "'gate' (multiply)", "second input 1");

    net = net_create("t");
    x = net_input(net, (Shape){3, 4, 4});
    net_affine(net, "half", x, 0.5, NAN);
    assert_refused(net, "'half' (affine)", "shift nan");

    const double not_below_1[] = {1, -0.1, NAN};
    for (int i = 0; i < 3; i++) {
        net = net_create("t");
        x = net_input(net, (Shape){3, 4, 4});
        net_dropout(net, "drop", x, not_below_1[i]);
        assert_refused(net, "'drop' (dropout)", "less than 1");
    }

    net = net_create("t");
    x = net_input(net, (Shape){8, 4, 4});
    net_zero_pad_subsample(net, "a", x, 10, 2, 3);
    assert_refused(net, "'a'", "channels");

    net = net_create("t");
    x = net_input(net, (Shape){3, 4, 4});
    net_softmax_cross_entropy(net, "loss", x);
    assert_refused(net, "'loss'", "3x4x4");

    net = net_create("t");
    x = net_input(net, (Shape){3, 4, 4});
    net_max_pool(net, "pool", x, 2, 2, 2);
    assert_refused(net, "'pool'", "pad 2");

    net = net_create("t");
    net_input(net, (Shape){3, 0, 4});
    assert_refused(net, "input", "3x0x4");

    net = net_create("t");
    net_relu(net, "early", 0);
    assert_refused(net, "'early'", "not a node");
}

static void the_first_error_sticks(void **state) {
    (void)state;
    Net *net = net_create("t");
    int x = net_input(net, (Shape){3, 4, 4});
    x = net_conv2d(net, "first", x, 0, 3, 1, 1, false);
    assert_int_equal(x, -1);
    x = net_relu(net, "second", x);
    assert_int_equal(x, -1);
    assert_refused(net, "'first'", "0 output channels");
}

static void a_long_message_is_cut_not_overrun(void **state) {
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(status_fail(STATUS_IO, "%s", big), STATUS_IO);
    assert_int_equal(status_context(STATUS_IO, "%s", big), STATUS_IO);
    status_fail(STATUS_IO, "inner");
    status_context(STATUS_IO, "outer");
    assert_string_equal(status_message(), "outer: inner");
}

/* ---- initial values ---- */

static void moments(const float *values, size_t count, double *mean, double *deviation) {
    double sum = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        square += (double)values[i] * values[i];
    }
    *mean = sum / (double)count;
    *deviation = sqrt(square / (double)count - *mean * *mean);
}

/* Sample moments of n draws scatter by sd / sqrt(n) and about sd / sqrt(2 n): five of those. */
static void assert_moments(const Net *net, const char *name, InitKind kind, double deviation) {
    int param = net_find_param(net, name);
    size_t count = net->params[param].count;
    float *values = malloc(count * sizeof *values);
    init_param(net, param, kind, 7, values);
    double mean, sd, band = 5 * deviation / sqrt((double)count);
    moments(values, count, &mean, &sd);
    assert_true(fabs(mean) <= band);
    assert_true(fabs(sd - deviation) <= band);
    free(values);
}

static void initial_values_have_the_stated_spread(void **state) {
    (void)state;
    ModelSpec spec = model_default();
    Net *net;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    assert_moments(net, "layer2.0.conv1.weight", INIT_HE_FAN_IN, sqrt(2.0 / (16 * 9)));
    assert_moments(net, "layer2.0.conv1.weight", INIT_HE_FAN_OUT, sqrt(2.0 / (32 * 9)));
    assert_moments(net, "layer2.0.conv1.weight", INIT_TORCH, 1 / sqrt(16 * 9 * 3.0));
    assert_moments(net, "fc.weight", INIT_TORCH, 1 / sqrt(64 * 3.0));
    net_destroy(net);
}

static float first_value(const Net *net, const char *name, InitKind kind, uint64_t seed) {
    int param = net_find_param(net, name);
    float *values = malloc(net->params[param].count * sizeof *values);
    init_param(net, param, kind, seed, values);
    float first = values[0];
    free(values);
    return first;
}

static void constant_parameters_start_as_they_should(void **state) {
    (void)state;
    ModelSpec spec = model_default();
    Net *net;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    assert_true(first_value(net, "bn1.weight", INIT_HE_FAN_IN, 1) == 1);
    assert_true(first_value(net, "bn1.bias", INIT_TORCH, 1) == 0);
    assert_true(first_value(net, "bn1.running_mean", INIT_HE_FAN_IN, 1) == 0);
    assert_true(first_value(net, "bn1.running_var", INIT_HE_FAN_IN, 1) == 1);
    assert_true(first_value(net, "fc.bias", INIT_HE_FAN_IN, 1) == 0);
    assert_true(first_value(net, "fc.bias", INIT_TORCH, 1) != 0);
    net_destroy(net);
}

static void same_name_and_seed_start_equal_in_different_nets(void **state) {
    (void)state;
    ModelSpec plain = model_default(), projected = model_default();
    plain.family = FAMILY_PLAIN;
    projected.shortcut = SHORTCUT_B;
    Net *a, *b;
    assert_int_equal(model_build(&plain, &a), STATUS_OK);
    assert_int_equal(model_build(&projected, &b), STATUS_OK);
    const char *name = "layer3.2.conv2.weight";
    float value = first_value(a, name, INIT_HE_FAN_IN, 1);
    assert_true(value == first_value(b, name, INIT_HE_FAN_IN, 1));
    assert_true(value != first_value(a, name, INIT_HE_FAN_IN, 2));
    assert_true(value != first_value(a, "layer3.2.conv1.weight", INIT_HE_FAN_IN, 1));
    net_destroy(a);
    net_destroy(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(philox_ranges_end_where_they_should),
        cmocka_unit_test(a_strided_convolution_rounds_down),
        cmocka_unit_test(subsampling_matches_a_strided_convolution),
        cmocka_unit_test(names_and_fans_follow_the_layer),
        cmocka_unit_test(builders_say_which_node_and_why),
        cmocka_unit_test(the_first_error_sticks),
        cmocka_unit_test(a_long_message_is_cut_not_overrun),
        cmocka_unit_test(initial_values_have_the_stated_spread),
        cmocka_unit_test(constant_parameters_start_as_they_should),
        cmocka_unit_test(same_name_and_seed_start_equal_in_different_nets),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
