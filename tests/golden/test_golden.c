/* A backend against PyTorch, for one instance of each family of nets, shortcut and order of
 * activation: logits, loss, every gradient, batch-norm statistics, ten training steps (the rate
 * drops after five, which tells the momentum forms apart), and inference with the running
 * statistics that training left. The nets must have PyTorch's parameters by name, and no others.
 * usage: test_golden BACKEND FOLDER */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/backend.h"
#include "net/fusion.h"
#include "net/models.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

enum { BATCH = 6, CLASSES = 10, STEPS = 10, DROP_AT = 5 };

static const char *backend_name, *folder;

/* How far a tensor may be from float64 PyTorch, relative to its largest value. The files hold 12
 * digits. In fp32 an error grows over 8 layers and 10 steps, a thousand units in the last place;
 * over more layers it grows on. */
static double tolerance(const Net *net) {
    int layers = 0;
    for (int i = 0; i < net->node_count; i++)
        layers += net->nodes[i].op == OP_CONV2D;
    return strcmp(backend_name, "ref") == 0 ? 1e-10 : fmax(1, layers / 8.0) * 1000 * 6e-8;
}

enum { CAFFE = 1, TORCH = 2, NESTEROV = 4, ADAM = 8, PLAIN_SGD = 16, EVERY = 15 };

typedef struct Model {
    const char *file;
    int optimizers;
    int slowness; /* the rates are divided by it; 0: they are not */
    ModelSpec spec;
} Model;

/* A rig and what PyTorch says of it. */
typedef struct Bench {
    Golden golden;
    Rig rig;
    Program *program;
    double largest; /* gradient of all: what one that is zero by theory is rounding against */
} Bench;

static Program *compiled(Bench *b, Mode mode) {
    Tap taps[] = {{b->rig.net->node_count - 2, TAP_VALUE}};
    return rig_program(&b->rig, mode, 0, taps, 1);
}

static double largest_gradient(const Golden *golden) {
    double most = 0;
    for (int i = 0; i < golden->count; i++)
        for (size_t k = 0; strstr(golden->tensors[i].name, "grad:") && k < golden->tensors[i].count;
             k++)
            if (strncmp(golden->tensors[i].name, "norm:", 5) != 0)
                most = fmax(most, fabs(golden->tensors[i].values[k]));
    return most;
}

static void bench_open(Bench *b, const Model *model, const Optimizer *optimizer) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.txt", folder, model->file);
    OK(golden_read(path, &b->golden));
    b->largest = largest_gradient(&b->golden);
    Net *net;
    OK(model_build(&model->spec, &net));
    rig_open(&b->rig, backend_name, 2, net, BATCH, optimizer);
    b->program = compiled(b, MODE_TRAIN);
}

static void bench_close(Bench *b) {
    program_destroy(b->program);
    rig_close(&b->rig);
    golden_free(&b->golden);
}

static void assert_near(const Bench *b, const GoldenTensor *want, const double *got, double scale) {
    double relative = tolerance(b->rig.net) + 6e-8; /* the contract reads floats */
    CompareTolerance limit = {.relative = relative, .absolute = relative * scale};
    assert_true(compare_doubles(want->name, got, want->values, want->count, limit, folder));
}

/* Of a large tensor the file has the norm and evenly spread entries. */
static void assert_sampled(const Bench *b, const char *name, const float *got, size_t count) {
    char norm_name[140], sample_name[140];
    snprintf(norm_name, sizeof norm_name, "norm:%s", name);
    snprintf(sample_name, sizeof sample_name, "sample:%s", name);
    const GoldenTensor *norm = golden_find(&b->golden, norm_name);
    const GoldenTensor *sample = golden_find(&b->golden, sample_name);
    if (!norm || !sample || norm->count != 1)
        fail_msg("no golden tensor '%s' of %zu values", name, count);
    double square = 0, *some = calloc(sample->count, sizeof *some);
    for (size_t i = 0; i < count; i++)
        square += (double)got[i] * got[i];
    square = sqrt(square);
    for (size_t i = 0; i < sample->count; i++)
        some[i] = got[i * count / sample->count];
    assert_near(b, norm, &square, b->largest);
    assert_near(b, sample, some, b->largest);
    free(some);
}

static void assert_golden(const Bench *b, const char *name, const float *got, size_t count) {
    const GoldenTensor *want = golden_find(&b->golden, name);
    if (!want) {
        assert_sampled(b, name, got, count);
        return;
    }
    if (want->count != count)
        fail_msg("golden tensor '%s' has %zu values, not %zu", name, want->count, count);
    double *wide = malloc(count * sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = got[i];
    assert_near(b, want, wide, strncmp(name, "grad:", 5) == 0 ? b->largest : 0);
    free(wide);
}

static int golden_parameters(const Golden *golden, const char *prefix) {
    int count = 0;
    for (int i = 0; i < golden->count; i++) {
        const char *name = golden->tensors[i].name;
        name += strncmp(name, "sample:", 7) == 0 ? 7 : 0;
        count += strncmp(name, prefix, strlen(prefix)) == 0;
    }
    return count;
}

/* Each parameter of the net is PyTorch's, and each of PyTorch's is the net's. */
static void assert_parameters(Bench *b, Section section, const char *prefix, bool statistics) {
    int compared = 0;
    for (int i = 0; i < b->rig.net->param_count; i++) {
        const Param *p = &b->rig.net->params[i];
        if (param_is_statistic(p) != statistics)
            continue;
        char name[128];
        snprintf(name, sizeof name, "%s:%s", prefix, p->name);
        float *values = rig_read(&b->rig, section, i);
        assert_golden(b, name, values, p->count);
        free(values);
        compared++;
    }
    assert_int_equal(compared, golden_parameters(&b->golden, prefix));
}

static void check_one_pass(const Model *model) {
    Bench b;
    Optimizer optimizer = {.kind = OPTIMIZER_SGD_TORCH};
    bench_open(&b, model, &optimizer);
    Batch batch = rig_batch(&b.rig);
    OK(program_forward(b.program, &batch));
    float logits[BATCH * CLASSES];
    OK(program_tap(b.program, 0, logits));
    assert_golden(&b, "logits", logits, BATCH * CLASSES);
    OK(program_backward(b.program, NULL));
    Metrics metrics;
    OK(program_metrics(b.program, &metrics));
    float loss = (float)(metrics.loss_sum / BATCH);
    assert_golden(&b, "loss", &loss, 1);
    assert_parameters(&b, SECTION_GRADIENT, "grad", false);
    assert_parameters(&b, SECTION_VALUE, "stat", true);
    bench_close(&b);
}

/* Where a bias stands in front of a batch norm its gradient is rounding, which Adam divides by its
 * own size: in fp32 the bias wanders by the rate each step, and the running mean follows late. */
static bool inference_is_determined(const Bench *b, const Optimizer *optimizer) {
    bool exact = strcmp(backend_name, "ref") == 0;
    for (int i = 0; i < b->rig.net->param_count; i++)
        if (!exact && optimizer->kind == OPTIMIZER_ADAM && param_is_normalised_away(b->rig.net, i))
            return false;
    return true;
}

static void check_training(const Model *model, const char *name, Optimizer optimizer, double rate) {
    Bench b;
    bench_open(&b, model, &optimizer);
    Batch batch = rig_batch(&b.rig);
    float losses[STEPS], logits[BATCH * CLASSES];
    for (int step = 0; step < STEPS; step++) {
        Metrics metrics;
        batch.step = step;
        OK(program_train_step(b.program, &batch, step < DROP_AT ? rate : 0.1 * rate));
        OK(program_metrics(b.program, &metrics));
        losses[step] = (float)(metrics.loss_sum / BATCH);
    }
    char tensor[64];
    snprintf(tensor, sizeof tensor, "losses:%s", name);
    assert_golden(&b, tensor, losses, STEPS);
    if (inference_is_determined(&b, &optimizer)) {
        Program *eval = compiled(&b, MODE_EVAL);
        OK(program_forward(eval, &batch));
        OK(program_tap(eval, 0, logits));
        snprintf(tensor, sizeof tensor, "eval_logits:%s", name);
        assert_golden(&b, tensor, logits, BATCH * CLASSES);
        program_destroy(eval);
    }
    bench_close(&b);
}

static void matches_pytorch(void **state) {
    static const struct {
        int flag;
        const char *name;
        double rate;
        Optimizer optimizer;
    } trainings[] = {
        {CAFFE,
         "caffe",
         0.05,
         {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-2}},
        {TORCH,
         "torch",
         0.05,
         {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9, .weight_decay = 1e-2}},
        {NESTEROV,
         "nesterov",
         0.05,
         {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9, .weight_decay = 1e-2, .nesterov = true}},
        {ADAM,
         "adam",
         0.005,
         {.kind = OPTIMIZER_ADAM, .weight_decay = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}},
        {PLAIN_SGD, "plain_sgd", 0.05, {.kind = OPTIMIZER_SGD_TORCH}},
    };
    const Model *model = *state;
    check_one_pass(model);
    for (size_t i = 0; i < sizeof trainings / sizeof trainings[0]; i++)
        if (model->optimizers & trainings[i].flag)
            check_training(model, trainings[i].name, trainings[i].optimizer,
                           trainings[i].rate / (model->slowness ? model->slowness : 1));
}

#define RESNET(which) .model = which, .family = FAMILY_RESNET, .classes = CLASSES
#define CIFAR(layers) RESNET("resnet_cifar"), .depth = layers, .width = 4, .input = {3, 9, 8}
#define IMAGENET(layers)                                                                           \
    .model = "resnet_imagenet", .classes = CLASSES, .depth = layers, .width = 2,                   \
    .input = {3, 43, 33}

/* As INSTANCES of make_golden.py. */
static Model models[] = {
    {"plain8",
     EVERY,
     0,
     {.model = "resnet_cifar",
      .family = FAMILY_PLAIN,
      .depth = 8,
      .width = 4,
      .input = {3, 9, 8},
      .classes = CLASSES}},
    {"resnet8_A", EVERY, 0, {CIFAR(8), .shortcut = SHORTCUT_A}},
    {"resnet8_A_both", EVERY, 0, {CIFAR(8), .shortcut = SHORTCUT_A, .pad_side = PAD_BOTH}},
    {"resnet8_B", EVERY, 0, {CIFAR(8), .shortcut = SHORTCUT_B}},
    {"resnet8_C", EVERY, 0, {CIFAR(8), .shortcut = SHORTCUT_C}},
    {"resnet8_3x3", CAFFE, 0, {CIFAR(8), .shortcut = SHORTCUT_3X3}},
    {"resnet8_transition", CAFFE, 0, {CIFAR(8), .shortcut = SHORTCUT_TRANSITION}},
    {"bn_after_add",
     CAFFE,
     0,
     {CIFAR(8), .shortcut = SHORTCUT_B, .activation = ACTIVATION_BN_AFTER_ADD}},
    {"relu_before_add", CAFFE, 0, {CIFAR(8), .activation = ACTIVATION_RELU_BEFORE_ADD}},
    {"relu_preact",
     CAFFE,
     0,
     {CIFAR(8), .shortcut = SHORTCUT_B, .activation = ACTIVATION_RELU_PREACT}},
    {"full_preact", CAFFE, 0, {CIFAR(8), .activation = ACTIVATION_FULL_PREACT}},
    {"scaled", CAFFE, 0, {CIFAR(8), .shortcut_scale = 0.5, .residual_scale = 0.7}},
    {"gate_exclusive", CAFFE, 0, {CIFAR(8), .gate = GATE_EXCLUSIVE}},
    {"gate_shortcut", CAFFE, 0, {CIFAR(8), .shortcut = SHORTCUT_B, .gate = GATE_SHORTCUT}},
    {"shortcut_dropout", CAFFE, 0, {CIFAR(8), .shortcut_dropout = 0.5}},
    {"bottleneck11", CAFFE, 0, {CIFAR(11), .block = BLOCK_BOTTLENECK}},
    {"bottleneck11_preact",
     CAFFE,
     0,
     {CIFAR(11), .block = BLOCK_BOTTLENECK, .activation = ACTIVATION_FULL_PREACT}},
    {"imagenet18_A", CAFFE, 0, {IMAGENET(18), .family = FAMILY_RESNET, .shortcut = SHORTCUT_A}},
    {"imagenet34_plain", CAFFE, 2500000, {IMAGENET(34), .family = FAMILY_PLAIN}},
    {"imagenet18_C", CAFFE, 0, {IMAGENET(18), .family = FAMILY_RESNET, .shortcut = SHORTCUT_C}},
    {"imagenet50_v1", CAFFE, 2500000, {IMAGENET(50), .family = FAMILY_RESNET}},
    {"imagenet50_v1.5",
     CAFFE,
     2500000,
     {IMAGENET(50), .family = FAMILY_RESNET, .bottleneck_stride = BOTTLENECK_STRIDE_3X3}},
    {"tutorial000", TORCH, 0, {RESNET("tutorial000"), .width = 3, .input = {3, 19, 17}}},
    {"tutorial001_asis",
     ADAM,
     0,
     {RESNET("tutorial001"), .blocks = {2, {2, 1}}, .channels = {2, {3, 5}}, .first_kernel = 5,
      .input = {3, 9, 8}}},
    {"tutorial001_fixed",
     ADAM,
     0,
     {RESNET("tutorial001"), .blocks = {2, {1, 2}}, .channels = {2, {6, 9}},
      .bottlenecks = {2, {4, 5}}, .profile = PROFILE_FIXED, .input = {3, 9, 8}}},
    {"tutorial002", CAFFE, 0, {RESNET("tutorial002"), .width = 3, .input = {3, 9, 8}}},
    {"tutorial003", PLAIN_SGD, 0, {RESNET("tutorial003"), .width = 4, .input = {1, 13, 12}}},
    {"tutorial003_basic_plain",
     PLAIN_SGD,
     0,
     {.model = "tutorial003",
      .family = FAMILY_PLAIN,
      .block = BLOCK_BASIC,
      .width = 4,
      .input = {1, 13, 12},
      .classes = CLASSES}},
    {"tutorial004", ADAM, 0, {RESNET("tutorial004"), .depth = 8, .width = 4, .input = {3, 9, 8}}},
};

enum { MODELS = sizeof models / sizeof models[0] };

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: test_golden BACKEND FOLDER [PATTERN]\n");
        return 2;
    }
    backend_name = argv[1];
    folder = argv[2];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    struct CMUnitTest tests[MODELS] = {{0}};
    for (int i = 0; i < MODELS; i++)
        tests[i] = (struct CMUnitTest){
            .name = models[i].file, .test_func = matches_pytorch, .initial_state = &models[i]};
    cmocka_set_test_filter(argc > 3 ? argv[3] : NULL);
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
