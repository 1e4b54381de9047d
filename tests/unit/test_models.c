/* The models against the published parameter and multiply-add counts.
 * usage: test_models parameter_counts.csv */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/cost.h"
#include "net/init.h"
#include "net/models.h"

static const char *counts_csv;

static Net *built(Family family, int depth, Shortcut shortcut, PadSide side) {
    ModelSpec spec = model_default();
    spec.family = family;
    spec.depth = depth;
    spec.shortcut = shortcut;
    spec.pad_side = side;
    Net *net = NULL;
    if (model_build(&spec, &net) != STATUS_OK)
        fail_msg("%s", status_message());
    return net;
}

static void assert_counts(const Net *net, long long parameters, long long macs) {
    Cost cost = net_cost(net);
    assert_int_equal(cost.parameters, parameters);
    assert_int_equal(cost.macs, macs);
    assert_int_equal(net->learned_count, parameters);
}

/* A row: model,depth,shortcut,variant,input,classes,parameters,forward_macs. */
typedef struct CountRow {
    char model[32], shortcut[8], variant[16];
    int depth;
    Shape input;
    int classes;
    long long parameters, macs;
} CountRow;

static bool read_row(char *line, CountRow *row) {
    char *cells[8], *rest = line;
    for (int i = 0; i < 8; i++)
        if (!(cells[i] = strsep(&rest, ",\n")))
            return false;
    memset(row, 0, sizeof *row);
    snprintf(row->model, sizeof row->model, "%s", cells[0]);
    snprintf(row->shortcut, sizeof row->shortcut, "%s", cells[2]);
    snprintf(row->variant, sizeof row->variant, "%s", cells[3]);
    row->depth = atoi(cells[1]);
    row->classes = atoi(cells[5]);
    row->parameters = atoll(cells[6]);
    row->macs = atoll(cells[7]);
    return sscanf(cells[4], "%dx%dx%d", &row->input.c, &row->input.h, &row->input.w) == 3;
}

/* The spec that a row means; its input and classes are left to the model where that has them. */
static ModelSpec spec_of(const CountRow *row) {
    ModelSpec spec = {.model = row->model, .family = FAMILY_RESNET, .depth = row->depth};
    if (row->shortcut[0])
        spec.shortcut = (Shortcut)(SHORTCUT_A + row->shortcut[0] - 'A');
    if (strcmp(row->variant, "v1") == 0)
        spec.bottleneck_stride = BOTTLENECK_STRIDE_1X1;
    if (strcmp(row->variant, "v1.5") == 0)
        spec.bottleneck_stride = BOTTLENECK_STRIDE_3X3;
    if (strcmp(row->variant, "asis") == 0)
        spec.profile = PROFILE_ASIS;
    if (strcmp(row->variant, "fixed") == 0)
        spec.profile = PROFILE_FIXED;
    return spec;
}

static void every_published_count_is_exact(void **state) {
    (void)state;
    FILE *file = fopen(counts_csv, "r");
    if (!file)
        fail_msg("cannot open %s", counts_csv);
    char line[256];
    int rows = 0;
    while (fgets(line, sizeof line, file)) {
        CountRow row;
        if (!read_row(line, &row))
            continue;
        ModelSpec spec = spec_of(&row);
        Net *net = NULL;
        if (model_build(&spec, &net) != STATUS_OK)
            fail_msg("row %s: %s", line, status_message());
        Shape in = net->nodes[0].out;
        assert_true(in.c == row.input.c && in.h == row.input.h && in.w == row.input.w);
        assert_int_equal(net->nodes[net->node_count - 2].out.c, row.classes);
        assert_counts(net, row.parameters, row.macs);
        net_destroy(net);
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, 35);
}

static void plain_and_option_a_are_equal_at_every_depth(void **state) {
    (void)state;
    for (int depth = 8; depth <= 110; depth += 6) {
        Net *plain = built(FAMILY_PLAIN, depth, SHORTCUT_A, PAD_APPEND);
        Net *append = built(FAMILY_RESNET, depth, SHORTCUT_A, PAD_APPEND);
        Net *both = built(FAMILY_RESNET, depth, SHORTCUT_A, PAD_BOTH);
        Cost cost = net_cost(append);
        assert_counts(plain, cost.parameters, cost.macs);
        assert_counts(both, cost.parameters, cost.macs);
        net_destroy(plain);
        net_destroy(append);
        net_destroy(both);
    }
}

static void assert_equal_counts(ModelSpec spec) {
    Net *nets[3];
    for (int i = 0; i < 3; i++) {
        spec.family = i == 0 ? FAMILY_PLAIN : FAMILY_RESNET;
        spec.shortcut = SHORTCUT_A;
        spec.pad_side = i == 2 ? PAD_BOTH : PAD_APPEND;
        if (model_build(&spec, &nets[i]) != STATUS_OK)
            fail_msg("%s", status_message());
    }
    Cost cost = net_cost(nets[0]);
    for (int i = 0; i < 3; i++) {
        assert_counts(nets[i], cost.parameters, cost.macs);
        net_destroy(nets[i]);
    }
}

/* The same of bottlenecks and of the nets for ImageNet. */
static void plain_and_option_a_are_equal_elsewhere_too(void **state) {
    (void)state;
    const int depths[] = {18, 34, 50, 101, 152};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        assert_equal_counts((ModelSpec){.model = "resnet_imagenet", .depth = depths[i]});
    for (int depth = 11; depth <= 164; depth += 9)
        assert_equal_counts(
            (ModelSpec){.model = "resnet_cifar", .depth = depth, .block = BLOCK_BOTTLENECK});
    assert_equal_counts((ModelSpec){.model = "resnet_cifar", .depth = 1202});
}

static Net *residual(ModelSpec spec) {
    Net *net = NULL;
    spec.family = FAMILY_RESNET;
    if (model_build(&spec, &net) != STATUS_OK)
        fail_msg("%s", status_message());
    return net;
}

/* All learned values, which the PyTorch module of tests/golden/nets.py has too; and those of
 * convolutions and linear layers alone in millions, with one decimal as He et al. 2016, table 4. */
static void assert_size(ModelSpec spec, long long count, double stated) {
    Net *net = residual(spec);
    size_t weights = 0;
    for (int i = 0; i < net->param_count; i++)
        weights += net->params[i].rank > 1 ? net->params[i].count : 0;
    assert_int_equal(net->learned_count, count);
    assert_true((double)weights >= (stated - 0.05) * 1e6);
    assert_true((double)weights < (stated + 0.05) * 1e6);
    net_destroy(net);
}

static void bottlenecks_have_the_stated_sizes(void **state) {
    (void)state;
    ModelSpec spec = {
        .model = "resnet_cifar", .block = BLOCK_BOTTLENECK, .activation = ACTIVATION_FULL_PREACT};
    assert_size(spec, 1703258, 1.7);
    spec.depth = 1001;
    assert_size(spec, 10327706, 10.2);
    Net *recipe = residual((ModelSpec){.model = "tutorial001", /* its own for CIFAR-10 */
                                       .blocks = {3, {6, 6, 6}},
                                       .channels = {3, {16, 32, 64}},
                                       .bottlenecks = {3, {8, 16, 16}}});
    assert_int_equal(recipe->learned_count, 58042);
    net_destroy(recipe);
}

static int count_ops(const Net *net, OpKind op) {
    int count = 0;
    for (int i = 0; i < net->node_count; i++)
        count += net->nodes[i].op == op;
    return count;
}

/* A block whose activations come first has none in front of the net's first convolution but the
 * stem's, and one behind the last addition. */
static void pre_activation_ends_as_it_should(void **state) {
    (void)state;
    ModelSpec spec = model_default();
    Net *net;
    spec.activation = ACTIVATION_FULL_PREACT;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    assert_int_equal(net_find_node(net, "layer1.0.bn1"), -1);
    int conv = net_find_node(net, "layer1.0.conv1"), last = net_find_node(net, "bn_last");
    assert_string_equal(net->nodes[net->nodes[conv].inputs[0]].name, "relu");
    assert_string_equal(net->nodes[net->nodes[last].inputs[0]].name, "layer3.2.add");
    assert_string_equal(net->nodes[last + 1].name, "relu_last");
    assert_int_equal(count_ops(net, OP_BATCH_NORM), 19);
    net_destroy(net);
    spec.activation = ACTIVATION_BN_AFTER_ADD;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    int norm = net_find_node(net, "layer2.1.bn2");
    assert_int_equal(net->nodes[net->nodes[norm].inputs[0]].op, OP_ADD);
    net_destroy(net);
}

static void assert_starts(const Net *net, const char *name, InitKind kind, bool at_bias) {
    int id = net_find_param(net, name);
    assert_true(id >= 0);
    float *values = malloc(net->params[id].count * sizeof *values);
    init_param(net, id, kind, 1, values);
    for (size_t i = 0; i < net->params[id].count; i++)
        assert_int_equal(values[i] == -3, at_bias);
    free(values);
}

/* A gate's bias starts where it is told, under every initialisation. */
static void gates_start_at_their_bias(void **state) {
    (void)state;
    ModelSpec spec = model_default();
    Net *net;
    spec.gate = GATE_SHORTCUT;
    spec.gate_bias = -3;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    assert_starts(net, "layer1.0.gate.bias", INIT_HE_FAN_IN, true);
    assert_starts(net, "layer3.2.gate.bias", INIT_TORCH, true);
    assert_starts(net, "layer3.2.gate.weight", INIT_TORCH, false);
    assert_starts(net, "fc.bias", INIT_TORCH, false);
    assert_int_equal(count_ops(net, OP_MULTIPLY), 9);
    assert_int_equal(count_ops(net, OP_SIGMOID), 9);
    net_destroy(net);
    spec.gate = GATE_EXCLUSIVE;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    assert_int_equal(count_ops(net, OP_MULTIPLY), 18);
    net_destroy(net);
}

static void depth_counts_the_weighted_layers(void **state) {
    (void)state;
    Net *net = built(FAMILY_PLAIN, 56, SHORTCUT_A, PAD_APPEND);
    assert_int_equal(count_ops(net, OP_CONV2D) + count_ops(net, OP_LINEAR), 56);
    assert_int_equal(count_ops(net, OP_ADD), 0);
    net_destroy(net);
    net = built(FAMILY_RESNET, 56, SHORTCUT_A, PAD_APPEND);
    assert_int_equal(count_ops(net, OP_ADD), 27);
    assert_int_equal(count_ops(net, OP_ZERO_PAD_SUBSAMPLE), 2);
    net_destroy(net);
    net = built(FAMILY_RESNET, 20, SHORTCUT_C, PAD_APPEND);
    assert_int_equal(count_ops(net, OP_CONV2D), 19 + 9);
    net_destroy(net);
}

static void strides_stand_in_the_first_convolution_of_stages_2_and_3(void **state) {
    (void)state;
    Net *net = built(FAMILY_RESNET, 20, SHORTCUT_B, PAD_APPEND);
    for (int i = 0; i < net->node_count; i++) {
        const char *name = net->nodes[i].name;
        bool strided = !strcmp(name, "layer2.0.conv1") || !strcmp(name, "layer3.0.conv1") ||
                       !strcmp(name, "layer2.0.downsample.0") ||
                       !strcmp(name, "layer3.0.downsample.0");
        if (net->nodes[i].op == OP_CONV2D)
            assert_int_equal(net->nodes[i].window.stride, strided ? 2 : 1);
    }
    net_destroy(net);
}

static void zeros_stand_where_pad_side_says(void **state) {
    (void)state;
    Net *net = built(FAMILY_RESNET, 20, SHORTCUT_A, PAD_BOTH);
    assert_int_equal(net->nodes[net_find_node(net, "layer2.0.shortcut")].channels_before, 8);
    assert_int_equal(net->nodes[net_find_node(net, "layer3.0.shortcut")].channels_before, 16);
    net_destroy(net);
    net = built(FAMILY_RESNET, 20, SHORTCUT_A, PAD_APPEND);
    assert_int_equal(net->nodes[net_find_node(net, "layer2.0.shortcut")].channels_before, 0);
    net_destroy(net);
}

static void other_inputs_and_bad_specs(void **state) {
    (void)state;
    ModelSpec spec = model_default();
    spec.input = (Shape){1, 28, 28};
    Net *net;
    assert_int_equal(model_build(&spec, &net), STATUS_OK);
    assert_int_equal(net->nodes[net_find_node(net, "layer3.0.conv1")].out.h, 7);
    net_destroy(net);
    spec.depth = 21;
    assert_int_equal(model_build(&spec, &net), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "6n+2"));
    assert_null(net);
    spec = model_default();
    spec.model = "vgg";
    assert_int_equal(model_build(&spec, &net), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "'vgg'"));
}

int main(int argc, char **argv) {
    counts_csv = argc > 1 ? argv[1] : "experiments/reference/parameter_counts.csv";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_published_count_is_exact),
        cmocka_unit_test(plain_and_option_a_are_equal_at_every_depth),
        cmocka_unit_test(plain_and_option_a_are_equal_elsewhere_too),
        cmocka_unit_test(bottlenecks_have_the_stated_sizes),
        cmocka_unit_test(pre_activation_ends_as_it_should),
        cmocka_unit_test(gates_start_at_their_bias),
        cmocka_unit_test(depth_counts_the_weighted_layers),
        cmocka_unit_test(strides_stand_in_the_first_convolution_of_stages_2_and_3),
        cmocka_unit_test(zeros_stand_where_pad_side_says),
        cmocka_unit_test(other_inputs_and_bad_specs),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
