/* `harness check` as a command, with a registry of the test's own: "ref" is the oracle, "cpu" the
 * oracle with a planted defect, and there is no "gpu". */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/cli.h"
#include "tests/check/broken.h"

extern const BackendOps ref_backend;

static Defect planted;

const BackendOps *const *backend_table(int *count) {
    static const BackendOps *const table[] = {&ref_backend};
    *count = 1;
    return table;
}

Status backend_open(const char *name, const BackendOptions *options, Backend **backend) {
    *backend = NULL;
    if (strcmp(name, "cpu") == 0)
        return broken_open(planted, backend);
    if (strcmp(name, "ref") == 0)
        return ref_backend.open(options, backend);
    return status_fail(STATUS_UNAVAILABLE, "no device named %s", name);
}

void backend_close(Backend *backend) {
    if (backend)
        backend->ops->close(backend);
}

/* ---- running it ---- */

static char output[1 << 16]; /* stdout and stderr of the last call */

/* The exit status of "check ARGS", ARGS cut at blanks. */
static int check(const char *args) {
    char words[256], *argv[16] = {(char *)"check"};
    int argc = 1, saved[2] = {dup(1), dup(2)};
    FILE *file = tmpfile();
    assert_non_null(file);
    snprintf(words, sizeof words, "%s", args);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    fflush(stdout);
    dup2(fileno(file), 1);
    dup2(fileno(file), 2);
    optind = 0; /* getopt begins anew */
    int code = cmd_check(argc, argv);
    fflush(stdout);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = 0;
    fclose(file);
    return code;
}

static void expect(const char *args, int code, const char *words) {
    int got = check(args);
    if (got != code || !strstr(output, words))
        fail_msg("check %s: exit status %d, expected %d and '%s':\n%s", args, got, code, words,
                 output);
}

/* ---- what it says ---- */

static void agreement_is_0(void **state) {
    (void)state;
    planted = DEFECT_NONE;
    expect("--backend cpu --case resnet_8_b --quick", EXIT_DONE, "1 of 1 agree");
    assert_null(strstr(output, "FAIL"));
    expect("--backend cpu --case cross_entropy --threads 1", EXIT_DONE, "ten steps");
    expect("--backend cpu --quick", EXIT_DONE, "agree with the oracle\n");
    assert_non_null(strstr(output, "conv 3x3 / 2 16 -> 32"));
    assert_null(strstr(output, "GFLOP/s"));
}

static void a_difference_is_1(void **state) {
    (void)state;
    planted = DEFECT_GRADIENT;
    expect("--backend cpu --case conv_5x5", EXIT_RUN_FAILED, "0 of 1 agree with the oracle: FAIL");
    assert_non_null(strstr(output, "gradients: 4 of 5: gradient of lift.weight[7] of 8: got"));
    planted = DEFECT_REFUSAL;
    expect("--backend cpu --case conv_5x5", EXIT_RUN_FAILED, "the library refused");
    planted = DEFECT_STEP;
    expect("--backend cpu --case stem --quick", EXIT_RUN_FAILED, "ten steps: ");
}

static void bad_usage_is_2(void **state) {
    (void)state;
    planted = DEFECT_NONE;
    expect("--help", EXIT_DONE, "Examples:\n  harness check\n");
    expect("--foo", EXIT_BAD_INPUT, "'--foo'");
    expect("more", EXIT_BAD_INPUT, "unexpected argument 'more'");
    expect("--case", EXIT_BAD_INPUT, "'--case' needs a value");
    expect("--case relo", EXIT_BAD_INPUT, "did you mean 'relu'");
    expect("--threads 0", EXIT_BAD_INPUT, "threads");
    expect("--precision half", EXIT_BAD_INPUT, "precision");
    expect("--backend gpu", EXIT_BAD_INPUT, "no device named gpu");
    expect("--backend ref --precision bf16", EXIT_BAD_INPUT, "bf16");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement_is_0),
        cmocka_unit_test(a_difference_is_1),
        cmocka_unit_test(bad_usage_is_2),
    };
    return !!cmocka_run_group_tests_name("cmd_check", tests, NULL, NULL);
}
