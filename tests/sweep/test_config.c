/* The configuration of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/config.h"

static void get(const RunConfig *config, const char *column, const char *expected) {
    char text[256];
    assert_int_equal(config_get(config, column, text, sizeof text), STATUS_OK);
    assert_string_equal(text, expected);
}

/* Setting `value` gives `canonical`, and setting that changes nothing more. */
static void keeps(const char *column, const char *value, const char *canonical) {
    RunConfig config, again;
    config_default(&config);
    if (config_set(&config, column, value) != STATUS_OK)
        fail_msg("%s=%s refused: %s", column, value, status_message());
    get(&config, column, canonical);
    again = config;
    assert_int_equal(config_set(&again, column, canonical), STATUS_OK);
    assert_memory_equal(&config, &again, sizeof config);
}

static void defaults(void **state) {
    (void)state;
    RunConfig config;
    int count;
    const Column *columns = columns_independent(&count);
    config_default(&config);
    for (int i = 0; i < count; i++)
        get(&config, columns[i].name, columns[i].fallback);
    assert_int_equal(config_check(&config), STATUS_OK);
    assert_int_equal(config.batch, 128); /* the paper's */
    assert_int_equal(config.iterations, 64000);
    assert_int_equal(config_optimizer(&config).kind, OPTIMIZER_SGD_CAFFE);
    assert_true(config_optimizer(&config).weight_decay == 1e-4);
}

/* Every choice of every column, both ends of every range, the word for 0. */
static void every_column_round_trips(void **state) {
    (void)state;
    int count;
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++) {
        const Column *c = &columns[i];
        char copy[256], *rest = copy;
        if (c->zero)
            keeps(c->name, c->zero, c->zero);
        if (c->type == COLUMN_INT || c->type == COLUMN_REAL) {
            snprintf(copy, sizeof copy, c->type == COLUMN_INT ? "%.0f" : "%g", c->high);
            keeps(c->name, copy, copy);
        }
        snprintf(copy, sizeof copy, "%s", c->choices ? c->choices : "");
        for (char *word; c->choices && (word = strsep(&rest, "|")) != NULL;)
            keeps(c->name, word, word);
    }
    keeps("shuffle", "yes", "1");
    keeps("nesterov", "false", "0");
    keeps("lr", "1e-1", "0.1");
    keeps("lr", "0.30000000000000004", "0.30000000000000004");
    keeps("lr", "-0", "0");
    keeps("seed", "-5", "-5");
    keeps("depth", "+20", "20");
    keeps("schedule", "  100:0.1   200:0.01 ", "100:0.1 200:0.01");
    keeps("schedule", "82e:0.1", "82e:0.1");
    keeps("schedule", "none", "none");
    keeps("warmup", "0.01 until 80", "0.01 until 80");
    keeps("init_weights", "../a  b.safetensors", "../a  b.safetensors");
    keeps("init_weights", "none", "none");
    keeps("blocks", " 6  6 6", "6 6 6");
    keeps("blocks", "none", "none");
}

static void refused(const char *column, const char *value, const char *said) {
    RunConfig config, before;
    config_default(&config);
    before = config;
    if (config_set(&config, column, value) != STATUS_BAD_INPUT)
        fail_msg("%s=%s was taken", column, value);
    if (!strstr(status_message(), column) || !strstr(status_message(), said))
        fail_msg("'%s' is not in: %s", said, status_message());
    assert_memory_equal(&config, &before, sizeof config); /* a refusal changes nothing */
}

/* A file may be named nearly anything, and a list holds numbers. */
static bool takes_it(const Column *column, const char *text) {
    bool list = !strcmp(column->name, "blocks") || !strcmp(column->name, "channels") ||
                !strcmp(column->name, "bottlenecks");
    return (column->type == COLUMN_PATH && text[0]) || (list && strcmp(text, "1 2") == 0);
}

static void bad_values(void **state) {
    (void)state;
    int count;
    const Column *columns = columns_independent(&count);
    const char *const nonsense[] = {"", "nonsense", "-999999999999999999999", "1 2", "nan", "inf"};
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof nonsense / sizeof nonsense[0]; k++)
            if (!takes_it(&columns[i], nonsense[k]))
                refused(columns[i].name, nonsense[k], "");
    refused("init_weights", "a\nb", "control characters");
    refused("depth", "0", "1 to 100000");
    refused("depth", "20.5", "whole number");
    refused("depth", "0x14", "whole number");
    refused("train_size", "0", "all");
    refused("lr", "-0.1", "number from 0");
    refused("momentum", "1", "momentum");
    refused("family", "resnett", "did you mean 'resnet'");
    refused("backend", "gpus", "did you mean 'gpu'");
    refused("augment", "crop_filp", "did you mean 'crop_flip'");
    refused("shuffle", "2", "0, 1");
    refused("seed", "9223372036854775808", "whole number");
    refused("schedule", "abc", "ITERATION:FACTOR");
    refused("schedule", "200:0.1 100:0.01", "ascend");
    refused("warmup", "0.01", "until");
    refused("blocks", "3 0 3", "one a stage");
    refused("channels", "1 2 3 4 5 6 7 8 9", "one a stage");
}

static void unknown_columns(void **state) {
    (void)state;
    RunConfig config;
    char text[8];
    config_default(&config);
    assert_int_equal(config_set(&config, "dept", "20"), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "did you mean 'depth'"));
    assert_int_equal(config_set(&config, "zzzzzz", "20"), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "list columns"));
    assert_int_equal(config_get(&config, "dept", text, sizeof text), STATUS_BAD_INPUT);
    assert_int_equal(config_set_pair(&config, "depth"), STATUS_BAD_INPUT);
    assert_int_equal(config_set_pair(&config, "=20"), STATUS_BAD_INPUT);
    assert_int_equal(config_set_pair(&config, "depth=56"), STATUS_OK);
    assert_int_equal(config.depth, 56);
}

static void impossible(const char *pairs, const char *column) {
    RunConfig config;
    char copy[256], *rest = copy;
    config_default(&config);
    snprintf(copy, sizeof copy, "%s", pairs);
    for (char *pair; (pair = strsep(&rest, ",")) != NULL;)
        assert_int_equal(config_set_pair(&config, pair), STATUS_OK);
    if (config_check(&config) != STATUS_BAD_INPUT)
        fail_msg("%s was taken", pairs);
    if (strncmp(status_message(), column, strlen(column)) != 0)
        fail_msg("does not begin with '%s': %s", column, status_message());
}

static void combinations(void **state) {
    (void)state;
    impossible("family=plain,shortcut=B", "shortcut:");
    impossible("family=plain,pad_side=both", "pad_side:");
    impossible("shortcut=C,pad_side=both", "pad_side:");
    impossible("family=plain,shortcut=transition", "shortcut:");
    impossible("model=resnet_imagenet,depth=50,pad_side=both", "pad_side:");
    impossible("model=resnet_imagenet,depth=50,block=basic", "block:");
    impossible("model=resnet_imagenet,activation=full_preact", "activation:");
    impossible("first_kernel=7", "first_kernel:");
    impossible("profile=asis", "profile:");
    impossible("gate_bias=-1", "gate_bias:");
    impossible("family=plain,residual_scale=0.5", "residual_scale:");
    impossible("family=plain,gate=exclusive", "gate:");
    impossible("model=tutorial004,gate=shortcut", "gate:");
    impossible("model=tutorial004,shortcut_scale=0.5", "shortcut_scale:");
    impossible("model=resnet_imagenet,shortcut_dropout=0.5", "shortcut_dropout:");
    impossible("blocks=3 3 3", "blocks:");
    impossible("optimizer=adam,nesterov=1", "nesterov:");
    impossible("optimizer=adam,sgd_form=torch", "sgd_form:");
    impossible("batch=128,bn_group=48", "bn_group:");
    impossible("batch=12,shares=3", "shares:");
    impossible("batch=6,shares=4", "shares:");
    impossible("batch=128,bn_group=64,shares=4", "shares:");
    impossible("shares=2,last_batch=keep", "shares:");
    impossible("iterations=epochs", "iterations:");
}

/* A row of results says what ran: nothing is left to the model in it. */
static void settled(const char *pairs, const char *column, const char *expected) {
    RunConfig config, again;
    config_default(&config);
    assert_int_equal(config_set_list(&config, pairs), STATUS_OK);
    if (config_settle(&config) != STATUS_OK)
        fail_msg("%s: %s", pairs, status_message());
    get(&config, column, expected);
    again = config;
    assert_int_equal(config_settle(&again), STATUS_OK);
    assert_memory_equal(&config, &again, sizeof config);
}

static void the_models_own_choices(void **state) {
    (void)state;
    settled("depth=auto", "depth", "20");
    settled("depth=8", "shortcut", "A");
    settled("depth=8", "block", "basic");
    settled("depth=8", "width", "16");
    settled("depth=8", "profile", "none");
    settled("depth=8", "first_kernel", "3");
    settled("depth=8", "bottleneck_stride", "1x1");
    settled("depth=8", "blocks", "none");
    settled("block=bottleneck", "depth", "164");
    settled("block=bottleneck", "shortcut", "B");
    settled("family=plain,block=bottleneck", "shortcut", "A");
    settled("model=resnet_imagenet", "width", "64");
    settled("model=resnet_imagenet,depth=34", "block", "basic");
    settled("model=resnet_imagenet,depth=50", "block", "bottleneck");
    settled("model=resnet_imagenet,family=plain", "shortcut", "A");
}

static void epochs_and_iterations(void **state) {
    (void)state;
    RunConfig config;
    config_default(&config);
    assert_int_equal(config_set_pair(&config, "epochs=2.5"), STATUS_OK);
    get(&config, "iterations", "epochs");
    get(&config, "epochs", "2.5");
    assert_int_equal(config_set_pair(&config, "iterations=10"), STATUS_OK);
    get(&config, "epochs", "iterations");
}

static void typed(void **state) {
    (void)state;
    RunConfig config;
    config_default(&config);
    const char *const pairs[] = {"family=plain",   "depth=8",    "width=4",         "optimizer=sgd",
                                 "sgd_form=torch", "nesterov=1", "decay_scope=all", "momentum=0.5"};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_int_equal(config_set_pair(&config, pairs[i]), STATUS_OK);
    ModelSpec model = config_model(&config, (Shape){1, 28, 28}, 10);
    assert_string_equal(model.model, "resnet_cifar");
    assert_int_equal(model.family, FAMILY_PLAIN);
    assert_int_equal(model.depth, 8);
    assert_int_equal(model.width, 4);
    assert_int_equal(model.input.h, 28);
    Optimizer optimizer = config_optimizer(&config);
    assert_int_equal(optimizer.kind, OPTIMIZER_SGD_TORCH);
    assert_true(optimizer.nesterov && optimizer.momentum == 0.5);
    assert_int_equal(optimizer.decay_scope, DECAY_ALL);
    assert_int_equal(config_set_pair(&config, "optimizer=adam"), STATUS_OK);
    optimizer = config_optimizer(&config);
    assert_int_equal(optimizer.kind, OPTIMIZER_ADAM);
    assert_true(optimizer.beta1 == 0.5 && optimizer.beta2 == 0.999);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_column_round_trips),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(unknown_columns),
        cmocka_unit_test(combinations),
        cmocka_unit_test(the_models_own_choices),
        cmocka_unit_test(epochs_and_iterations),
        cmocka_unit_test(typed),
    };
    return !!cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
