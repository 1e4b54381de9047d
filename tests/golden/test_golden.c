/* A backend against PyTorch: logits, loss, every gradient, batch-norm statistics, ten training
 * steps with four optimisers (the rate drops after five, which tells the momentum forms apart),
 * and inference with the running statistics that training left.
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
#include "net/models.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

enum { BATCH = 6, CLASSES = 10, STEPS = 10, DROP_AT = 5 };

static const char *backend_name, *folder;

/* How far a tensor may be from float64 PyTorch, relative to its largest value. The files hold 12
 * digits. In fp32 an error grows over 8 layers and 10 steps: a thousand units in the last place. */
static double tolerance(void) {
    return strcmp(backend_name, "ref") == 0 ? 1e-10 : 1000 * 6e-8;
}

typedef struct Model {
    const char *file;
    Family family;
    Shortcut shortcut;
    PadSide pad_side;
} Model;

/* A rig and what PyTorch says of it. */
typedef struct Bench {
    Golden golden;
    Rig rig;
    Program *program;
} Bench;

static Program *compiled(Bench *b, Mode mode) {
    Tap taps[] = {{net_find_node(b->rig.net, "fc"), TAP_VALUE}};
    return rig_program(&b->rig, mode, 0, taps, 1);
}

static void bench_open(Bench *b, const Model *model, const Optimizer *optimizer) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.txt", folder, model->file);
    OK(golden_read(path, &b->golden));
    ModelSpec spec = model_default();
    spec.family = model->family;
    spec.depth = 8;
    spec.shortcut = model->shortcut;
    spec.pad_side = model->pad_side;
    spec.width = 4;
    spec.input = (Shape){3, 9, 8};
    Net *net;
    OK(model_build(&spec, &net));
    rig_open(&b->rig, backend_name, 2, net, BATCH, optimizer);
    b->program = compiled(b, MODE_TRAIN);
}

static void bench_close(Bench *b) {
    program_destroy(b->program);
    rig_close(&b->rig);
    golden_free(&b->golden);
}

static void assert_golden(const Bench *b, const char *name, const float *got, size_t count) {
    const GoldenTensor *want = golden_find(&b->golden, name);
    if (!want || want->count != count)
        fail_msg("no golden tensor '%s' of %zu values", name, count);
    double *wide = malloc(count * sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = got[i];
    CompareTolerance limit = {.relative = tolerance() + 6e-8}; /* the contract reads floats */
    bool same = compare_doubles(name, wide, want->values, count, limit, folder);
    free(wide);
    assert_true(same);
}

static void assert_parameters(Bench *b, Section section, const char *prefix, bool statistics) {
    for (int i = 0; i < b->rig.net->param_count; i++) {
        const Param *p = &b->rig.net->params[i];
        if (param_is_statistic(p) != statistics)
            continue;
        char name[128];
        snprintf(name, sizeof name, "%s:%s", prefix, p->name);
        float *values = rig_read(&b->rig, section, i);
        assert_golden(b, name, values, p->count);
        free(values);
    }
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

static void check_training(const Model *model, const char *name, Optimizer optimizer, double rate) {
    Bench b;
    bench_open(&b, model, &optimizer);
    Batch batch = rig_batch(&b.rig);
    float losses[STEPS], logits[BATCH * CLASSES];
    for (int step = 0; step < STEPS; step++) {
        Metrics metrics;
        OK(program_train_step(b.program, &batch, step < DROP_AT ? rate : 0.1 * rate));
        OK(program_metrics(b.program, &metrics));
        losses[step] = (float)(metrics.loss_sum / BATCH);
    }
    char tensor[64];
    snprintf(tensor, sizeof tensor, "losses:%s", name);
    assert_golden(&b, tensor, losses, STEPS);
    Program *eval = compiled(&b, MODE_EVAL);
    OK(program_forward(eval, &batch));
    OK(program_tap(eval, 0, logits));
    snprintf(tensor, sizeof tensor, "eval_logits:%s", name);
    assert_golden(&b, tensor, logits, BATCH * CLASSES);
    program_destroy(eval);
    bench_close(&b);
}

static void matches_pytorch(void **state) {
    const Model *model = *state;
    Optimizer sgd = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-2};
    check_one_pass(model);
    check_training(model, "caffe", sgd, 0.05);
    sgd.kind = OPTIMIZER_SGD_TORCH;
    check_training(model, "torch", sgd, 0.05);
    sgd.nesterov = true;
    check_training(model, "nesterov", sgd, 0.05);
    Optimizer adam = {
        .kind = OPTIMIZER_ADAM, .weight_decay = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    check_training(model, "adam", adam, 0.005);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: test_golden BACKEND FOLDER\n");
        return 2;
    }
    backend_name = argv[1];
    folder = argv[2];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    static Model models[] = {
        {"plain8", FAMILY_PLAIN, SHORTCUT_A, PAD_APPEND},
        {"resnet8_A", FAMILY_RESNET, SHORTCUT_A, PAD_APPEND},
        {"resnet8_A_both", FAMILY_RESNET, SHORTCUT_A, PAD_BOTH},
        {"resnet8_B", FAMILY_RESNET, SHORTCUT_B, PAD_APPEND},
        {"resnet8_C", FAMILY_RESNET, SHORTCUT_C, PAD_APPEND},
    };
    struct CMUnitTest tests[sizeof models / sizeof models[0]] = {{0}};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        tests[i] = (struct CMUnitTest){
            .name = models[i].file, .test_func = matches_pytorch, .initial_state = &models[i]};
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
