/* Checkpoint files: damaged ones, and those of another run, program or net. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/weights/checkpoint.h"
#include "tests/support/rig.h"
#include "tests/train/problem.h"

enum { WEIGHTS = 4096 };

static char path[64];
static const char identity[] = "run=1\nprogram=2\n";

static Status open_as(const char *text) {
    Checkpoint checkpoint;
    Status status = checkpoint_open(path, text, &checkpoint);
    if (status == STATUS_OK)
        checkpoint_close(&checkpoint);
    return status;
}

static State *new_state(Problem *p, const Optimizer *optimizer) {
    State *state;
    OK(state_create(p->backend, p->net, optimizer, &state));
    return state;
}

static void write_one(Problem *p) {
    State *state = new_state(p, &p->spec.optimizer);
    CheckpointPart part = {"place", "abc", 3};
    OK(init_state(state, INIT_HE_FAN_IN, 1));
    OK(checkpoint_save(path, state, identity, 12, &part, 1));
    state_destroy(state);
}

static void same_values(State *a, State *b) {
    static double x[WEIGHTS], y[WEIGHTS];
    for (int i = 0; i < a->net->param_count; i++) {
        OK(state_read_wide(a, SECTION_VALUE, i, x));
        OK(state_read_wide(b, SECTION_VALUE, i, y));
        assert_memory_equal(x, y, a->net->params[i].count * sizeof x[0]);
    }
}

/* False: refused. What is taken must be what was written. */
static bool taken(State *state, State *original) {
    Checkpoint checkpoint;
    Status status = checkpoint_open(path, identity, &checkpoint);
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_BAD_INPUT);
        return false;
    }
    status = checkpoint_restore(&checkpoint, path, state);
    CheckpointPart part = checkpoint_part(&checkpoint, "place");
    bool whole = status == STATUS_OK && part.bytes;
    if (whole) {
        assert_int_equal(checkpoint.iteration, 12);
        assert_int_equal(part.size, 3);
        assert_memory_equal(part.bytes, "abc", 3);
        same_values(state, original);
    }
    checkpoint_close(&checkpoint);
    return whole;
}

/* One bit anywhere: the file is refused, or the bit was one that nobody reads. */
static void damage_is_seen(void **state) {
    Problem *p = *state;
    State *original = new_state(p, &p->spec.optimizer), *other = new_state(p, &p->spec.optimizer);
    uint64_t header;
    write_one(p);
    assert_true(taken(original, original));
    FILE *file = fopen(path, "r+b");
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    fseek(file, 0, SEEK_END);
    long size = ftell(file), refused = 0, tried = 0, data = 8 + (long)header;
    for (long at = 0; at < size; at += at < data ? 3 : 61) {
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 1, file);
        fflush(file);
        bool seen = !taken(other, original);
        assert_true(seen || at < data);
        refused += seen;
        tried++;
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
    assert_true(refused > tried * 9 / 10); /* the rest: the commit, blanks */
    assert_true(taken(other, original));
    state_destroy(original);
    state_destroy(other);
    unlink(path);
}

static void others_are_refused(void **state) {
    Problem *p = *state;
    Checkpoint checkpoint;
    State *other;
    Optimizer adam = {.kind = OPTIMIZER_ADAM};
    assert_int_equal(open_as(identity), STATUS_UNAVAILABLE);
    write_one(p);
    assert_int_equal(open_as("run=1\nprogram=3\n"), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "it says 'program=2'"));
    assert_int_equal(open_as("run=1\n"), STATUS_BAD_INPUT);
    assert_int_equal(open_as("run=1\nprogram=2\nmore=1\n"), STATUS_BAD_INPUT);
    OK(open_as(NULL));
    OK(checkpoint_open(path, identity, &checkpoint));
    assert_int_equal(checkpoint.iteration, 12);
    assert_null(checkpoint_part(&checkpoint, "nothing").bytes);
    other = new_state(p, &adam);
    assert_int_equal(checkpoint_restore(&checkpoint, path, other), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "missing: square/"));
    state_destroy(other);
    checkpoint_close(&checkpoint);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damage_is_seen, problem_set_up, problem_tear_down),
        cmocka_unit_test_setup_teardown(others_are_refused, problem_set_up, problem_tear_down),
    };
    snprintf(path, sizeof path, "/tmp/reslab-checkpoint-%ld.safetensors", (long)getpid());
    int failed = cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
    unlink(path);
    return failed;
}
