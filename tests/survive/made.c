#define _GNU_SOURCE
#include "tests/survive/made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/data/files.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

void make_data(void) {
    idx_set(in_scratch("d/mnist"), 60, 30, 0);
}

const char *fast_backend(void) {
    const Outcome *o = program_run("list backends");
    return strstr(o->out, "cpu") && !strstr(o->out, "cpu is not") ? "cpu" : "ref";
}

const char *made_begin(const char *harness, const char *experiment) {
    char text[2048];
    program_use(harness);
    make_data();
    snprintf(text, sizeof text, experiment, fast_backend());
    scratch_text("e.csv", text);
    return realpath(harness, NULL);
}

char *run_cell(const char *dir, int row, const char *column) {
    char name[128];
    snprintf(name, sizeof name, "%s/runs.csv", dir);
    CsvTable runs = table_of(name);
    assert_true(row < runs.rows);
    const char *text = csv_get(&runs, row, column);
    assert_non_null(text);
    char *copy = strdup(text);
    csv_table_free(&runs);
    return copy;
}

int run_rows(const char *dir) {
    char name[128];
    snprintf(name, sizeof name, "%s/runs.csv", dir);
    CsvTable runs = table_of(name);
    int rows = runs.rows;
    csv_table_free(&runs);
    return rows;
}

/* ---- comparing ---- */

static void same_table(const char *a, const char *b, const char *file) {
    char one[256], two[256];
    snprintf(one, sizeof one, "%s/%s", a, file);
    snprintf(two, sizeof two, "%s/%s", b, file);
    assert_int_equal(exists(one), exists(two));
    if (exists(one))
        assert_same_table(one, two);
}

static void same_bytes(const char *a, const char *b, const char *key, const char *file) {
    char one[256], two[256];
    size_t sizes[2];
    snprintf(one, sizeof one, "%s/runs/%s/%s", a, key, file);
    snprintf(two, sizeof two, "%s/runs/%s/%s", b, key, file);
    if (exists(one) != exists(two))
        fail_msg("one of %s and %s is missing", one, two);
    if (!exists(one))
        return;
    uint8_t *x = file_read(in_scratch(one), &sizes[0]), *y = file_read(in_scratch(two), &sizes[1]);
    if (sizes[0] != sizes[1] || memcmp(x, y, sizes[0]) != 0)
        fail_msg("%s and %s differ", one, two);
    free(x);
    free(y);
}

void assert_same_outputs(const char *a, const char *b) {
    same_table(a, b, "runs.csv");
    same_table(a, b, "curves.csv");
    same_table(a, b, "layers.csv");
    for (int row = 0; row < run_rows(a); row++) {
        char *key = run_cell(a, row, "key");
        same_bytes(a, b, key, "weights.safetensors");
        same_bytes(a, b, key, "optimizer.safetensors");
        same_bytes(a, b, key, "steps.csv");
        free(key);
    }
}

/* ---- processes ---- */

pid_t program_start(const char *binary, const char *args, const char *log) {
    char copy[2048], *argv[PROGRAM_ARGS_MAX] = {"harness"}, *rest = copy;
    int count = 1;
    snprintf(copy, sizeof copy, "%s", args);
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        if (*word && count < PROGRAM_ARGS_MAX - 1)
            argv[count++] = word;
    int out = open(in_scratch(log), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    assert_true(out >= 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        if (chdir(scratch_folder()) == 0)
            execv(binary, argv);
        _exit(126);
    }
    close(out);
    return child;
}
