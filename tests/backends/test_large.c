/* A backend against the oracle at the sizes of real training, where loops are shared among threads
 * and sums are made in pieces: the case table's nets are too small for either. Also a short batch
 * on the same program. usage: test_large BACKEND */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/models.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

static const char *backend_name;

enum { BATCH = 10, SHORT = 7 };

/* What is continuous: fp32 through eight layers, sums of up to ten thousand terms. */
static const CompareTolerance continuous = {.relative = 1000 * 6e-8};
/* Of a million inputs of ReLUs about one lies within fp32's rounding of zero and may fall on either
 * side. That changes one of the thousands of terms of a weight's gradient: 1 in their root. A piece
 * that is missing or counted twice is a tenth or more. */
static const CompareTolerance with_kinks = {.relative = 1e-2};

typedef struct Run {
    Rig rig;
    Program *program;
} Run;

static void run_open(Run *run, const char *backend, const ModelSpec *spec) {
    Net *net;
    OK(model_build(spec, &net));
    Tap taps[] = {{net_find_node(net, "fc"), TAP_VALUE}, {0, TAP_GRADIENT}};
    rig_open(&run->rig, backend, 2, net, BATCH, NULL);
    run->program = rig_program(&run->rig, MODE_TRAIN, 0, taps, 2);
}

static void run_close(Run *run) {
    program_destroy(run->program);
    rig_close(&run->rig);
}

static void pass(Run *run, int count) {
    Batch batch = rig_batch(&run->rig);
    batch.count = count;
    OK(program_forward(run->program, &batch));
    OK(program_backward(run->program, NULL));
}

static bool same_tap(const Run *fast, const Run *slow, int tap, CompareTolerance tolerance) {
    static const char *const names[] = {"logits", "input gradient"};
    size_t count;
    float *got = rig_tap(&fast->rig, fast->program, tap, &count);
    float *want = rig_tap(&slow->rig, slow->program, tap, &count);
    bool same = compare_norm(names[tap], got, want, count, tolerance, "test_large");
    free(got);
    free(want);
    return same;
}

static bool same_param(const Run *fast, const Run *slow, int id) {
    const Param *p = &slow->rig.net->params[id];
    bool statistic = param_is_statistic(p);
    Section section = statistic ? SECTION_VALUE : SECTION_GRADIENT;
    float *got = rig_read(&fast->rig, section, id), *want = rig_read(&slow->rig, section, id);
    bool same = compare_norm(p->name, got, want, p->count, statistic ? continuous : with_kinks,
                             "test_large");
    free(got);
    free(want);
    return same;
}

static bool passes_agree(Run *fast, Run *slow, int count) {
    pass(fast, count);
    pass(slow, count);
    bool same = same_tap(fast, slow, 0, continuous);
    same = same_tap(fast, slow, 1, with_kinks) && same;
    for (int id = 0; id < slow->rig.net->param_count; id++)
        same = same_param(fast, slow, id) && same;
    return same;
}

static void check(Family family, Shortcut shortcut, Shape input) {
    ModelSpec spec = model_default();
    spec.family = family;
    spec.shortcut = shortcut;
    spec.depth = 8;
    spec.input = input;
    Run fast, slow;
    run_open(&fast, backend_name, &spec);
    run_open(&slow, "ref", &spec);
    bool whole = passes_agree(&fast, &slow, BATCH);
    bool part = passes_agree(&fast, &slow, SHORT);
    run_close(&fast);
    run_close(&slow);
    assert_true(whole && part);
}

static void residual_net_on_cifar(void **state) {
    (void)state;
    check(FAMILY_RESNET, SHORTCUT_A, (Shape){3, 32, 32});
}

static void plain_net_on_mnist(void **state) {
    (void)state;
    check(FAMILY_PLAIN, SHORTCUT_A, (Shape){1, 28, 28});
}

static void projections_on_cifar(void **state) {
    (void)state;
    check(FAMILY_RESNET, SHORTCUT_C, (Shape){3, 32, 32});
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_large BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residual_net_on_cifar),
        cmocka_unit_test(plain_net_on_mnist),
        cmocka_unit_test(projections_on_cifar),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
