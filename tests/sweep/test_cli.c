/* The command line: help, exit codes and what bad input is told. No data set is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

static bool exists(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), name);
    return access(path, F_OK) == 0;
}

static void help(void **state) {
    (void)state;
    program_expect("--help", 0, "Usage: harness|run|list|Example");
    program_expect("-h", 0, "Usage: harness");
    program_expect("", 2, "Usage: harness");
    program_expect("run --help", 0, "Usage: harness run|--set|--rows|--out|--dry-run|Examples");
    program_expect("list --help", 0, "Usage: harness list|columns|Example");
    program_expect("eval --help", 0, "Usage: harness eval|--weights|--predictions|Example");
}

static void version(void **state) {
    (void)state;
    program_expect("--version", 0, "harness 0.|commit|compiler|libcsv|ref");
}

static void commands(void **state) {
    (void)state;
    program_expect("rnu", 2, "unknown command 'rnu'|did you mean 'run'");
    program_expect("zzzzzz", 2, "unknown command 'zzzzzz'|--help");
    program_expect("list", 2, "one topic|harness list --help");
    program_expect("list colums", 2, "did you mean 'columns'");
    program_expect("list --foo", 2, "'--foo'");
    program_expect("run", 2, "experiment file is needed|harness run --help");
    program_expect("run a.csv b.csv", 2, "one experiment file");
    program_expect("run --bogus a.csv", 2, "'--bogus'");
    program_expect("run a.csv --set", 2, "'--set' needs a value");
    program_expect("run a.csv -x", 2, "'-x'");
}

static void lists(void **state) {
    (void)state;
    program_expect("list models", 0, "resnet_cifar");
    program_expect("list datasets", 0, "fashion_mnist|1x28x28|cifar10|3x32x32");
    program_expect("list backends", 0, "ref|oracle");
    program_expect("list columns", 0, "model|bottleneck_stride|select|default");
    program_expect("list columns --markdown", 0, "| `depth` |");
    program_expect("list models --markdown", 2, "for columns");
}

static void evaluation(void **state) {
    (void)state;
    program_expect("eval", 2, "--weights FILE is needed|harness eval --help");
    program_expect("eval --weights", 2, "'--weights' needs a value");
    program_expect("eval --weights a b", 2, "unexpected argument 'b'");
    program_expect("eval --weights a --logits", 2, "--predictions");
    program_expect("eval --weights a --set depht=20", 2, "did you mean 'depth'");
    program_expect("eval --weights a --images x", 2, "--images: test_size: 'x'");
    program_expect("eval --weights a --set bn_eval=recalibrated", 2, "bn_eval: running or batch");
    program_expect("eval --weights a --set depth=9", 2, "6n+2");
    program_expect("eval --weights a --images 10001", 2, "test_size: 10001, but cifar10 has 10000");
    program_expect("eval --weights nowhere.safetensors", 2, "nowhere.safetensors: No such file");
    scratch_text("text.safetensors", "these are not weights\n");
    program_expect("eval --weights text.safetensors", 2, "text.safetensors: |the header has");
}

/* Whatever is wrong with an experiment: exit 2, where it is, and nothing is made. */
static void bad_experiments(void **state) {
    (void)state;
    const struct {
        const char *text, *args, *words;
    } bad[] = {
        {"", "", "e.csv|empty"},
        {"depth\n", "", "e.csv|no rows"},
        {"deph\n8\n", "", "e.csv:1:1: |unknown column 'deph'|'depth'"},
        {"depth\nx\n", "", "e.csv:2:1: |depth: 'x'"},
        {"depth\n9\n", "", "e.csv:2:1: |depth 9|6n+2"},
        {"depth\n8\n", " --rows 2", "--rows 2"},
        {"depth\n8\n", " --set depht=1", "--set depht=1|'depth'"},
        {"depth\n8\n", " --threads 0", "threads=0"},
        {"depth,backend\n8,gpus\n", "", "e.csv:2:3: |did you mean 'gpu'"},
        {"depth\n8\n8\n", "", "e.csv:3:1: |same"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char args[256];
        scratch_text("e.csv", bad[i].text);
        snprintf(args, sizeof args, "run e.csv --out made%s", bad[i].args);
        program_expect(args, 2, bad[i].words);
        snprintf(args, sizeof args, "run e.csv --out made --dry-run%s", bad[i].args);
        program_expect(args, 2, bad[i].words);
        assert_false(exists("made"));
    }
    program_expect("run nowhere.csv", 2, "nowhere.csv");
}

/* A data set that is not there: which folders were looked at, what brings it; nothing is made. */
static void missing_data(void **state) {
    (void)state;
    unsetenv("HARNESS_DATA");
    scratch_text("e.csv", "dataset,backend\ncifar100,ref\n");
    program_expect("run e.csv --data nowhere --out made", 2,
                   "cifar100|nowhere|data fetch cifar100");
    assert_false(exists("made"));
}

static void dry_run(void **state) {
    (void)state;
    scratch_text("e.csv", "family,depth,width,backend,batch,iterations,test_size,train_size\n"
                          "plain|resnet,8|14,2,ref,2,10,10,10\n");
    program_expect("run e.csv --dry-run --out made", 0,
                   "parameters|macs|plain-8|plain-14|resnet-8 A|resnet-14 A|all together");
    assert_false(exists("made"));
    const Outcome *o = program_run("run e.csv --dry-run --rows 3");
    assert_int_equal(o->code, 0);
    assert_null(strstr(o->out, "plain-8"));
    assert_non_null(strstr(o->out, "   3  resnet-8 A"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help),         cmocka_unit_test(version),
        cmocka_unit_test(commands),     cmocka_unit_test(lists),
        cmocka_unit_test(evaluation),   cmocka_unit_test(bad_experiments),
        cmocka_unit_test(missing_data), cmocka_unit_test(dry_run),
    };
    if (argc != 2)
        return 2;
    program_use(argv[1]);
    return !!cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
