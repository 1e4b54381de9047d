/* gpu/ on the software GPU beyond what every backend's tests ask: the short formats, the choice of
 * plans, and a host that runs ahead of the device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/gpu.h"
#include "harness/check/check.h"
#include "tests/softgpu/softgpu.h"
#include "tests/support/cases.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

static const char *const parts[CHECK_PARTS] = {"output", "gradients", "statistics", "ten steps",
                                               "the same bits again"};

static void case_agrees(Precision precision, const Case *test) {
    BackendOptions options = {0};
    CheckSpec spec = {.precision = precision, .quick = true};
    CaseResult result;
    OK(backend_open("gpu", &options, &spec.backend));
    OK(backend_open("ref", &options, &spec.oracle));
    OK(check_case(&spec, test, &result));
    for (int i = 0; i < CHECK_PARTS; i++)
        if (result.parts[i].failed > 0)
            fail_msg("%s, %s, %s: %s", test->name, precision_name(precision), parts[i],
                     result.parts[i].message);
    backend_close(spec.backend);
    backend_close(spec.oracle);
}

static void all_cases_agree(Precision precision) {
    int count;
    const Case *table = case_table(&count);
    for (int i = 0; i < count; i++)
        case_agrees(precision, &table[i]);
}

static void tf32_agrees(void **state) {
    (void)state;
    all_cases_agree(PRECISION_TF32);
}

static void bf16_agrees(void **state) {
    (void)state;
    all_cases_agree(PRECISION_BF16);
}

/* ---- the choice of engines ---- */

static void plans_are_as_asked(void **state) {
    BackendOptions options = {0};
    Backend *backend;
    (void)state;
    OK(backend_open("gpu", &options, &backend));
    int tensor_cores = 0, fallbacks = 0;
    for (int k = 8; k <= 128; k += 8)
        for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++)
            for (int direction = CONV_FORWARD; direction <= CONV_WEIGHT_GRADIENT; direction++) {
                const ConvProblem problem = {.direction = (ConvDirection)direction,
                                             .precision = (Precision)precision,
                                             .n = 2,
                                             .c = 8,
                                             .h = 6,
                                             .w = 6,
                                             .k = k,
                                             .window = {.r = 3, .s = 3, .stride = 1, .pad = 1}};
                const ConvPlan *plan;
                OK(gpu_conv_plan(gpu_backend_of(backend), &problem, &plan));
                assert_false(precision == PRECISION_FP32 && plan->tensor_cores);
                tensor_cores += plan->tensor_cores;
                fallbacks += plan->fallback;
            }
    assert_in_range(tensor_cores, 80, 95); /* of 96 that would like them; not all can */
    assert_in_range(fallbacks, 1, 100);
    backend_close(backend);
}

/* ---- batches of other sizes ---- */

/* What a full batch has left in memory must not reach the gradients of a short one. */
static void short_rig(Rig *rig, const char *backend, const Case *test, int count) {
    Program *program;
    rig_open(rig, backend, 1, case_net(test), test->batch, NULL);
    const ProgramSpec spec = {.mode = MODE_TRAIN,
                              .max_batch = rig->batch,
                              .precision = rig->backend->ops->native,
                              .bn_group = test->bn_group};
    OK(program_compile(rig->state, &spec, &program));
    for (int i = 0; i < 2; i++) {
        Batch batch = rig_batch(rig);
        batch.count = i == 0 ? rig->batch : count;
        OK(program_forward(program, &batch));
        OK(program_backward(program, rig_dy(rig)));
    }
    program_destroy(program);
}

static void short_batch_agrees(const Case *test) {
    Rig fast, slow;
    int count = test->bn_group ? test->bn_group : test->batch / 2;
    short_rig(&fast, "gpu", test, count);
    short_rig(&slow, "ref", test, count);
    for (int i = 0; i < fast.net->param_count; i++) {
        const Param *param = &fast.net->params[i];
        Section section = param_is_statistic(param) ? SECTION_VALUE : SECTION_GRADIENT;
        float *got = rig_read(&fast, section, i), *want = rig_read(&slow, section, i);
        /* a bias in front of a batch norm has a gradient of 0, where only rounding is left */
        const CompareTolerance close = {.relative = 1e-4, .absolute = 1e-5};
        assert_true(compare_floats(param->name, got, want, param->count, close, test->name));
        free(got);
        free(want);
    }
    rig_close(&fast);
    rig_close(&slow);
}

static void short_batches_follow_full_ones(void **state) {
    (void)state;
    int count;
    const Case *table = case_table(&count);
    for (int i = 0; i < count; i++)
        short_batch_agrees(&table[i]);
}

/* ---- weights in bf16 ---- */

static float *output_of(const Rig *rig, Program *program, size_t *count) {
    Batch batch = rig_batch(rig);
    OK(program_forward(program, &batch));
    return rig_tap(rig, program, 0, count);
}

/* The copies that products read follow what is written to the parameters. */
static void written_weights_are_used(void **state) {
    Rig rig;
    Program *program;
    const Case *test = case_named("resnet_8_a");
    (void)state;
    rig_open(&rig, "gpu", 1, case_net(test), test->batch, NULL);
    const Tap tap = {rig.net->node_count - 2, TAP_VALUE};
    const ProgramSpec spec = {.mode = MODE_EVAL,
                              .max_batch = rig.batch,
                              .precision = PRECISION_BF16,
                              .taps = &tap,
                              .tap_count = 1};
    OK(program_compile(rig.state, &spec, &program));
    size_t count;
    float *before = output_of(&rig, program, &count);
    float *weights = rig_read(&rig, SECTION_VALUE, 0);
    for (size_t i = 0; i < rig.net->params[0].count; i++)
        weights[i] = -weights[i];
    OK(state_write(rig.state, SECTION_VALUE, 0, weights));
    float *other = output_of(&rig, program, &count);
    assert_memory_not_equal(before, other, count * sizeof *before);
    rig_reset(&rig);
    float *after = output_of(&rig, program, &count);
    assert_memory_equal(before, after, count * sizeof *before);
    free(before);
    free(weights);
    free(other);
    free(after);
    program_destroy(program);
    rig_close(&rig);
}

/* ---- running ahead ---- */

enum { STEPS = 3 * CONTROL_SLOTS };

static const Optimizer momentum = {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9};

/* The state's values after STEPS steps, each with its own images and learning rate. `patient`: the
 * host waits for the device after each. */
static float *values_after(const Case *test, Precision precision, bool patient, size_t *count) {
    Rig rig;
    Program *program;
    Metrics metrics;
    rig_open(&rig, "gpu", 1, case_net(test), test->batch, &momentum);
    const ProgramSpec spec = {.mode = MODE_TRAIN,
                              .max_batch = rig.batch,
                              .precision = precision,
                              .bn_group = test->bn_group};
    OK(program_compile(rig.state, &spec, &program));
    for (int step = 0; step < STEPS; step++) {
        Sample samples[RIG_BATCH_MAX];
        for (int i = 0; i < rig.batch; i++)
            samples[i] = (Sample){.index = (i + step) % rig.batch, .flip = step % 2};
        const Batch batch = {.data = rig.data, .samples = samples, .count = rig.batch};
        OK(program_train_step(program, &batch, 0.01 / (1 + step)));
        if (patient)
            OK(program_metrics(program, &metrics));
    }
    float *all = NULL;
    *count = 0;
    for (int i = 0; i < rig.net->param_count; i++) {
        float *values = rig_read(&rig, SECTION_VALUE, i);
        all = realloc(all, (*count + rig.net->params[i].count) * sizeof *all);
        assert_non_null(all);
        memcpy(all + *count, values, rig.net->params[i].count * sizeof *all);
        *count += rig.net->params[i].count;
        free(values);
    }
    program_destroy(program);
    rig_close(&rig);
    return all;
}

static void a_host_far_ahead_changes_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t count, again;
        const Precision precision = i ? PRECISION_BF16 : PRECISION_FP32;
        const Case *test = case_named("resnet_8_a");
        float *waited = values_after(test, precision, true, &count);
        float *ahead = values_after(test, precision, false, &again);
        assert_int_equal(count, again);
        assert_memory_equal(waited, ahead, count * sizeof *waited);
        free(waited);
        free(ahead);
    }
}

/* ---- older cards ---- */

static Status compiled_in(Rig *rig, Precision precision) {
    ProgramSpec spec = {.mode = MODE_EVAL, .max_batch = 2, .precision = precision};
    Program *program;
    Status status = program_compile(rig->state, &spec, &program);
    program_destroy(program);
    return status;
}

/* bf16 and tf32 need compute capability 8.0: an older card says so and goes on in fp32. */
static void an_older_card_refuses_short_formats(void **state) {
    (void)state;
    Rig rig;
    softgpu_capability(7, 5);
    rig_open(&rig, "gpu", 1, case_net(case_named("conv_3x3")), 2, NULL);
    softgpu_capability(9, 0);
    assert_int_equal(compiled_in(&rig, PRECISION_BF16), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "bf16 needs compute capability 8.0"));
    assert_non_null(strstr(status_message(), "7.5"));
    assert_int_equal(compiled_in(&rig, PRECISION_TF32), STATUS_BAD_INPUT);
    assert_int_equal(compiled_in(&rig, PRECISION_FP32), STATUS_OK);
    rig_close(&rig);
}

/* usage: test_gpu [PATTERN]: the tests whose name fits, all by default */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tf32_agrees),
        cmocka_unit_test(bf16_agrees),
        cmocka_unit_test(plans_are_as_asked),
        cmocka_unit_test(short_batches_follow_full_ones),
        cmocka_unit_test(written_weights_are_used),
        cmocka_unit_test(a_host_far_ahead_changes_nothing),
        cmocka_unit_test(an_older_card_refuses_short_formats),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
