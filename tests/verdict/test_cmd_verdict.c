/* From an experiment that expects and claims to its verdicts, through the built program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/sweep/outputs.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

#define TINY_HEADER                                                                                \
    "family,depth,width,dataset,train_size,test_size,augment,batch,iterations,lr,schedule,"        \
    "eval_every,backend,threads,seed,select,expect,tolerance,source\n"
#define TINY(family, seeds)                                                                        \
    family ",8,2,fashion_mnist,100,100,none,10,6,0.05,none,3,cpu,1," seeds ",best_validation,"
#define CLAIMS "claim,metric,left,relation,right,margin,source\n"
#define RUN    "run tiny.csv --quiet --no-plot --out t"

static void sweep_ends_in_a_verdict(void **state) {
    (void)state;
    scratch_text("tiny.csv",
                 TINY_HEADER TINY("plain", "1|2") "50,500,\"a, b\"\n" TINY("resnet", "1|2") ",,\n");
    scratch_text("tiny.claims.csv",
                 CLAIMS "near,test_error_pct,family=plain depth=8,=,family=resnet depth=8,1e3,\n");
    program_expect(RUN, 0, "t/runs.csv");
    CsvTable expected = table_of("t/expectations.csv"), runs = table_of("t/runs.csv");
    assert_int_equal(expected.rows, 2);
    assert_int_equal(csv_column(&runs, "expect"), -1);
    for (int row = 0; row < 2; row++) {
        cell_is(&expected, row, "key", csv_get(&runs, row, "key"));
        cell_is(&expected, row, "expect", "50");
        cell_is(&expected, row, "source", "a, b");
    }
    csv_table_free(&expected);
    csv_table_free(&runs);
    program_expect("run tiny.csv --quiet --out t", 0, "claim: near|reproduced|2 verdicts: 2");
    program_expect("verdict t", 0, "plain, 8 layers|reproduced|on validation|t/verdict.csv");
    CsvTable verdicts = table_of("t/verdict.csv"), bias = table_of("t/selection_bias.csv");
    assert_int_equal(verdicts.rows, 2);
    cell_is(&verdicts, 0, "verdict", "reproduced");
    cell_is(&verdicts, 1, "method", "paired by seed");
    assert_int_equal(bias.rows, 2);
    cell_is(&bias, 1, "validation_n", "2");
    csv_table_free(&verdicts);
    csv_table_free(&bias);
}

/* A later expectation replaces the earlier one and trains nothing; other experiments' stay. */
static void expectations_are_replaced(void **state) {
    (void)state;
    char *before = text_of("t/runs.csv");
    scratch_text("other.csv", TINY_HEADER TINY("resnet", "3") "1,2,other\n");
    program_expect("run other.csv --quiet --no-plot --out t", 0, "t/runs.csv");
    scratch_text("tiny.csv",
                 TINY_HEADER TINY("plain", "1|2") ",,\n" TINY("resnet", "1|2") "60,1,later\n");
    program_expect(RUN, 0, "t/runs.csv");
    CsvTable expected = table_of("t/expectations.csv");
    assert_int_equal(expected.rows, 3);
    cell_is(&expected, 0, "source", "other");
    cell_is(&expected, 2, "source", "later");
    csv_table_free(&expected);
    char *after = text_of("t/runs.csv");
    assert_non_null(strstr(after, strchr(before, '\n'))); /* the same rows, another's behind */
    free(before);
    free(after);
    scratch_text("tiny.csv", TINY_HEADER TINY("resnet", "1|2") ",,\n");
    scratch_text("other.csv", TINY_HEADER TINY("resnet", "3") ",,\n");
    program_expect(RUN, 0, "t/runs.csv");
    program_expect("run other.csv --quiet --no-plot --out t", 0, "t/runs.csv");
    assert_false(exists("t/expectations.csv"));
    program_expect("verdict t", 0, "1 verdict:"); /* the claim */
}

static void wrong_claims_train_nothing(void **state) {
    (void)state;
    scratch_text("tiny.claims.csv", CLAIMS "x,test_error_pct,depht=8,>,family=resnet,,\n");
    program_expect("run tiny.csv --quiet --no-plot --out n", 2,
                   "tiny.claims.csv:2:18: left: unknown column 'depht'; did you mean 'depth'?");
    assert_false(exists("n"));
}

/* The energy counters of this machine, or of a folder that looks like them. */
static void energy_is_recorded(void **state) {
    (void)state;
    char folder[512];
    scratch_text("energy.csv", TINY_HEADER TINY("plain", "9") ",,\n");
    snprintf(folder, sizeof folder, "%s/rapl", scratch_folder());
    assert_int_equal(mkdir(folder, 0777), 0);
    setenv("RESLAB_POWERCAP", folder, 1);
    program_expect("run energy.csv --quiet --no-plot --out without", 0, "without/runs.csv");
    assert_int_equal(mkdir(in_scratch("rapl/intel-rapl:0"), 0777), 0);
    scratch_text("rapl/intel-rapl:0/name", "package-0\n");
    scratch_text("rapl/intel-rapl:0/max_energy_range_uj", "1000000\n");
    scratch_text("rapl/intel-rapl:0/energy_uj", "7\n");
    program_expect("run energy.csv --quiet --no-plot --out with", 0, "with/runs.csv");
    unsetenv("RESLAB_POWERCAP");
    CsvTable without = table_of("without/runs.csv"), with = table_of("with/runs.csv");
    cell_is(&without, 0, "energy_j", "");
    cell_is(&with, 0, "energy_j", "0.0");
    csv_table_free(&without);
    csv_table_free(&with);
}

static void usage(void **state) {
    (void)state;
    program_expect("verdict --help", 0, "Examples:|reproduced|--alpha");
    program_expect("verdict", 2, "which folder?");
    program_expect("verdict t --alpha 0.5", 2, "between 0 and 0.5");
    program_expect("verdict t --power x", 2, "between 0 and 1");
    program_expect("verdict nowhere", 2, "nowhere/runs.csv");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep_ends_in_a_verdict),
        cmocka_unit_test(expectations_are_replaced),
        cmocka_unit_test(wrong_claims_train_nothing),
        cmocka_unit_test(energy_is_recorded),
        cmocka_unit_test(usage),
    };
    int code = smoke_begin(argc, argv);
    return code ? code : !!cmocka_run_group_tests(tests, NULL, NULL);
}
