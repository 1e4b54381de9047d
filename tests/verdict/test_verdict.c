/* Verdicts on folders made by hand: groups, expectations, claims, selection bias, cell by cell;
 * what is said of broken files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/verdict/selector.h"
#include "harness/verdict/verdict.h"
#include "tests/report/fixture.h"
#include "tests/sweep/scratch.h"

static const Level level = {.alpha = 0.05, .power = 0.8};

#define HEADER                                                                                     \
    "model,family,depth,schedule,seed,threads,select,key,status,test_error_pct,"                   \
    "last_test_error_pct,validation_test_error_pct,best_test_error_pct\n"
#define CURVES "key,iteration\nx,1\n"

/* Means by hand: plain 20: 9, 10, 11; plain 56: 13, 13.5, 14.5; resnet 20: 8.5, 9 of other seeds.
 */
static const char runs[] = HEADER "m,plain,20,8:0.1 9:0.01,1,2,last,p1,done,9,9,9.5,8.5\n"
                                  "m,plain,20,8:0.1 9:0.01,2,2,last,p2,done,10,10,10.5,9\n"
                                  "m,plain,20,8:0.1 9:0.01,3,2,last,p3,done,11,11,10.5,10\n"
                                  "m,plain,20,8:0.1 9:0.01,3,4,last,p3b,done,99,99,99,99\n"
                                  "m,plain,56,none,1,2,last,q1,done,13,13,,12\n"
                                  "m,plain,56,none,2,2,last,q2,done,13.5,13.5,,13\n"
                                  "m,plain,56,none,3,2,last,q3,done,14.5,14.5,,13\n"
                                  "m,resnet,20,none,7,2,last,r1,done,8.5,8.5,,8.5\n"
                                  "m,resnet,20,none,8,2,last,r2,done,9,9,,9\n"
                                  "m,resnet,56,none,1,2,last,s1,done,7,7,,7\n"
                                  "m,resnet,110,none,1,2,last,t1,diverged,,,,\n"
                                  "m,resnet,110,none,2,2,last,t2,done,6.5,6.5,,6\n";

static const char *folder_with(const char *name, const char *expectations, const char *claims) {
    const char *folder = fixture_folder(name, runs, CURVES);
    if (expectations)
        fixture_file(folder, "expectations.csv", expectations);
    if (claims)
        fixture_file(folder, "x.claims.csv", claims);
    return folder;
}

static Verdicts read_good(const char *folder) {
    Verdicts v;
    if (verdicts_read(folder, level, &v) != STATUS_OK)
        fail_msg("refused: %s", status_message());
    return v;
}

static void words_are(const VerdictRow *row, const char *expected) {
    char words[128];
    verdict_words(row, words, sizeof words);
    assert_string_equal(words, expected);
}

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-9 * fabs(want)))
        fail_msg("%.12g, expected %.12g", got, want);
}

#define EXPECT "key,metric,expect,tolerance,source\n"

static void expectations_are_judged(void **state) {
    (void)state;
    Verdicts v = read_good(folder_with("expect",
                                       EXPECT "p1,test_error_pct,10,2,paper\n"
                                              "p2,test_error_pct,10,2,paper\n"
                                              "p3,test_error_pct,10,1.6,mine\n"
                                              "q1,test_error_pct,9,1,\"a, b\"\n"
                                              "s1,test_error_pct,7.5,0.5,\n"
                                              "t2,test_error_pct,6.5,5,\n"
                                              "none1,test_error_pct,1,1,\n"
                                              "none2,test_error_pct,1,1,\n",
                                       NULL));
    assert_int_equal(v.count, 5);
    assert_int_equal(v.unfinished, 2);
    const VerdictRow *row = &v.rows[0];
    assert_string_equal(row->left, "plain, 20 layers");
    assert_int_equal(row->left_sample.n, 3);
    assert_int_equal(row->repeated, 1);
    near(row->left_sample.mean, 10);
    near(row->left_sample.sd, 1);
    near(row->left_sample.least, 9);
    near(row->left_sample.greatest, 11);
    /* t of 0.95 with 2 degrees of freedom is 2.91998558, the standard error 1 / sqrt(3) */
    near(row->decision.ci_low, 10 - 2.919985580353726 / sqrt(3));
    near(row->decision.ci_high, 10 + 2.919985580353726 / sqrt(3));
    words_are(row, "reproduced");
    assert_int_equal(v.rows[1].decision.outcome, UNDERPOWERED);
    assert_string_equal(v.rows[1].source, "mine");
    words_are(&v.rows[2], "not reproduced");
    words_are(&v.rows[3], "inside band (n=1)");
    words_are(&v.rows[4], "not reproduced (1 of 2 diverged)");
    verdicts_free(&v);
}

#define CLAIMS "claim,metric,left,relation,right,margin,source\n"
#define PLAIN  "family=plain depth="
#define RESNET "family=resnet depth="

static void claims_are_judged(void **state) {
    (void)state;
    Verdicts v = read_good(folder_with(
        "claims", NULL,
        CLAIMS "deeper is worse,test_error_pct," PLAIN "56,>," PLAIN "20,,paper\n"
               "by far,test_error_pct," PLAIN "56,>," PLAIN "20,5,\n"
               "shallower,test_error_pct," PLAIN "20,<=," PLAIN "56,0.5,\n"
               "others,test_error_pct," PLAIN "56,>," RESNET "20,1,\n"
               "single,test_error_pct," RESNET "56,<," PLAIN "56,,\n"
               "fails,test_error_pct," RESNET "110,<," RESNET "20,,\n"
               "missing,test_error_pct," RESNET "44,<," RESNET "20,,\n"
               "equal,test_error_pct,schedule=8:0.1 9:0.01 depth=2e1,=," RESNET "20,9,\n"));
    assert_int_equal(v.count, 8);
    const VerdictRow *row = &v.rows[0];
    assert_int_equal(row->method, PAIRED);
    near(row->estimate.value, 11 / 3.0); /* 4, 3.5, 3.5 */
    near(row->estimate.sd, sqrt(1 / 12.0));
    assert_int_equal(row->estimate.n, 3);
    words_are(row, "reproduced");
    words_are(&v.rows[1], "not reproduced");
    words_are(&v.rows[2], "reproduced");
    assert_int_equal(v.rows[3].method, WELCH);
    near(v.rows[3].estimate.value, 41 / 3.0 - 8.75);
    words_are(&v.rows[3], "reproduced");
    words_are(&v.rows[4], "inside band (n=1)");
    words_are(&v.rows[5], "undecided: runs diverged (1 of 4 diverged)");
    words_are(&v.rows[6], "not measured");
    assert_int_equal(v.rows[7].left_sample.n, 3); /* the value with a blank; 2e1 is 20 */
    words_are(&v.rows[7], "reproduced");
    verdicts_free(&v);
}

static void selection_bias_is_measured(void **state) {
    (void)state;
    Verdicts v = read_good(folder_with("bias", NULL, NULL));
    assert_int_equal(v.groups.count, 5);
    const SelectionRow *row = &v.selection[0];
    assert_string_equal(row->group, "plain, 20 layers");
    near(row->last.mean, 10);
    near(row->validation.mean, 61 / 6.0);
    near(row->best.mean, 55 / 6.0);
    near(row->optimism.mean, 5 / 6.0); /* 0.5, 1, 1 */
    near(row->ci_low, 5 / 6.0 - 2.919985580353726 * sqrt(1 / 12.0) / sqrt(3));
    assert_int_equal(v.selection[1].validation.n, 0);
    verdicts_free(&v);
}

static int find(const CsvTable *table, const char *column, const char *text) {
    for (int row = 0; row < table->rows; row++)
        if (strcmp(csv_get(table, row, column), text) == 0)
            return row;
    fail_msg("no row with %s = %s", column, text);
    return -1;
}

static void csv_holds_everything(void **state) {
    (void)state;
    static const struct {
        const char *row, *column, *value;
    } cells[] = {
        {"paper", "kind", "expectation"},
        {"paper", "n", "3"},
        {"paper", "mean", "10"},
        {"paper", "sd", "1"},
        {"paper", "best", "9"},
        {"paper", "worst", "11"},
        {"paper", "effect", "0.5"},
        {"paper", "band_low", "7.5"},
        {"paper", "verdict", "reproduced"},
        {"paper", "method", "one sample"},
        {"paper", "right_n", ""},
        {"<one>", "kind", "claim"},
        {"<one>", "claim", "it's \"so\""},
        {"<one>", "method", "paired by seed"},
        {"<one>", "right_mean", "10"},
        {"<one>", "effect", "3.666666667"},
        {"<one>", "band_low", "0"},
        {"<one>", "band_high", ""},
        {"<one>", "expect", ""},
        {"<one>", "more_seeds", ""},
        {"<one>", "diverged", "0"},
        {"<one>", "repeated", "1"},
    };
    char path[600];
    CsvTable table;
    const char *folder =
        folder_with("csv", EXPECT "p1,test_error_pct,9.5,2,paper\n",
                    CLAIMS "\"it's \"\"so\"\"\",test_error_pct," PLAIN "56,>," PLAIN "20,,<one>\n");
    Verdicts v;
    assert_int_equal(verdicts_read(folder, (Level){0.1, 0.8}, &v), STATUS_OK);
    assert_int_equal(verdicts_write(folder, &v), STATUS_OK);
    verdicts_free(&v);
    snprintf(path, sizeof path, "%s/verdict.csv", folder);
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const char *cell = csv_get(&table, find(&table, "source", cells[i].row), cells[i].column);
        if (!cell || strcmp(cell, cells[i].value) != 0)
            fail_msg("%s, %s: '%s', expected '%s'", cells[i].row, cells[i].column,
                     cell ? cell : "no such column", cells[i].value);
    }
    csv_table_free(&table);
    snprintf(path, sizeof path, "%s/selection_bias.csv", folder);
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    assert_string_equal(csv_get(&table, 0, "optimism"), "0.8333333333");
    csv_table_free(&table);
}

/* What a terminal would obey does not reach it. */
static void printed_text_is_harmless(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    Verdicts v = read_good(folder_with(
        "print", NULL, CLAIMS "\"\x1b[2J\x07red\",test_error_pct," PLAIN "56,>," PLAIN "20,,\n"));
    FILE *file = open_memstream(&text, &size);
    verdicts_print(file, &v);
    fclose(file);
    verdicts_free(&v);
    assert_non_null(strstr(text, "claim: ?[2J?red"));
    assert_non_null(strstr(text, "1 verdict: 1 reproduced"));
    assert_null(strchr(text, '\x1b'));
    free(text);
}

static void broken(const char *name, const char *expectations, const char *claims,
                   const char *message) {
    Verdicts v;
    const char *folder = folder_with(name, expectations, claims);
    if (verdicts_read(folder, level, &v) != STATUS_BAD_INPUT)
        fail_msg("%s was taken", name);
    if (!strstr(status_message(), message))
        fail_msg("'%s' is not in: %s", message, status_message());
}

static void broken_files_are_named(void **state) {
    (void)state;
    const char *tail = ",>," PLAIN "20,,\n";
    char claim[512];
    broken("e1", EXPECT "p1,speed,1,1,\n", NULL, "expectations.csv:2: column 'metric'");
    broken("e2", EXPECT "p1,test_error_pct,one,1,\n", NULL, "'expect' is not a number");
    broken("e3", EXPECT "p1,test_error_pct,1,0,\n", NULL, "'tolerance' is not above 0");
    broken("c1", NULL, "claim,metric,left\na,b,c\n", "no column 'relation'");
    broken("c2", NULL, CLAIMS "a,test_error_pct," PLAIN "20,~," PLAIN "56,,\n",
           "x.claims.csv:2:40: relation: '~' is none of");
    broken("c3", NULL, CLAIMS "a,test_error_pct," PLAIN "20,=," PLAIN "56,,\n", "above 0");
    broken("c4", NULL, CLAIMS "a,test_error_pct," PLAIN "20,>," PLAIN "56,-1,\n", "margin: '-1'");
    broken("c5", NULL, CLAIMS "a,speed," PLAIN "20,>," PLAIN "56,,\n", "metric: 'speed'");
    static const char *const lefts[][2] = {
        {"family=plain", "left: these runs differ in depth (20 and 56)"},
        {"dept=20", "did you mean 'depth'"},
        {"plain", "expected COLUMN=VALUE"},
        {"depth=20 depth=56", "there twice"},
        {"depth=20 seed=1", "'seed' does not tell groups apart"},
        {"", "no group"},
        {PLAIN "20", "right: the same runs"},
    };
    for (size_t i = 0; i < sizeof lefts / sizeof lefts[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%zu", i);
        snprintf(claim, sizeof claim, CLAIMS "a,test_error_pct,%s%s", lefts[i][0], tail);
        broken(name, NULL, claim, lefts[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expectations_are_judged),    cmocka_unit_test(claims_are_judged),
        cmocka_unit_test(selection_bias_is_measured), cmocka_unit_test(csv_holds_everything),
        cmocka_unit_test(printed_text_is_harmless),   cmocka_unit_test(broken_files_are_named),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
