/* What `harness check` says of a case and of an operation: a sound backend passes, and each planted
 * defect is found in the part where it belongs. usage: test_check BACKEND */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/check/check.h"
#include "harness/check/speed.h"
#include "tests/check/broken.h"
#include "tests/support/cases.h"
#include "tests/support/rig.h"

static const char *backend_name;

static CheckSpec open_spec(Defect defect) {
    CheckSpec spec = {.quick = true};
    BackendOptions options = {.threads = 2};
    OK(backend_open("ref", &options, &spec.oracle));
    if (defect == DEFECT_NONE)
        OK(backend_open(backend_name, &options, &spec.backend));
    else
        OK(broken_open(defect, &spec.backend));
    spec.precision = spec.backend->ops->native;
    return spec;
}

static void close_spec(CheckSpec *spec) {
    backend_close(spec->backend);
    backend_close(spec->oracle);
}

static CaseResult result_of(Defect defect, const char *name) {
    CheckSpec spec = open_spec(defect);
    CaseResult result;
    OK(check_case(&spec, case_named(name), &result));
    close_spec(&spec);
    return result;
}

/* ---- cases ---- */

static void a_sound_backend_passes(void **state) {
    (void)state;
    const char *const names[] = {"conv_3x3_stride", "batch_norm_relu", "subsample_both",
                                 "cross_entropy", "resnet_8_b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CaseResult result = result_of(DEFECT_NONE, names[i]);
        for (int part = 0; part < CHECK_PARTS; part++) {
            if (result.parts[part].failed)
                fail_msg("%s: %s", names[i], result.parts[part].message);
            assert_true(result.parts[part].share <= 1);
        }
        assert_true(case_is_good(&result));
    }
}

/* The small net has all that can be compared; an operation without a loss has no steps. */
static void every_part_is_compared(void **state) {
    (void)state;
    CaseResult net = result_of(DEFECT_NONE, "resnet_8_a");
    for (int part = 0; part < CHECK_PARTS; part++)
        assert_true(net.parts[part].compared > 0);
    CaseResult operation = result_of(DEFECT_NONE, "conv_3x3");
    assert_int_equal(operation.parts[PART_GRADIENTS].compared, 4); /* d input, 3 parameters */
    assert_int_equal(operation.parts[PART_STATISTICS].compared, 0);
    assert_int_equal(operation.parts[PART_STEPS].compared, 0);
    assert_int_equal(operation.parts[PART_BITS].compared, 1);
}

/* Fails in this part, whose message has these words, and in no other but those of `also`. */
static void expect_failure(Defect defect, const char *name, CheckPart part, const char *words,
                           unsigned also) {
    CaseResult result = result_of(defect, name);
    assert_false(case_is_good(&result));
    for (int i = 0; i < CHECK_PARTS; i++) {
        const Verdict *verdict = &result.parts[i];
        if (i == (int)part ? verdict->failed == 0 : verdict->failed > 0 && !(also >> i & 1))
            fail_msg("%s, defect %d: part %d has %d failures: %s", name, defect, i, verdict->failed,
                     verdict->message);
    }
    if (!strstr(result.parts[part].message, words))
        fail_msg("'%s' lacks '%s'", result.parts[part].message, words);
    assert_false(result.parts[part].share <= 1 && part != PART_BITS);
}

static void defects_are_found_where_they_are(void **state) {
    (void)state;
    expect_failure(DEFECT_OUTPUT, "conv_3x3", PART_FORWARD, "output[0]", 0);
    expect_failure(DEFECT_NAN, "conv_3x3", PART_FORWARD, "not finite", 0);
    expect_failure(DEFECT_INPUT_GRADIENT, "conv_3x3", PART_GRADIENTS, "d input[0]", 0);
    expect_failure(DEFECT_GRADIENT, "conv_3x3", PART_GRADIENTS, "gradient of lift.weight", 0);
    expect_failure(DEFECT_STATISTIC, "batch_norm", PART_STATISTICS, "bn.running_var[0]", 0);
    expect_failure(DEFECT_STEP, "cross_entropy", PART_STEPS, "loss", 0);
    expect_failure(DEFECT_LOSS, "cross_entropy", PART_FORWARD, "loss", 1u << PART_STEPS);
    expect_failure(DEFECT_BITS, "conv_3x3", PART_BITS, "run again", 0);
}

/* What could not be run, or wrote where it must not, is an error and no result. */
static void errors_are_reported(void **state) {
    (void)state;
    const struct {
        Defect defect;
        const char *words;
    } errors[] = {{DEFECT_REFUSAL, "the library refused"}, {DEFECT_GUARD, "written behind"}};
    for (size_t i = 0; i < 2; i++) {
        CheckSpec spec = open_spec(errors[i].defect);
        CaseResult result;
        assert_int_equal(check_case(&spec, case_named("conv_3x3"), &result), STATUS_BACKEND);
        if (!strstr(status_message(), errors[i].words) || !strstr(status_message(), "conv_3x3"))
            fail_msg("'%s' lacks '%s'", status_message(), errors[i].words);
        close_spec(&spec);
    }
}

/* ---- operations ---- */

/* Measured in earnest, at the full batch, except where it fails. */
static SpeedRow row_of(Defect defect, const char *name, int channels) {
    CheckSpec spec = open_spec(defect);
    SpeedRow row = {0};
    int index = speed_find(name, channels);
    assert_true(index >= 0);
    spec.quick = false;
    OK(speed_measure(&spec, index, &row));
    close_spec(&spec);
    return row;
}

static void quick_compares_and_does_not_time(void **state) {
    (void)state;
    CheckSpec spec = open_spec(DEFECT_NONE);
    for (int i = 0; i < speed_count(); i++) {
        SpeedRow row;
        OK(speed_measure(&spec, i, &row));
        if (row.verdict.failed)
            fail_msg("%s: %s", row.name, row.verdict.message);
        assert_true(row.verdict.compared > 0 && row.verdict.share <= 1);
        assert_false(row.forward.measured || row.backward.measured);
    }
    close_spec(&spec);
}

/* Whether it takes longer than the spread of the measurement is up to the machine. */
static void a_right_operation_is_timed(void **state) {
    (void)state;
    SpeedRow row = row_of(DEFECT_NONE, "global average pool", 64);
    assert_int_equal(row.verdict.failed, 0);
    assert_int_equal(row.batch, 128);
    if (row.forward.measured)
        assert_true(row.forward.ms > 0 && row.forward.gb_per_s > 0);
    assert_true(row.forward.gflop_per_s == 0);
}

static void a_wrong_operation_is_not_timed(void **state) {
    (void)state;
    const Defect defects[] = {DEFECT_GRADIENT, DEFECT_LOSS};
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        SpeedRow row = row_of(defects[i], "batch norm + ReLU", 64);
        assert_true(row.verdict.failed > 0);
        assert_false(row.forward.measured || row.backward.measured);
    }
}

/* ---- tolerances ---- */

static double relative(const char *name, Precision precision, int batch, bool *as_norm) {
    Net *net;
    OK(case_build(case_named(name), &net));
    Closeness close = closeness_of_gradients(net, precision, batch);
    *as_norm = close.as_norm;
    net_destroy(net);
    return close.tolerance.relative;
}

static void tolerances_follow_format_and_depth(void **state) {
    (void)state;
    bool norm;
    double fine = relative("conv_3x3", PRECISION_FP32, 0, &norm);
    assert_false(norm);
    assert_true(relative("resnet_8_a", PRECISION_FP32, 0, &norm) > fine);
    assert_false(norm);
    double tf32 = relative("conv_3x3", PRECISION_TF32, 0, &norm);
    assert_true(norm && tf32 > fine);
    double bf16 = relative("conv_3x3", PRECISION_BF16, 0, &norm);
    assert_true(norm && bf16 > tf32 && bf16 < 0.05);
    double deep = relative("resnet_8_a", PRECISION_BF16, 0, &norm);
    assert_true(deep > bf16 && deep < 0.6); /* something that is missing is off by 1 */
    double kink = relative("relu", PRECISION_BF16, 0, &norm);
    assert_true(kink > bf16 && kink < 0.2);
    double large = relative("conv_3x3", PRECISION_FP32, 128, &norm);
    assert_true(norm && large > 6e-8 && large < 1e-3);
}

/* The room that kinks are given is not enough for a piece that is missing. */
static void coarse_formats_hide_no_defect(void **state) {
    (void)state;
    const Precision formats[] = {PRECISION_TF32, PRECISION_BF16};
    const char *const names[] = {"conv_3x3", "batch_norm_relu", "stem", "resnet_8_a"};
    for (int i = 0; i < 2; i++) {
        CheckSpec spec = open_spec(DEFECT_PIECE);
        CaseResult result;
        spec.precision = formats[i];
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            OK(check_case(&spec, case_named(names[k]), &result));
            if (result.parts[PART_GRADIENTS].failed == 0)
                fail_msg("%s in %s: worst share %.3g", names[k], precision_name(spec.precision),
                         result.parts[PART_GRADIENTS].share);
            assert_int_equal(result.parts[PART_FORWARD].failed, 0);
        }
        close_spec(&spec);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_check BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_backend_passes),
        cmocka_unit_test(every_part_is_compared),
        cmocka_unit_test(defects_are_found_where_they_are),
        cmocka_unit_test(errors_are_reported),
        cmocka_unit_test(quick_compares_and_does_not_time),
        cmocka_unit_test(a_right_operation_is_timed),
        cmocka_unit_test(a_wrong_operation_is_not_timed),
        cmocka_unit_test(tolerances_follow_format_and_depth),
        cmocka_unit_test(coarse_formats_hide_no_defect),
    };
    return !!cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
