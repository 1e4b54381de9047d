/* What a tapped program shows of every node: values, gradients, ReLU masks and the winners of
 * max-pools, for every case of the table against the oracle; exact zeros and ties, where the answer
 * is a convention; and what cannot be tapped. test_margins sees to it that masks and winners are
 * the same in fp32. usage: test_taps BACKEND */
#include <math.h>
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

static const char *backend_name;

/* ---- every node ---- */

/* As test_cases: fp32 sums of some hundred terms; a net stacks eight of them. Gradients behind a
 * batch norm are what is left after its means cancel, so nets are compared in the norm. */
static const CompareTolerance one_operation = {.relative = 32 * 6e-8, .absolute = 1e-7};
static const CompareTolerance whole_net = {.relative = 1000 * 6e-8, .absolute = 1e-7};
static const CompareTolerance exact = {0};

static int all_taps(const Net *net, Tap *taps) {
    int count = 0;
    for (int id = 0; id < net->node_count - net_has_loss(net); id++) {
        taps[count++] = (Tap){id, TAP_VALUE};
        taps[count++] = (Tap){id, TAP_GRADIENT};
        if (net->nodes[id].op == OP_RELU)
            taps[count++] = (Tap){id, TAP_RELU_MASK};
        if (net->nodes[id].op == OP_MAX_POOL)
            taps[count++] = (Tap){id, TAP_POOL_INDEX};
    }
    return count;
}

/* A rig after forward and backward, with all taps. */
static Program *run(Rig *rig, const char *backend, const Case *test) {
    rig_open(rig, backend, 2, case_net(test), test->batch, NULL);
    Tap *taps = malloc(4 * (size_t)rig->net->node_count * sizeof *taps);
    Program *program = rig_program(rig, MODE_TRAIN, test->bn_group, taps, all_taps(rig->net, taps));
    free(taps);
    Batch batch = rig_batch(rig);
    OK(program_forward(program, &batch));
    OK(program_backward(program, rig_dy(rig)));
    return program;
}

static bool same_tap(const Rig *fast, Program *got_program, const Rig *slow, Program *want_program,
                     int tap) {
    static const char *const kinds[] = {"value", "gradient", "mask", "index"};
    Tap what = got_program->spec.taps[tap];
    char name[96];
    size_t count;
    snprintf(name, sizeof name, "%s of %s", kinds[what.kind], fast->net->nodes[what.node].name);
    float *got = rig_tap(fast, got_program, tap, &count);
    float *want = rig_tap(slow, want_program, tap, &count);
    bool same;
    if (what.kind == TAP_RELU_MASK || what.kind == TAP_POOL_INDEX)
        same = compare_floats(name, got, want, count, exact, fast->net->title);
    else if (fast->net->node_count > 12)
        same = compare_norm(name, got, want, count, whole_net, fast->net->title);
    else
        same = compare_floats(name, got, want, count, one_operation, fast->net->title);
    free(got);
    free(want);
    return same;
}

static void shows_what_the_oracle_shows(void **state) {
    Rig fast, slow;
    Program *got = run(&fast, backend_name, *state), *want = run(&slow, "ref", *state);
    bool same = true;
    for (int tap = 0; tap < got->spec.tap_count; tap++)
        same = same_tap(&fast, got, &slow, want, tap) && same;
    program_destroy(got);
    program_destroy(want);
    rig_close(&fast);
    rig_close(&slow);
    assert_true(same);
}

/* ---- conventions ---- */

enum { H = 4, W = 6 };

/* Value, mask or index of `op` on the given plane, and the input's gradient for dy = 1, 2, 3... */
static void on_plane(void (*build)(Net *, int), TapKind kind, const float *plane, float *shown,
                     float *value, float *dx) {
    Net *net = net_create("plane");
    build(net, net_input(net, (Shape){1, H, W}));
    Rig rig;
    rig_open(&rig, backend_name, 1, net, 1, NULL);
    memcpy(rig.images, plane, H * W * sizeof *plane);
    rig_reload(&rig);
    Tap taps[] = {{1, kind}, {1, TAP_VALUE}, {0, TAP_GRADIENT}};
    Program *program = rig_program(&rig, MODE_TRAIN, 0, taps, 3);
    Batch batch = rig_batch(&rig);
    float dy[H * W];
    for (int i = 0; i < H * W; i++)
        dy[i] = (float)(i + 1);
    OK(program_forward(program, &batch));
    OK(program_backward(program, dy));
    OK(program_tap(program, 0, shown));
    OK(program_tap(program, 1, value));
    OK(program_tap(program, 2, dx));
    program_destroy(program);
    rig_close(&rig);
}

static void build_relu(Net *net, int x) {
    net_relu(net, "relu", x);
}

static void build_pool(Net *net, int x) {
    net_max_pool(net, "pool", x, 2, 2, 0);
}

static void build_padded_pool(Net *net, int x) {
    net_max_pool(net, "pool", x, 3, 2, 1);
}

static void build_average(Net *net, int x) {
    net_avg_pool(net, "pool", x, 3, 2, 1);
}

static void relu_is_shut_at_zero(void **state) {
    (void)state;
    float plane[H * W], mask[H * W], value[H * W], dx[H * W];
    for (int i = 0; i < H * W; i++)
        plane[i] = (float)(i % 3 - 1); /* -1, 0, 1 */
    plane[4] = -0.0f;
    on_plane(build_relu, TAP_RELU_MASK, plane, mask, value, dx);
    for (int i = 0; i < H * W; i++) {
        bool open = plane[i] > 0;
        assert_true(mask[i] == open);
        assert_true(value[i] == (open ? plane[i] : 0));
        assert_true(dx[i] == (open ? (float)(i + 1) : 0));
    }
}

static void build_sigmoid(Net *net, int x) {
    net_sigmoid(net, "sigmoid", x);
}

/* Where exp(-x) over- and underflows, 0 and 1 come out, never a NaN; a NaN stays one. */
static void sigmoid_saturates(void **state) {
    (void)state;
    const float ends[] = {0, -0.0f, 17, -17, 88, -88, 90, -90, 1e4f, -1e4f, INFINITY, -INFINITY};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    float plane[H * W], again[H * W], value[H * W], dx[H * W], want[H * W], want_dx[H * W];
    for (int i = 0; i < H * W; i++) {
        plane[i] = i < ENDS ? ends[i] : (float)(i - ENDS) - 5.5f;
        double s = 1 / (1 + exp(-(double)plane[i]));
        want[i] = (float)s;
        want_dx[i] = (float)((i + 1) * s * (1 - s));
    }
    plane[H * W - 1] = NAN;
    on_plane(build_sigmoid, TAP_VALUE, plane, again, value, dx);
    const CompareTolerance rounding = {.relative = 8 * 6e-8, .absolute = 1e-37};
    assert_true(compare_floats("value", value, want, H * W - 1, rounding, "test_taps"));
    const CompareTolerance cancelled = {.absolute = H * W * 8 * 6e-8}; /* of 1 - y near y = 1 */
    assert_true(compare_floats("gradient", dx, want_dx, H * W - 1, cancelled, "test_taps"));
    assert_true(isnan(value[H * W - 1]));
}

/* All equal: the first place in row order wins, the whole gradient is its own. */
static void the_first_of_equals_wins(void **state) {
    (void)state;
    float plane[H * W], index[H * W], value[H * W], dx[H * W];
    for (int i = 0; i < H * W; i++)
        plane[i] = -2;
    on_plane(build_pool, TAP_POOL_INDEX, plane, index, value, dx);
    for (int p = 0; p < H / 2; p++)
        for (int q = 0; q < W / 2; q++) {
            int at = p * W / 2 + q, first = 2 * p * W + 2 * q;
            assert_true(index[at] == 0 && value[at] == -2);
            assert_true(dx[first] == (float)(at + 1));
            assert_true(dx[first + 1] == 0 && dx[first + W] == 0 && dx[first + W + 1] == 0);
        }
}

/* Padding never wins, not even against negative values, and indices count its places. */
static void padding_does_not_win(void **state) {
    (void)state;
    float plane[H * W], index[H * W], value[H * W], dx[H * W];
    for (int i = 0; i < H * W; i++)
        plane[i] = -2;
    on_plane(build_padded_pool, TAP_POOL_INDEX, plane, index, value, dx);
    const float want[] = {4, 3, 3, 1, 0, 0}; /* windows 3x3 begin at (-1, -1), (-1, 1), ... */
    for (int at = 0; at < 6; at++)
        assert_true(index[at] == want[at] && value[at] == -2);
    assert_true(dx[0] == 1 && dx[1] == 2 && dx[3] == 3);
    assert_true(dx[W] == 4 && dx[W + 1] == 5 && dx[W + 3] == 6);
}

/* Of ones, a window's mean is the share of it that lies inside: zeros of the padding count. */
static void padding_counts_in_the_mean(void **state) {
    (void)state;
    float plane[H * W], again[H * W], value[H * W], dx[H * W];
    for (int i = 0; i < H * W; i++)
        plane[i] = 1;
    on_plane(build_average, TAP_VALUE, plane, again, value, dx);
    const float inside[] = {4, 6, 6, 6, 9, 9}; /* windows 3x3 begin at (-1, -1), (-1, 1), ... */
    float want[6];
    for (int at = 0; at < 6; at++)
        want[at] = inside[at] / 9;
    const CompareTolerance rounding = {.relative = 9 * 6e-8};
    assert_true(compare_floats("average", value, want, 6, rounding, "test_taps"));
    assert_true(fabsf(dx[0] - 1.0f / 9) <= 1e-6f);              /* read by window 0 alone */
    assert_true(fabsf(dx[1] - (1.0f + 2.0f) / 9) <= 1e-6f);     /* by 0 and 1 */
    assert_true(fabsf(dx[W + 2] - (2.0f + 5.0f) / 9) <= 1e-6f); /* by 1 and 4 */
}

/* ---- refusals ---- */

static void assert_says(Status status, const char *words) {
    assert_int_equal(status, STATUS_BAD_INPUT);
    if (!strstr(status_message(), words))
        fail_msg("'%s' lacks '%s'", status_message(), words);
}

static void assert_refused(Rig *rig, Mode mode, Tap tap, const char *words) {
    ProgramSpec spec = {.mode = mode,
                        .max_batch = 2,
                        .precision = rig->backend->ops->native,
                        .taps = &tap,
                        .tap_count = 1};
    Program *program;
    assert_says(program_compile(rig->state, &spec, &program), words);
    assert_null(program);
}

static void what_is_not_there_cannot_be_tapped(void **state) {
    (void)state;
    Net *net = net_create("refusals");
    int x = net_relu(net, "relu", net_input(net, (Shape){3, 1, 1}));
    net_softmax_cross_entropy(net, "loss", x);
    Rig rig;
    rig_open(&rig, backend_name, 1, net, 2, NULL);
    assert_refused(&rig, MODE_TRAIN, (Tap){3, TAP_VALUE}, "node 3");
    assert_refused(&rig, MODE_TRAIN, (Tap){2, TAP_VALUE}, "program_metrics()");
    assert_refused(&rig, MODE_TRAIN, (Tap){-1, TAP_VALUE}, "node -1");
    assert_refused(&rig, MODE_TRAIN, (Tap){0, TAP_RELU_MASK}, "'input': only a relu");
    assert_refused(&rig, MODE_TRAIN, (Tap){1, TAP_POOL_INDEX}, "'relu': only a max_pool");
    assert_refused(&rig, MODE_EVAL, (Tap){1, TAP_GRADIENT}, "train mode");
    rig_close(&rig);
}

static void gradients_come_from_backward(void **state) {
    (void)state;
    Net *net = net_create("plane");
    build_relu(net, net_input(net, (Shape){1, H, W}));
    Rig rig;
    rig_open(&rig, backend_name, 1, net, 2, NULL);
    Tap tap = {0, TAP_GRADIENT};
    Program *program = rig_program(&rig, MODE_TRAIN, 0, &tap, 1);
    Batch batch = rig_batch(&rig);
    float values[2 * H * W];
    assert_says(program_tap(program, 0, values), "before any forward");
    OK(program_forward(program, &batch));
    assert_says(program_tap(program, 0, values), "no backward");
    OK(program_backward(program, rig.dy));
    OK(program_tap(program, 0, values));
    assert_says(program_backward(program, rig.dy), "second backward");
    OK(program_forward(program, &batch));
    assert_says(program_tap(program, 0, values), "no backward");
    program_destroy(program);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_taps BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest conventions[] = {
        cmocka_unit_test(relu_is_shut_at_zero),
        cmocka_unit_test(sigmoid_saturates),
        cmocka_unit_test(the_first_of_equals_wins),
        cmocka_unit_test(padding_does_not_win),
        cmocka_unit_test(padding_counts_in_the_mean),
        cmocka_unit_test(what_is_not_there_cannot_be_tapped),
        cmocka_unit_test(gradients_come_from_backward),
    };
    enum { CONVENTIONS = sizeof conventions / sizeof conventions[0] };
    int count;
    const Case *cases = case_table(&count);
    struct CMUnitTest tests[128 + CONVENTIONS] = {{0}};
    assert_true(count <= 128);
    memcpy(tests, conventions, sizeof conventions);
    for (int i = 0; i < count; i++)
        tests[CONVENTIONS + i] = (struct CMUnitTest){.name = cases[i].name,
                                                     .test_func = shows_what_the_oracle_shows,
                                                     .initial_state = (void *)&cases[i]};
    return !!_cmocka_run_group_tests("taps", tests, (size_t)count + CONVENTIONS, NULL, NULL);
}
