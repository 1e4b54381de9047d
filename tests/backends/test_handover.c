/* A training that changes its backend on the way: from one to the other and back. Values, moments,
 * statistics and the count of updates are all that is carried over, as a checkpoint would; the end
 * must be what the oracle gets without a change. usage: test_handover BACKEND OTHER */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cases.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

enum { LEG = 3, LEGS = 3 };

static const char *backends[2];

/* fp32 through eight layers and nine steps: test_cases has the reasoning. */
static const CompareTolerance close_to = {.relative = 1000 * 6e-8, .absolute = 1e-6};

static void train(Rig *rig, int group, int steps) {
    Program *program = rig_program(rig, MODE_TRAIN, group, NULL, 0);
    Batch batch = rig_batch(rig);
    for (int i = 0; i < steps; i++)
        OK(program_train_step(program, &batch, 0.01));
    program_destroy(program);
}

static void compare_states(const Rig *got, const Rig *want) {
    bool same = true;
    for (int id = 0; id < want->net->param_count; id++) {
        const Param *p = &want->net->params[id];
        float *mine = rig_read(got, SECTION_VALUE, id), *theirs = rig_read(want, SECTION_VALUE, id);
        same = compare_norm(p->name, mine, theirs, p->count, close_to, "test_handover") && same;
        free(mine);
        free(theirs);
    }
    assert_true(same);
}

static void check(const Optimizer *optimizer) {
    const Case *test = case_named("resnet_8_b");
    Rig rigs[2], oracle;
    for (int i = 0; i < 2; i++)
        rig_open(&rigs[i], backends[i], 1, case_net(test), test->batch, optimizer);
    rig_open(&oracle, "ref", 1, case_net(test), test->batch, optimizer);
    for (int leg = 0; leg < LEGS; leg++) {
        if (leg > 0)
            rig_hand_over(&rigs[leg % 2], &rigs[(leg + 1) % 2]);
        train(&rigs[leg % 2], test->bn_group, LEG);
    }
    train(&oracle, test->bn_group, LEG * LEGS);
    assert_int_equal(rigs[0].state->updates, LEG * LEGS);
    compare_states(&rigs[0], &oracle);
    for (int i = 0; i < 2; i++)
        rig_close(&rigs[i]);
    rig_close(&oracle);
}

static void with_momentum(void **state) {
    (void)state;
    const Optimizer sgd = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-2};
    check(&sgd);
}

static void with_adam(void **state) {
    (void)state;
    const Optimizer adam = {
        .kind = OPTIMIZER_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-4, .weight_decay = 1e-2};
    check(&adam);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: test_handover BACKEND OTHER\n");
        return 2;
    }
    backends[0] = argv[1];
    backends[1] = argv[2];
    if (backend_is_missing(backends[0]) || backend_is_missing(backends[1]))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_momentum),
        cmocka_unit_test(with_adam),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
