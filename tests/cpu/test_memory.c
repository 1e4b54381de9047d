/* What the cpu backend says that it holds, against what the heap has grown by. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/models.h"
#include "tests/support/rig.h"

enum { BATCH = 16 };

static int64_t heap(void) {
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}

static Net *resnet(int depth) {
    ModelSpec spec = model_default();
    Net *net;
    spec.depth = depth;
    spec.width = 64;
    OK(model_build(&spec, &net));
    return net;
}

/* Nearly all of its memory is in a linear layer. */
static Net *wide_linear(void) {
    Net *net = net_create("wide");
    net_linear(net, "fc", net_input(net, (Shape){3, 32, 32}), 512, true);
    return net;
}

/* Big blocks are rounded up to huge pages; tables are not told. */
static void assert_told(const char *what, int64_t told, int64_t grown) {
    int64_t slack = 4 * (2 << 20) + grown / 50;
    if (told > grown || grown - told > slack)
        fail_msg("%s: %lld bytes told, the heap grew by %lld", what, (long long)told,
                 (long long)grown);
}

static void program_tells(const char *what, Net *net, Mode mode, ConvAlgorithm conv) {
    Rig rig;
    Memory memory;
    ProgramSpec spec = {.mode = mode, .max_batch = BATCH, .conv = conv};
    rig_open(&rig, "cpu", 2, net, BATCH, NULL);
    for (int round = 0; round < 2; round++) { /* first: what oneDNN makes once */
        Program *program;
        int64_t before = heap();
        OK(program_compile(rig.state, &spec, &program));
        int64_t grown = heap() - before;
        OK(program_memory(program, rig.data, &memory));
        if (round == 1)
            assert_told(what,
                        memory.bytes[MEMORY_ACTIVATIONS] + memory.bytes[MEMORY_SCRATCH] +
                            memory.bytes[MEMORY_REORDERED],
                        grown);
        program_destroy(program);
    }
    rig_close(&rig);
}

static void programs_tell_what_they_hold(void **state) {
    (void)state;
    program_tells("direct, train", resnet(20), MODE_TRAIN, CONV_ALGORITHM_DIRECT);
    program_tells("direct, infer", resnet(20), MODE_EVAL, CONV_ALGORITHM_DIRECT);
    program_tells("Winograd, train", resnet(20), MODE_TRAIN, CONV_ALGORITHM_WINOGRAD);
    program_tells("Winograd, infer", resnet(20), MODE_EVAL, CONV_ALGORITHM_WINOGRAD);
    program_tells("linear, train", wide_linear(), MODE_TRAIN, CONV_ALGORITHM_DIRECT);
}

static void states_and_images_are_told(void **state) {
    (void)state;
    const Optimizer adam = {.kind = OPTIMIZER_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    Rig rig;
    Memory memory;
    rig_open(&rig, "cpu", 1, wide_linear(), BATCH, &adam);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    OK(program_memory(program, rig.data, &memory));
    int64_t weights = (int64_t)sizeof(float) * (3072 + 1) * 512;
    assert_int_equal(memory.bytes[MEMORY_WEIGHTS], weights);
    assert_int_equal(memory.bytes[MEMORY_GRADIENTS], weights);
    assert_int_equal(memory.bytes[MEMORY_OPTIMIZER], 2 * weights);
    assert_int_equal(memory.bytes[MEMORY_DATASET], BATCH * (4 + 3072 * (int64_t)sizeof(float)));
    program_destroy(program);
    rig_close(&rig);
}

/* What only training needs comes with the first training program. */
static void inference_holds_no_gradients(void **state) {
    (void)state;
    Rig rig;
    Memory memory;
    rig_open(&rig, "cpu", 1, wide_linear(), BATCH, NULL);
    Program *program = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    OK(program_memory(program, rig.data, &memory));
    assert_int_equal(memory.bytes[MEMORY_GRADIENTS] + memory.bytes[MEMORY_OPTIMIZER], 0);
    program_destroy(program);
    rig_close(&rig);
}

/* 70 images of 32x32 with 64 channels are evaluated in two parts, unless there is a tap: then in
 * one. */
static void evaluation_in_parts_changes_no_bit(void **state) {
    (void)state;
    enum { IMAGES = 70 };
    const Tap tap = {1, TAP_VALUE};
    for (int conv = CONV_ALGORITHM_DIRECT; conv <= CONV_ALGORITHM_WINOGRAD; conv++) {
        Rig rig;
        Memory memory[2];
        Metrics metrics[2];
        rig_open(&rig, "cpu", 2, resnet(8), IMAGES, NULL);
        for (int whole = 0; whole < 2; whole++) {
            ProgramSpec spec = {.mode = MODE_EVAL,
                                .max_batch = IMAGES,
                                .conv = (ConvAlgorithm)conv,
                                .taps = &tap,
                                .tap_count = whole};
            Program *program;
            OK(program_compile(rig.state, &spec, &program));
            for (int count = IMAGES; count > 0; count -= IMAGES / 2 + 2) { /* 70, then 33 */
                Batch batch = rig_batch(&rig);
                batch.count = count;
                OK(program_forward(program, &batch));
            }
            OK(program_metrics(program, &metrics[whole]));
            OK(program_memory(program, rig.data, &memory[whole]));
            program_destroy(program);
        }
        assert_true(metrics[0].loss_sum == metrics[1].loss_sum);
        assert_int_equal(metrics[0].errors, metrics[1].errors);
        assert_int_equal(metrics[0].images, metrics[1].images);
        assert_true(4 * memory[0].bytes[MEMORY_ACTIVATIONS] <
                    3 * memory[1].bytes[MEMORY_ACTIVATIONS]);
        rig_close(&rig);
    }
}

static int64_t training_activations(BlockKind block, Shortcut shortcut, int depth) {
    ModelSpec spec = model_default();
    ProgramSpec training = {
        .mode = MODE_TRAIN, .max_batch = BATCH, .conv = CONV_ALGORITHM_WINOGRAD};
    Rig rig;
    Net *net;
    Program *program;
    Memory memory;
    spec.depth = depth;
    spec.block = block;
    spec.shortcut = shortcut;
    OK(model_build(&spec, &net));
    rig_open(&rig, "cpu", 2, net, BATCH, NULL);
    OK(program_compile(rig.state, &training, &program));
    OK(program_memory(program, rig.data, &memory));
    program_destroy(program);
    rig_close(&rig);
    return memory.bytes[MEMORY_ACTIVATIONS];
}

/* By how many inner activations, one of each stage, training grows with two more blocks a stage. */
static double growth(BlockKind block, Shortcut shortcut, int layers) {
    int64_t inner = 0; /* channels double, pixels fall to a fourth */
    for (int stage = 0; stage < 3; stage++)
        inner += (int64_t)BATCH * (16 << stage) * (1024 >> 2 * stage) * (int64_t)sizeof(float);
    int64_t deep = training_activations(block, shortcut, 2 + 4 * layers);
    return (double)(deep - training_activations(block, shortcut, 2 + 2 * layers)) / (double)inner;
}

/* Four inner ones and every second output, which has four times their channels, but not what the
 * expanding convolutions make. */
static void expanded_activations_are_made_again(void **state) {
    (void)state;
    double grown = growth(BLOCK_BOTTLENECK, SHORTCUT_A, 9);
    assert_true(grown > 7 && grown < 9);
}

/* What six convolutions make, and two outputs for the projections that read them, but nothing that
 * a projection's batch norm makes. */
static void projections_are_stored_once(void **state) {
    (void)state;
    double grown = growth(BLOCK_BASIC, SHORTCUT_C, 6);
    assert_true(grown > 7.5 && grown < 8.5);
}

static void who_cannot_tell_says_so(void **state) {
    (void)state;
    Rig rig;
    Memory memory;
    rig_open(&rig, "ref", 1, resnet(20), 1, NULL);
    Program *program = rig_program(&rig, MODE_EVAL, 0, NULL, 0);
    assert_int_equal(program_memory(program, rig.data, &memory), STATUS_UNAVAILABLE);
    program_destroy(program);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_tell_what_they_hold),
        cmocka_unit_test(states_and_images_are_told),
        cmocka_unit_test(inference_holds_no_gradients),
        cmocka_unit_test(evaluation_in_parts_changes_no_bit),
        cmocka_unit_test(expanded_activations_are_made_again),
        cmocka_unit_test(projections_are_stored_once),
        cmocka_unit_test(who_cannot_tell_says_so),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
