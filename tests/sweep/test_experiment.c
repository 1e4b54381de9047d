/* Experiment files: what runs they expand into, and what they are refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/experiment.h"
#include "harness/sweep/key.h"
#include "tests/sweep/scratch.h"

enum { SETS_MAX = 4 };

static int split(const char *text, char *copy, const char **words) {
    int count = 0;
    char *rest = strcpy(copy, text);
    if (!*text)
        return 0;
    for (char *word; (word = strsep(&rest, ";")) != NULL;)
        words[count++] = word;
    return count;
}

/* sets: "depth=8;seed=1|2" */
static Status try_read(const char *text, const char *sets, const char *rows, Experiment *e) {
    char copy[256];
    const char *words[SETS_MAX];
    int count = split(sets, copy, words);
    return experiment_read(scratch_text("e.csv", text), words, count, rows, e);
}

static Experiment read_good(const char *text, const char *sets, const char *rows) {
    Experiment e;
    if (try_read(text, sets, rows, &e) != STATUS_OK)
        fail_msg("refused: %s", status_message());
    return e;
}

/* The runs are exactly these: "plain-20-1 resnet-20-1": family, depth, seed; '-' in front of one
 * that is not selected. */
static void expands(const char *text, const char *sets, const char *rows, const char *expected) {
    char got[1024] = "";
    Experiment e = read_good(text, sets, rows);
    for (int i = 0; i < e.count; i++) {
        const RunConfig *c = &e.runs[i].config;
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s%s-%d-%d", i ? " " : "",
                 e.runs[i].selected ? "" : "-", c->family == FAMILY_PLAIN ? "plain" : "resnet",
                 (int)c->depth, (int)c->seed);
    }
    assert_string_equal(got, expected);
    experiment_free(&e);
}

static void refused(const char *text, const char *sets, const char *rows, const char *words) {
    Experiment e;
    char copy[256], *rest = copy;
    Status status = try_read(text, sets, rows, &e);
    if (status != STATUS_BAD_INPUT)
        fail_msg("taken, or another status: %s", text);
    assert_null(e.runs);
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&rest, "~")) != NULL;)
        if (!strstr(status_message(), word))
            fail_msg("'%s' is not in: %s", word, status_message());
}

static void order(void **state) {
    (void)state;
    expands("family,depth,seed\nplain|resnet,20|56,1\n", "", NULL,
            "plain-20-1 plain-56-1 resnet-20-1 resnet-56-1");
    expands("depth,family\n20|56,plain|resnet\n", "", NULL,
            "plain-20-1 resnet-20-1 plain-56-1 resnet-56-1");
    expands("family,depth\nplain,8\nresnet, 20 | 32 \n", "", NULL,
            "plain-8-1 resnet-20-1 resnet-32-1");
    expands("\xEF\xBB\xBF"
            "family,depth\r\n\"plain\",\"8|14\"\r\n",
            "", NULL, "plain-8-1 plain-14-1");
}

static void empty_cells_are_defaults(void **state) {
    (void)state;
    expands("family,depth,seed\n,,7\nplain,, \n", "", NULL, "resnet-20-7 plain-20-1");
}

static void sets(void **state) {
    (void)state;
    const char *text = "family,depth\nplain|resnet,20\n";
    expands(text, "depth=8", NULL, "plain-8-1 resnet-8-1");
    expands(text, "seed=1|2", NULL, "plain-20-1 plain-20-2 resnet-20-1 resnet-20-2");
    expands(text, "depth=8;depth=14", NULL, "plain-14-1 resnet-14-1"); /* the last one counts */
    expands(text, "family=plain;seed=3", NULL, "plain-20-3");
    refused(text, "depht=8", NULL, "--set depht=8~unknown column~'depth'");
    refused(text, "depth", NULL, "--set depth~COLUMN=VALUE");
    refused(text, "depth=9", NULL, "e.csv:2:~--set depth=9~6n+2");
    refused(text, "seed=x", NULL, "--set seed=x~whole number");
}

static void rows(void **state) {
    (void)state;
    const char *text = "family,depth\nplain|resnet,8|14\n";
    expands(text, "", "2", "-plain-8-1 plain-14-1 -resnet-8-1 -resnet-14-1");
    expands(text, "", "1,3-4", "plain-8-1 -plain-14-1 resnet-8-1 resnet-14-1");
    const char *const bad[] = {"0", "5", "2-1", "1-5", "", "1,", "x", "1-", "-1", "1 2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(text, "", bad[i], "--rows~from 1 to 4");
}

static void positions(void **state) {
    (void)state;
    refused("", "", NULL, "e.csv~empty");
    refused("family,depth\n", "", NULL, "e.csv~no rows");
    refused("family,deph\nplain,8\n", "", NULL, "e.csv:1:8: ~unknown column 'deph'~'depth'");
    refused("family,depth\nplain,8\nplian,8\n", "", NULL,
            "e.csv:3:1: ~family~'plian'~did you mean 'plain'");
    refused("family,depth\nplain,8|x\n", "", NULL, "e.csv:2:7: ~depth~'x'");
    refused("family,depth\nplain,8||14\n", "", NULL, "e.csv:2:7: ~empty value");
    refused("family,depth\nplain,8|\n", "", NULL, "e.csv:2:7: ~empty value");
    refused("# one\nfamily,depth\n\nplain,21\n", "", NULL, "e.csv:4:7: ~depth 21~6n+2");
    refused("depth,shortcut,family\n8,B,plain\n", "", NULL, "e.csv:2:3: ~shortcut~plain nets");
    refused("family,depth\nplain,8\nresnet,8,9\n", "", NULL, "e.csv:3:~3 cells");
    refused("depth\n\"8\n", "", NULL, "e.csv:2:~never ends");
}

static void combinations(void **state) {
    (void)state;
    refused("dataset,train_size\nmnist,60001\n", "", NULL, "e.csv:2:7: ~train_size~60000");
    refused("dataset,test_size\ncifar10,10001\n", "", NULL, "e.csv:2:9: ~test_size~10000");
    refused("dataset,normalize\nmnist,imagenet\n", "", NULL, "e.csv:2:7: ~three channels");
    refused("train_size,select\n99,best_validation\n", "", NULL, "e.csv:2:4: ~select~100");
    refused("batch,bn_group\n128,48\n", "", NULL, "e.csv:2:5: ~bn_group");
    refused("iterations,epochs\n10,2\n", "", NULL, "e.csv:2:4: ~epochs~leave one out");
    refused("depth,block\n8,bottleneck\n", "", NULL, "e.csv:2:1: ~depth 8~9n+2");
    refused("depth,profile\n8,asis\n", "", NULL, "e.csv:2:3: ~profile~has its own");
    Experiment e = read_good("iterations,epochs\n10,\n", "epochs=2", NULL);
    assert_true(e.runs[0].config.epochs == 2 && e.runs[0].config.iterations == 0);
    experiment_free(&e);
    e = read_good("iterations,epochs\n10,iterations\nepochs,3\n", "", NULL);
    assert_int_equal(e.runs[0].config.iterations, 10);
    assert_true(e.runs[1].config.epochs == 3);
    experiment_free(&e);
}

static void same_run_twice(void **state) {
    (void)state;
    refused("depth\n8\n14\n8\n", "", NULL, "e.csv:4:1: ~run 3~run 1~line 2");
    refused("depth\n8|8\n", "", NULL, "e.csv:2:1: ~run 2~run 1");
    refused("lr,schedule\n0.1,1:0.1  2:0.1\n1e-1,1:0.1 2:0.1\n", "", NULL, "~run 2~run 1");
    refused("depth\n8|14\n", "depth=8;seed=1|1", NULL, "~run 2~run 1");
}

static void too_many(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    fputs("seed,width,depth\n", memory);
    for (int i = 1; i <= 100; i++)
        fprintf(memory, "%d%s", i, i < 100 ? "|" : ",");
    for (int i = 1; i <= 101; i++)
        fprintf(memory, "%d%s", i, i < 101 ? "|" : ",8\n");
    fclose(memory);
    refused(text, "", NULL, "e.csv:2:1: ~more than 10000 runs");
    free(text);
}

static void name(void **state) {
    (void)state;
    Experiment e = read_good("depth\n8\n", "", NULL);
    assert_string_equal(e.name, "e");
    assert_int_equal(e.runs[0].line, 2);
    experiment_free(&e);
}

/* The key names a run on disk: it may not change between builds. */
static void keys(void **state) {
    (void)state;
    RunConfig a, b;
    const char *head = "model=resnet_cifar\nfamily=resnet\ndepth=20\nshortcut=A\n";
    char one[KEY_SIZE], two[KEY_SIZE], text[CANONICAL_SIZE];
    config_default(&a);
    assert_int_equal(config_settle(&a), STATUS_OK);
    config_set(&a, "conv", "direct"); /* all that runs without the column did */
    config_canonical(&a, text);
    assert_null(strstr(text, "activation"));
    assert_null(strstr(text, "conv"));
    assert_int_equal(strncmp(text, head, strlen(head)), 0);
    assert_non_null(strstr(text, "\nschedule=32000:0.1 48000:0.01\nwarmup=none\nmomentum=0.9\n"));
    run_key(&a, "00", "", one);
    assert_int_equal(strlen(one), 16);
    assert_string_equal(one, "1b93f30602bf0a71");
    b = a;
    run_key(&b, "00", "", two);
    assert_string_equal(one, two);
    run_key(&a, "01", "", two);
    assert_string_not_equal(one, two);
    run_key(&a, "00", "02", two);
    assert_string_not_equal(one, two);
    config_set(&b, "activation", "full_preact");
    run_key(&b, "00", "", two);
    assert_string_not_equal(one, two);
    b = a;
    config_set(&b, "conv", "winograd");
    run_key(&b, "00", "", two);
    assert_string_not_equal(one, two);
    b = a;
    config_set(&b, "seed", "2");
    run_key(&b, "00", "", two);
    assert_string_not_equal(one, two);
}

/* Every run of a row has what the row expects; the key does not know of it. */
static void expectations(void **state) {
    (void)state;
    char with[CANONICAL_SIZE], without[CANONICAL_SIZE];
    Experiment e = read_good("family,depth,expect,tolerance,source\n"
                             "plain,20|56,9.5,0.5,\"paper, Fig. 6\"\nresnet,20,,,\n",
                             "", NULL);
    assert_int_equal(e.count, 3);
    assert_true(e.runs[0].expectation.given && e.runs[1].expectation.given);
    assert_false(e.runs[2].expectation.given);
    assert_true(e.runs[1].expectation.value == 9.5 && e.runs[1].expectation.tolerance == 0.5);
    assert_string_equal(e.runs[1].expectation.metric, "test_error_pct");
    assert_string_equal(e.runs[1].expectation.source, "paper, Fig. 6");
    config_canonical(&e.runs[0].config, with);
    experiment_free(&e);
    e = read_good("family,depth\nplain,20\n", "", NULL);
    config_canonical(&e.runs[0].config, without);
    assert_string_equal(with, without);
    experiment_free(&e);
    e = read_good("depth,expect_metric,expect,tolerance\n20,train_error_pct,1e1,2\n", "", NULL);
    assert_string_equal(e.runs[0].expectation.metric, "train_error_pct");
    experiment_free(&e);
    e = read_good("depth,expect,tolerance\n20,8,1\n", "seed=4;threads=1", NULL);
    assert_true(e.runs[0].expectation.given && !e.expectations_dropped);
    experiment_free(&e);
    e = read_good("depth,expect,tolerance\n20,8,1\n", "seed=4;lr=1", NULL); /* other runs */
    assert_true(!e.runs[0].expectation.given && e.expectations_dropped);
    experiment_free(&e);
    refused("depth,expect,tolerance\n20,8|9,1\n", "", NULL, "e.csv:2:4: expect: '8|9'~one number");
    refused("depth,expect,tolerance\n20,8,\n", "", NULL, "tolerance: ''~above 0");
    refused("depth,expect,tolerance\n20,8,0\n", "", NULL, "e.csv:2:6: tolerance: '0'");
    refused("depth,expect\n20,8\n", "", NULL, "needs a tolerance");
    refused("depth,tolerance\n20,8\n", "", NULL, "expects nothing");
    refused("depth,expect,tolerance,expect_metric\n20,8,1,error\n", "", NULL,
            "expect_metric: 'error'");
    refused("depth\n20\n", "expect=8", NULL, "--set expect=8~stands in its row");
    refused("depth\n20|20\n", "", NULL, "is the same as run");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),          cmocka_unit_test(empty_cells_are_defaults),
        cmocka_unit_test(sets),           cmocka_unit_test(rows),
        cmocka_unit_test(positions),      cmocka_unit_test(combinations),
        cmocka_unit_test(same_run_twice), cmocka_unit_test(too_many),
        cmocka_unit_test(name),           cmocka_unit_test(keys),
        cmocka_unit_test(expectations),
    };
    return !!cmocka_run_group_tests_name("experiment", tests, NULL, NULL);
}
