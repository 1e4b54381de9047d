/* The dictionary of columns: its names, its choices, its tables. */
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

/* The column list that later work builds on: exactly these, in this order. */
static const char *const agreed[] = {"model",
                                     "family",
                                     "depth",
                                     "shortcut",
                                     "pad_side",
                                     "block",
                                     "width",
                                     "dataset",
                                     "train_size",
                                     "test_size",
                                     "resize",
                                     "test_resize",
                                     "input_size",
                                     "normalize",
                                     "augment",
                                     "shuffle",
                                     "batch",
                                     "last_batch",
                                     "iterations",
                                     "epochs",
                                     "optimizer",
                                     "sgd_form",
                                     "lr",
                                     "schedule",
                                     "warmup",
                                     "momentum",
                                     "nesterov",
                                     "weight_decay",
                                     "decay_scope",
                                     "init",
                                     "init_weights",
                                     "bn_group",
                                     "bn_eval",
                                     "eval_every",
                                     "seed",
                                     "backend",
                                     "precision",
                                     "threads",
                                     "profile",
                                     "first_kernel",
                                     "bottleneck_stride",
                                     "select",
                                     "activation",
                                     "gate",
                                     "gate_bias",
                                     "shortcut_scale",
                                     "residual_scale",
                                     "shortcut_dropout",
                                     "blocks",
                                     "channels",
                                     "bottlenecks",
                                     "conv",
                                     "shares"};

static void names(void **state) {
    (void)state;
    int count;
    const Column *columns = columns_independent(&count);
    assert_int_equal(count, sizeof agreed / sizeof agreed[0]);
    for (int i = 0; i < count; i++)
        assert_string_equal(columns[i].name, agreed[i]);
}

/* Each listed model and data set can be chosen, and nothing else. */
static void lists_are_whole(void **state) {
    (void)state;
    char text[256];
    int count;
    const ModelInfo *models = model_table(&count);
    text[0] = '\0';
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "|" : "",
                 models[i].name);
    assert_string_equal(columns_find("model")->choices, text);
    const char *const *sets = data_names(&count);
    for (int i = 0; i < count; i++) {
        RunConfig config;
        config_default(&config);
        assert_int_equal(config_set(&config, "dataset", sets[i]), STATUS_OK);
    }
    int bars = 0;
    for (const char *c = columns_find("dataset")->choices; *c; c++)
        bars += *c == '|';
    assert_int_equal(bars + 1, count);
}

/* The choices stand in the order of the enums that they become. */
static void choices_follow_the_enums(void **state) {
    (void)state;
    const struct {
        const char *column;
        int first, last;
        const char *first_word, *last_word;
    } pairs[] = {
        {"family", FAMILY_PLAIN, FAMILY_RESNET, "plain", "resnet"},
        {"shortcut", SHORTCUT_AUTO, SHORTCUT_TRANSITION, "auto", "transition"},
        {"block", BLOCK_AUTO, BLOCK_5X5, "auto", "5x5"},
        {"profile", PROFILE_AUTO, PROFILE_FIXED, "auto", "fixed"},
        {"bottleneck_stride", BOTTLENECK_STRIDE_AUTO, BOTTLENECK_STRIDE_3X3, "auto", "3x3"},
        {"conv", CONV_ALGORITHM_DIRECT, CONV_AUTO, "direct", "auto"},
        {"gate", GATE_NONE, GATE_SHORTCUT, "none", "shortcut"},
        {"activation", ACTIVATION_ORIGINAL, ACTIVATION_FULL_PREACT, "original", "full_preact"},
        {"pad_side", PAD_APPEND, PAD_BOTH, "append", "both"},
        {"normalize", NORMALIZE_PIXEL, NORMALIZE_SCALE, "pixel", "scale"},
        {"augment", AUGMENT_NONE, AUGMENT_CROP_FLIP, "none", "crop_flip"},
        {"decay_scope", DECAY_WEIGHTS, DECAY_ALL, "weights", "all"},
        {"init", INIT_HE_FAN_IN, INIT_TORCH, "he_fan_in", "torch"},
        {"bn_eval", BN_EVAL_RUNNING, BN_EVAL_RECALIBRATED, "running", "recalibrated"},
        {"select", SELECT_LAST, SELECT_BEST_TEST, "last", "best_test"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        RunConfig config;
        const Column *column = columns_find(pairs[i].column);
        config_default(&config);
        config_set(&config, column->name, pairs[i].first_word);
        assert_int_equal(*(int64_t *)((char *)&config + column->offset), pairs[i].first);
        config_set(&config, column->name, pairs[i].last_word);
        assert_int_equal(*(int64_t *)((char *)&config + column->offset), pairs[i].last);
    }
}

/* experiments/README.md holds the tables that the program prints. */
static const char *readme_path;

static void readme_is_current(void **state) {
    (void)state;
    char *tables = NULL, *readme = NULL;
    size_t size = 0, got = 0;
    FILE *memory = open_memstream(&tables, &size), *file = fopen(readme_path, "r");
    assert_non_null(memory);
    assert_non_null(file);
    columns_markdown(memory);
    fclose(memory);
    readme = calloc(1, 1 << 20);
    assert_non_null(readme);
    got = fread(readme, 1, (1 << 20) - 1, file);
    fclose(file);
    assert_true(got > size);
    if (!strstr(readme, tables))
        fail_msg("%s is stale: put the output of 'harness list columns --markdown' there",
                 readme_path);
    free(tables);
    free(readme);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(lists_are_whole),
        cmocka_unit_test(choices_follow_the_enums),
        cmocka_unit_test(readme_is_current),
    };
    if (argc != 2)
        return 2;
    readme_path = argv[1];
    return !!cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
