/* Networks whose batch norms run inside the chunks of Winograd's convolutions: against the oracle,
 * against the same program with every node looked at (so that most loops run by themselves), and
 * with other numbers of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/models.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

enum { BATCH = 6, GROUP = 2, SHORT = 4 };

/* Of a gradient's norm. Rounding moves it by 1e-5, and by 5e-4 where a batch norm has six values to
 * normalise (1x1 images); a wrong mask or sum by far more. */
static const CompareTolerance whole_net = {.relative = 2e-3, .absolute = 1e-6};

static const ModelSpec models[] = {
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8},
    {.model = "resnet_cifar", .family = FAMILY_PLAIN, .depth = 8},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 14, .pad_side = PAD_BOTH},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8, .shortcut = SHORTCUT_B},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8, .shortcut = SHORTCUT_C},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8, .shortcut = SHORTCUT_3X3},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8, .shortcut = SHORTCUT_TRANSITION},
    {.model = "resnet_cifar",
     .family = FAMILY_RESNET,
     .depth = 8,
     .activation = ACTIVATION_BN_AFTER_ADD},
    {.model = "resnet_cifar",
     .family = FAMILY_RESNET,
     .depth = 8,
     .activation = ACTIVATION_RELU_BEFORE_ADD},
    {.model = "resnet_cifar",
     .family = FAMILY_RESNET,
     .depth = 8,
     .activation = ACTIVATION_RELU_PREACT},
    {.model = "resnet_cifar",
     .family = FAMILY_RESNET,
     .depth = 8,
     .activation = ACTIVATION_FULL_PREACT},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8, .gate = GATE_EXCLUSIVE},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 8, .shortcut_dropout = 0.2},
    {.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 20, .block = BLOCK_BOTTLENECK},
    {.model = "tutorial000", .family = FAMILY_RESNET, .width = 8},
    {.model = "tutorial001",
     .family = FAMILY_RESNET,
     .blocks = {2, {1, 2}},
     .channels = {2, {8, 12}},
     .profile = PROFILE_FIXED},
};
enum { MODEL_B = 3, MODEL_RELU_BEFORE_ADD = 8, MODELS = sizeof models / sizeof models[0] };

static Net *built(int model) {
    ModelSpec spec = models[model];
    Net *net;
    spec.input = (Shape){3, 9, 7}; /* tiles that the edge cuts, in every stage */
    OK(model_build(&spec, &net));
    return net;
}

/* What a program is compiled and run with. */
typedef struct Way {
    const char *backend;
    int threads, bn_group, count;
    Mode mode;
    bool looks; /* taps on every node */
} Way;

typedef struct Result {
    Rig rig;
    Metrics metrics;
} Result;

static Program *compiled_with(Rig *rig, const Way *way, const Tap *taps, int count) {
    ProgramSpec spec = {.mode = way->mode,
                        .max_batch = BATCH,
                        .precision = rig->backend->ops->native,
                        .bn_group = way->bn_group,
                        .seed = 7,
                        .taps = taps,
                        .tap_count = count};
    spec.conv = strcmp(way->backend, "cpu") == 0 ? CONV_ALGORITHM_WINOGRAD : CONV_ALGORITHM_DIRECT;
    Program *program;
    OK(program_compile(rig->state, &spec, &program));
    return program;
}

/* Every node's value and, in training, gradient; their number. */
static int taps_of(const Net *net, Mode mode, Tap **taps) {
    int count = 0;
    *taps = calloc(2 * (size_t)net->node_count, sizeof **taps);
    for (int i = 1; i < net->node_count - 1; i++) {
        (*taps)[count++] = (Tap){i, TAP_VALUE};
        if (mode == MODE_TRAIN)
            (*taps)[count++] = (Tap){i, TAP_GRADIENT};
    }
    return count;
}

static Program *compiled(Rig *rig, const Way *way) {
    Tap *taps;
    int count = taps_of(rig->net, way->mode, &taps);
    Program *program = compiled_with(rig, way, taps, way->looks ? count : 0);
    free(taps);
    return program;
}

/* Two steps in train mode (the second on moved weights), else one forward. */
static void run(int model, Way way, Result *result) {
    Optimizer sgd = {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9};
    rig_open(&result->rig, way.backend, way.threads, built(model), BATCH, &sgd);
    rig_move_apart(&result->rig, 6);
    Program *program = compiled(&result->rig, &way);
    Batch batch = rig_batch(&result->rig);
    batch.count = way.count;
    if (way.mode == MODE_TRAIN)
        for (int step = 0; step < 2; step++, batch.step++)
            OK(program_train_step(program, &batch, 0.001));
    else
        OK(program_forward(program, &batch));
    OK(program_metrics(program, &result->metrics));
    program_destroy(program);
}

static bool same_params(int model, Section section, Result *got, Result *want,
                        CompareTolerance tolerance) {
    bool good = true;
    char line[96];
    for (int id = 0; id < want->rig.net->param_count; id++) {
        const Param *p = &want->rig.net->params[id];
        if (section == SECTION_GRADIENT && param_is_statistic(p))
            continue;
        if (section == SECTION_GRADIENT && p->role == PARAM_CONV_BIAS && tolerance.relative > 0)
            continue; /* nothing but rounding in front of a batch norm: test_networks */
        float *mine = rig_read(&got->rig, section, id), *theirs = rig_read(&want->rig, section, id);
        snprintf(line, sizeof line, "test_chunk, %s", want->rig.net->title);
        good = compare_norm(p->name, mine, theirs, p->count, tolerance, line) && good;
        free(mine);
        free(theirs);
    }
    if (!good)
        print_error("model %d\n", model);
    return good;
}

static bool agree(int model, Way a, Way b, CompareTolerance tolerance) {
    Result got, want;
    run(model, a, &got);
    run(model, b, &want);
    bool good = fabs(got.metrics.loss_sum - want.metrics.loss_sum) <=
                tolerance.relative * fabs(want.metrics.loss_sum);
    if (!good)
        print_error("model %d: loss %.17g, want %.17g\n", model, got.metrics.loss_sum,
                    want.metrics.loss_sum);
    good = same_params(model, SECTION_VALUE, &got, &want, tolerance) && good;
    if (a.mode == MODE_TRAIN)
        good = same_params(model, SECTION_GRADIENT, &got, &want, tolerance) && good;
    rig_close(&got.rig);
    rig_close(&want.rig);
    return good;
}

static void agrees_with_the_oracle(void **state) {
    (void)state;
    static const Way ways[] = {
        {.mode = MODE_TRAIN, .count = BATCH},
        {.mode = MODE_TRAIN, .count = SHORT},
        {.mode = MODE_TRAIN, .count = BATCH, .bn_group = GROUP},
        {.mode = MODE_EVAL, .count = SHORT},
        {.mode = MODE_EVAL_BATCH_UPDATE, .count = BATCH},
    };
    for (int model = 0; model < MODELS; model++)
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
            Way fast = ways[i], slow = ways[i];
            fast.backend = "cpu";
            fast.threads = 2;
            slow.backend = "ref";
            assert_true(agree(model, fast, slow, whole_net));
        }
}

static void looking_changes_no_bit(void **state) {
    (void)state;
    for (int model = 0; model < MODELS; model++)
        for (Mode mode = MODE_TRAIN; mode <= MODE_EVAL; mode++) {
            Way blind = {"cpu", 2, 0, BATCH, mode, false}, looking = blind;
            looking.looks = true;
            assert_true(agree(model, looking, blind, (CompareTolerance){0}));
        }
}

/* The taps' values after a step; each of `values` is the caller's. */
static void look(Rig *rig, const Way *way, const Tap *taps, int count, float **values,
                 size_t *sizes) {
    Program *program = compiled_with(rig, way, taps, count);
    Batch batch = rig_batch(rig);
    OK(program_forward(program, &batch));
    OK(program_backward(program, NULL));
    for (int i = 0; i < count; i++)
        values[i] = rig_tap(rig, program, i, &sizes[i]);
    program_destroy(program);
}

/* What is fused away unless it is looked at depends on what else is looked at. */
static void one_look_shows_what_all_show(int model) {
    const Way way = {"cpu", 2, 0, BATCH, MODE_TRAIN, true};
    Rig rig;
    Tap *taps;
    rig_open(&rig, way.backend, way.threads, built(model), BATCH, NULL);
    rig_move_apart(&rig, 6);
    int count = taps_of(rig.net, way.mode, &taps);
    float **all = calloc((size_t)count, sizeof *all), *one;
    size_t *sizes = calloc((size_t)count, sizeof *sizes), size;
    look(&rig, &way, taps, count, all, sizes);
    for (int i = 0; i < count; i++) {
        look(&rig, &way, &taps[i], 1, &one, &size);
        assert_int_equal(size, sizes[i]);
        if (memcmp(one, all[i], size * sizeof *one) != 0)
            fail_msg("%s: %s %s is another when it alone is looked at", rig.net->title,
                     taps[i].kind == TAP_VALUE ? "value of" : "gradient of",
                     rig.net->nodes[taps[i].node].name);
        free(one);
        free(all[i]);
    }
    free(all);
    free(sizes);
    free(taps);
    rig_close(&rig);
}

static void single_looks(void **state) {
    (void)state;
    one_look_shows_what_all_show(MODEL_B);
    one_look_shows_what_all_show(MODEL_RELU_BEFORE_ADD);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    for (int model = 0; model < MODELS; model++) {
        Way one = {"cpu", 1, 0, BATCH, MODE_TRAIN, false}, many = one;
        many.threads = model % 2 ? 3 : 8;
        assert_true(agree(model, many, one, (CompareTolerance){0}));
    }
}

int main(void) {
    if (backend_is_missing("cpu"))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_oracle),
        cmocka_unit_test(looking_changes_no_bit),
        cmocka_unit_test(single_looks),
        cmocka_unit_test(threads_change_no_bit),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
