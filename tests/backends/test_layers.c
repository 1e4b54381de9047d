/* The layer probe: its numbers computed again with plain calls; training does not notice it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/train/layers.h"
#include "net/models.h"
#include "tests/support/rig.h"

enum { BATCH = 4, STEPS = 3 };

static const char *backend;
static const int32_t images[] = {2, 0, 3, 1, 2, 3}; /* the second batch is short */

static const Optimizer momentum = {.kind = OPTIMIZER_SGD_CAFFE,
                                   .momentum = 0.9,
                                   .weight_decay = 0.01,
                                   .decay_scope = DECAY_WEIGHTS};

static Net *residual_net(Shortcut shortcut) {
    ModelSpec spec = model_default();
    Net *net;
    spec.depth = 8;
    spec.width = 4;
    spec.shortcut = shortcut;
    spec.input = (Shape){3, 8, 8};
    spec.classes = 5;
    OK(model_build(&spec, &net));
    return net;
}

static void step(Rig *rig, Program *train, double lr) {
    Batch batch = rig_batch(rig);
    OK(program_train_step(train, &batch, lr));
}

static const LayerRow *measure(Rig *rig, LayerProbe *probe, int *count) {
    const LayerRow *rows;
    OK(layer_probe_measure(probe, rig->data, images, sizeof images / sizeof images[0], &rows,
                           count));
    return rows;
}

static const LayerRow *row_of(const LayerRow *rows, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    fail_msg("no layer %s", name);
    return NULL;
}

/* ---- training does not notice ---- */

/* All bits of a State after steps with or without a probe. */
static float *after_steps(bool probed, Mode mode, size_t *count) {
    Rig rig;
    rig_open(&rig, backend, 1, residual_net(SHORTCUT_B), BATCH, &momentum);
    Program *train = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    LayerProbe *probe = NULL;
    if (probed)
        OK(layer_probe_create(rig.state, mode, BATCH, rig.backend->ops->native, &probe));
    for (int i = 0; i < STEPS; i++) {
        int rows;
        if (probed)
            OK(layer_probe_remember(probe));
        step(&rig, train, 0.1);
        if (probed)
            measure(&rig, probe, &rows);
    }
    static const Section sections[] = {SECTION_VALUE, SECTION_GRADIENT, SECTION_MOMENTUM};
    const Net *net = rig.net;
    float *bits = malloc((3 * net->learned_count + net->statistic_count) * sizeof *bits);
    *count = 0;
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < net->param_count; i++) {
            if (s && param_is_statistic(&net->params[i]))
                continue;
            OK(state_read(rig.state, sections[s], i, bits + *count));
            *count += net->params[i].count;
        }
    layer_probe_destroy(probe);
    program_destroy(train);
    rig_close(&rig);
    return bits;
}

static void training_does_not_notice(void **state) {
    (void)state;
    static const Mode modes[] = {MODE_EVAL, MODE_EVAL_BATCH};
    size_t plain_count, probed_count;
    float *plain = after_steps(false, MODE_EVAL, &plain_count);
    for (int m = 0; m < 2; m++) {
        float *probed = after_steps(true, modes[m], &probed_count);
        assert_int_equal(plain_count, probed_count);
        assert_memory_equal(plain, probed, plain_count * sizeof *plain);
        free(probed);
    }
    free(plain);
}

/* ---- the numbers, again ---- */

static double norm(const float *values, size_t count) {
    long double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += (long double)values[i] * (long double)values[i];
    return (double)sqrtl(squares);
}

static void near(double got, double want, double tolerance, const char *layer, const char *what) {
    if (!(fabs(got - want) <= tolerance * fabs(want) && want > 0))
        fail_msg("%s: %s %.9g, expected %.9g", layer, what, got, want);
}

/* One step: the gradient is what it leaves; without momentum and decay the update is lr times it.
 */
static void weights_and_updates(void **state) {
    (void)state;
    static const Optimizer plain = {.kind = OPTIMIZER_SGD_CAFFE};
    const double lr = 0.25;
    Rig rig;
    int count;
    rig_open(&rig, backend, 1, residual_net(SHORTCUT_A), BATCH, &plain);
    Program *train = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    LayerProbe *probe;
    OK(layer_probe_create(rig.state, MODE_EVAL, BATCH, rig.backend->ops->native, &probe));
    double old[64];
    for (int i = 0; i < rig.net->param_count; i++) {
        float *w = rig_read(&rig, SECTION_VALUE, i);
        old[i] = norm(w, rig.net->params[i].count);
        free(w);
    }
    OK(layer_probe_remember(probe));
    step(&rig, train, lr);
    const LayerRow *rows = measure(&rig, probe, &count);
    for (int k = 0; k < count; k++) {
        int id = rig.net->nodes[net_find_node(rig.net, rows[k].name)].weight;
        size_t size = rig.net->params[id].count;
        float *g = rig_read(&rig, SECTION_GRADIENT, id), *w = rig_read(&rig, SECTION_VALUE, id);
        near(rows[k].gradient_norm, norm(g, size), 1e-12, rows[k].name, "gradient norm");
        near(rows[k].weight_norm, norm(w, size), 1e-12, rows[k].name, "weight norm");
        /* the weights are floats: each changes by half a unit in the last place more or less */
        double rounding = 1.2e-7 * old[id] / (lr * norm(g, size));
        near(rows[k].update_ratio, lr * norm(g, size) / old[id], 1e-6 + rounding, rows[k].name,
             "update ratio");
        free(g);
        free(w);
    }
    layer_probe_destroy(probe);
    program_destroy(train);
    rig_close(&rig);
}

/* By the two-pass formula over a tapped program of the test's own, batch by batch. */
static double response_again(Rig *rig, const char *node) {
    enum { IMAGES = sizeof images / sizeof images[0] };
    Tap tap = {net_find_node(rig->net, node), TAP_VALUE};
    Program *program = rig_program(rig, MODE_EVAL, 0, &tap, 1);
    size_t size = shape_count(rig->net->nodes[tap.node].out), count, all = 0;
    float *values = malloc(IMAGES * size * sizeof *values);
    for (int first = 0; first < IMAGES; first += BATCH) {
        Sample samples[BATCH] = {0};
        Batch batch = {.data = rig->data, .samples = samples};
        for (; batch.count < BATCH && first + batch.count < IMAGES; batch.count++)
            samples[batch.count].index = images[first + batch.count];
        OK(program_forward(program, &batch));
        float *part = rig_tap(rig, program, 0, &count);
        memcpy(values + all, part, count * sizeof *values);
        all += count;
        free(part);
    }
    assert_int_equal(all, IMAGES * size);
    double mean = 0, squares = 0;
    for (size_t i = 0; i < all; i++)
        mean += (double)values[i] / (double)all;
    for (size_t i = 0; i < all; i++)
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    free(values);
    program_destroy(program);
    return sqrt(squares / (double)all);
}

/* The response stands after batch norm and before addition and ReLU; fc has no batch norm. */
static void responses(void **state) {
    (void)state;
    static const char *const nodes[][2] = {
        {"conv1", "bn1"},
        {"layer1.0.conv1", "layer1.0.bn1"},
        {"layer1.0.conv2", "layer1.0.bn2"},
        {"layer2.0.conv1", "layer2.0.bn1"},
        {"layer2.0.conv2", "layer2.0.bn2"},
        {"layer2.0.downsample.0", "layer2.0.downsample.1"},
        {"layer3.0.conv1", "layer3.0.bn1"},
        {"layer3.0.conv2", "layer3.0.bn2"},
        {"layer3.0.downsample.0", "layer3.0.downsample.1"},
        {"fc", "fc"},
    };
    enum { LAYERS = sizeof nodes / sizeof nodes[0] };
    Rig rig;
    LayerProbe *probe;
    int count;
    rig_open(&rig, backend, 1, residual_net(SHORTCUT_B), BATCH, &momentum);
    OK(layer_probe_create(rig.state, MODE_EVAL, BATCH, rig.backend->ops->native, &probe));
    OK(layer_probe_remember(probe));
    Program *train = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    step(&rig, train, 0.1); /* the first rows must not linger in the second */
    measure(&rig, probe, &count);
    OK(layer_probe_remember(probe));
    step(&rig, train, 0.1);
    const LayerRow *rows = measure(&rig, probe, &count);
    assert_int_equal(count, LAYERS);
    for (int i = 0; i < LAYERS; i++) {
        const LayerRow *row = row_of(rows, count, nodes[i][0]);
        assert_int_equal(row->layer, row - rows + 1);
        assert_int_equal(row->kernel, i == LAYERS - 1 || strstr(row->name, "downsample") ? 1 : 3);
        near(row->response_std, response_again(&rig, nodes[i][1]), 1e-6, row->name, "response");
    }
    layer_probe_destroy(probe);
    program_destroy(train);
    rig_close(&rig);
}

static void refused(void **state) {
    (void)state;
    Rig rig;
    LayerProbe *probe;
    const LayerRow *rows;
    int count;
    rig_open(&rig, backend, 1, residual_net(SHORTCUT_A), BATCH, &momentum);
    assert_int_equal(layer_probe_create(rig.state, MODE_EVAL_BATCH_UPDATE, BATCH,
                                        rig.backend->ops->native, &probe),
                     STATUS_BAD_INPUT);
    OK(layer_probe_create(rig.state, MODE_EVAL_BATCH, BATCH, rig.backend->ops->native, &probe));
    assert_int_equal(layer_probe_measure(probe, rig.data, images, 4, &rows, &count),
                     STATUS_BAD_INPUT); /* nothing remembered */
    layer_probe_destroy(probe);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_does_not_notice),
        cmocka_unit_test(weights_and_updates),
        cmocka_unit_test(responses),
        cmocka_unit_test(refused),
    };
    if (argc < 2)
        return 2;
    backend = argv[1];
    if (backend_is_missing(backend))
        return TEST_SKIPPED;
    return !!cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
