/* Weights and optimiser of a State, to a file and back; files that do not fit a net. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/weights/safetensors.h"
#include "harness/weights/weights.h"
#include "net/models.h"
#include "tests/support/rig.h"

enum { BATCH = 6 };

static char path[] = "/tmp/reslab-weights-XXXXXX", second[64];
static const WeightsInfo info = {"resnet_cifar", "depth=8\nshortcut=B\n", 41};

static Net *small_net(int width) {
    ModelSpec spec = model_default();
    Net *net;
    spec.depth = 8;
    spec.width = width;
    spec.shortcut = SHORTCUT_B;
    spec.input = (Shape){2, 5, 4};
    spec.classes = 3;
    OK(model_build(&spec, &net));
    return net;
}

static void train(Rig *rig, int steps) {
    Program *program = rig_program(rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(rig);
    for (int i = 0; i < steps; i++)
        OK(program_train_step(program, &batch, 0.02));
    program_destroy(program);
}

static void assert_same(const Rig *a, const Rig *b, Section section) {
    for (int id = 0; id < a->net->param_count; id++) {
        const Param *param = &a->net->params[id];
        if (section != SECTION_VALUE && param_is_statistic(param))
            continue;
        float *x = rig_read(a, section, id), *y = rig_read(b, section, id);
        for (size_t i = 0; i < param->count; i++)
            if (memcmp(&x[i], &y[i], sizeof *x) != 0)
                fail_msg("section %d of %s[%zu]: %.9g and %.9g", section, param->name, i, x[i],
                         y[i]);
        free(x);
        free(y);
    }
}

static void refused(Status status, const char *word) {
    if (status != STATUS_BAD_INPUT || !strstr(status_message(), word))
        fail_msg("status %d, '%s' lacks '%s'", (int)status, status_message(), word);
}

/* ---- what is written ---- */

static void contents(void **state) {
    (void)state;
    Rig rig;
    TensorFile file;
    int64_t counter;
    rig_open(&rig, "ref", 1, small_net(3), BATCH, NULL);
    OK(weights_save(path, rig.state, &info));
    OK(tensor_file_read(path, &file));
    assert_string_equal(file.tensors[0].name, "conv1.weight");
    assert_int_equal(file.tensors[0].rank, 4);
    assert_string_equal(file.tensors[4].name, "bn1.running_var");
    assert_string_equal(file.tensors[5].name, "bn1.num_batches_tracked");
    assert_int_equal(file.tensors[5].dtype, DTYPE_I64);
    assert_int_equal(file.tensors[5].rank, 0);
    memcpy(&counter, file.tensors[5].data, sizeof counter);
    assert_int_equal(counter, 41);
    const Tensor *fc = tensor_file_find(&file, "fc.weight");
    assert_non_null(fc);
    assert_int_equal(fc->dims[0], 3);
    assert_int_equal(fc->dims[1], 12);
    float *values = rig_read(&rig, SECTION_VALUE, net_find_param(rig.net, "fc.weight"));
    assert_memory_equal(fc->data, values, fc->size);
    free(values);
    assert_non_null(tensor_file_find(&file, "layer2.0.downsample.1.num_batches_tracked"));
    assert_string_equal(tensor_file_metadata(&file, "format"), "pt");
    assert_string_equal(tensor_file_metadata(&file, "model"), "resnet_cifar");
    assert_string_equal(tensor_file_metadata(&file, "columns"), info.columns);
    assert_string_equal(tensor_file_metadata(&file, "iteration"), "41");
    assert_non_null(tensor_file_metadata(&file, "commit"));
    tensor_file_free(&file);
    rig_close(&rig);
}

/* ---- there and back ---- */

/* A training goes on from its files in a fresh State as it does where it was. */
static void goes_on(OptimizerKind kind) {
    Optimizer optimizer = {.kind = kind,
                           .momentum = 0.9,
                           .weight_decay = 1e-3,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .eps = 1e-8};
    Rig a, b;
    rig_open(&a, "ref", 1, small_net(3), BATCH, &optimizer);
    rig_open(&b, "ref", 1, small_net(3), BATCH, &optimizer);
    train(&a, 3);
    train(&b, 1); /* so that everything has to be replaced */
    OK(weights_save(path, a.state, &info));
    OK(optimizer_save(second, a.state, &info));
    OK(weights_load(path, a.state)); /* the oracle has doubles; now both have the file's floats */
    OK(optimizer_load(second, a.state));
    OK(weights_load(path, b.state));
    OK(optimizer_load(second, b.state));
    assert_int_equal(b.state->updates, 3);
    train(&a, 2);
    train(&b, 2);
    assert_same(&a, &b, SECTION_VALUE);
    assert_same(&a, &b, SECTION_MOMENTUM);
    if (kind == OPTIMIZER_ADAM)
        assert_same(&a, &b, SECTION_SQUARE);
    rig_close(&a);
    rig_close(&b);
}

static void sgd_goes_on(void **state) {
    (void)state;
    goes_on(OPTIMIZER_SGD_CAFFE);
    goes_on(OPTIMIZER_SGD_TORCH);
}

static void adam_goes_on(void **state) {
    (void)state;
    goes_on(OPTIMIZER_ADAM);
}

static void other_optimizer(void **state) {
    (void)state;
    Optimizer torch = {.kind = OPTIMIZER_SGD_TORCH}, adam = {.kind = OPTIMIZER_ADAM};
    Rig a, b;
    rig_open(&a, "ref", 1, small_net(3), BATCH, &torch);
    rig_open(&b, "ref", 1, small_net(3), BATCH, &adam);
    OK(optimizer_save(path, a.state, &info));
    refused(optimizer_load(path, b.state), "its optimizer is 'sgd_torch', this one is 'adam'");
    OK(weights_save(path, a.state, &info));
    refused(optimizer_load(path, b.state), "its optimizer is ''");
    rig_close(&a);
    rig_close(&b);
}

/* ---- what does not fit ---- */

/* The net's file with one tensor changed: 'm' left out, 'n' renamed, 't' of another type, 's' of
 * another shape. */
static void write_changed(const Rig *rig, const char *name, char change) {
    TensorFile file, out = {0};
    OK(weights_save(path, rig->state, &info));
    OK(tensor_file_read(path, &file));
    for (int i = 0; i < file.count; i++) {
        Tensor t = file.tensors[i];
        bool this_one = strcmp(t.name, name) == 0;
        if (this_one && change == 'm')
            continue;
        if (this_one && change == 't')
            t.dtype = DTYPE_I32;
        if (this_one && change == 's')
            t = (Tensor){
                .dtype = t.dtype, .rank = 1, .dims = {(int64_t)(t.size / 4)}, .data = t.data};
        OK(tensor_file_add(&out, this_one && change == 'n' ? "module.x" : file.tensors[i].name,
                           t.dtype, t.rank, t.dims, t.data));
    }
    OK(tensor_file_write(path, &out));
    tensor_file_free(&out);
    tensor_file_free(&file);
}

static void misfits(void **state) {
    (void)state;
    Rig rig, same;
    rig_open(&rig, "ref", 1, small_net(3), BATCH, NULL);
    rig_open(&same, "ref", 1, small_net(3), BATCH, NULL);
    write_changed(&rig, "fc.bias", 'm');
    refused(weights_load(path, rig.state), "1 difference\n  missing: fc.bias (F32 3)");
    write_changed(&rig, "fc.bias", 'n');
    refused(weights_load(path, rig.state),
            "2 differences\n  missing: fc.bias (F32 3)\n  unexpected: module.x (F32 3)");
    write_changed(&rig, "bn1.bias", 't');
    refused(weights_load(path, rig.state), "type of bn1.bias: I32 in the file, F32 expected");
    write_changed(&rig, "fc.weight", 's');
    refused(weights_load(path, rig.state), "shape of fc.weight: 36 in the file, 3x12 expected");
    write_changed(&rig, "bn1.num_batches_tracked", 's');
    refused(weights_load(path, rig.state), "bn1.num_batches_tracked");
    assert_same(&rig, &same, SECTION_VALUE); /* refused: untouched */
    write_changed(&rig, "bn1.num_batches_tracked", 'm');
    OK(weights_load(path, rig.state));
    rig_close(&rig);
    rig_close(&same);
}

/* Another net's file: the list is cut where a message ends, and says how much is left. */
static void other_net(void **state) {
    (void)state;
    Rig rig;
    Net *wide = small_net(5);
    rig_open(&rig, "ref", 1, small_net(3), BATCH, NULL);
    OK(weights_save(path, rig.state, &info));
    OK(weights_check(path, rig.net));
    refused(weights_check(path, wide),
            "\n  shape of conv1.weight: 3x2x3x3 in the file, 5x2x3x3 expected");
    refused(weights_check(path, wide), "\n  and ");
    assert_true(strlen(status_message()) < 1500);
    net_destroy(wide);
    rig_close(&rig);
}

/* One bit of every byte of the header: refused or taken, never more than that. */
static void flipped_header(void **state) {
    (void)state;
    static unsigned char bytes[1 << 16];
    uint64_t length;
    Net *net = small_net(1);
    Rig rig;
    int counts[2] = {0, 0};
    rig_open(&rig, "ref", 1, small_net(1), BATCH, NULL);
    OK(weights_save(path, rig.state, &info));
    FILE *file = fopen(path, "r+b");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    memcpy(&length, bytes, 8);
    assert_true(size < sizeof bytes && length < size);
    for (size_t i = 0; i < 8 + length; i++) {
        unsigned char flipped = bytes[i] ^ (unsigned char)(1 << i % 8);
        fseek(file, (long)i, SEEK_SET);
        fwrite(&flipped, 1, 1, file);
        fflush(file);
        Status status = weights_check(path, net);
        assert_true(status == STATUS_OK || status == STATUS_BAD_INPUT);
        counts[status == STATUS_OK]++;
        fseek(file, (long)i, SEEK_SET);
        fwrite(&bytes[i], 1, 1, file);
    }
    fclose(file);
    assert_true(counts[0] > 1000);
    OK(weights_check(path, net));
    net_destroy(net);
    rig_close(&rig);
}

static int make_files(void **state) {
    (void)state;
    int file = mkstemp(path);
    snprintf(second, sizeof second, "%s-2", path);
    return file < 0 ? -1 : close(file);
}

static int remove_files(void **state) {
    (void)state;
    unlink(second);
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),       cmocka_unit_test(sgd_goes_on),
        cmocka_unit_test(adam_goes_on),   cmocka_unit_test(other_optimizer),
        cmocka_unit_test(misfits),        cmocka_unit_test(other_net),
        cmocka_unit_test(flipped_header),
    };
    return cmocka_run_group_tests_name("weights", tests, make_files, remove_files);
}
