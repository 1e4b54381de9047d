/* Weights that runs leave behind and start from, and the losses of their steps: through the built
 * program, on a small data set that the test makes. usage: test_runs HARNESS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/weights/safetensors.h"
#include "tests/data/files.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"
#include "tests/sweep/tables.h"

enum { ITERATIONS = 7 };

/* Fails unless the run succeeds. Returns the name of its folder within the scratch folder; the
 * buffer is reused. */
static const char *run(const char *out, const char *options) {
    static char folder[128];
    char args[640], file[96];
    snprintf(args, sizeof args, "run e.csv --data d --no-plot --out %s %s", out, options);
    program_expect(args, 0, "runs.csv");
    snprintf(file, sizeof file, "%s/runs.csv", out);
    CsvTable runs = table_of(file);
    snprintf(folder, sizeof folder, "%s/runs/%s", out, csv_get(&runs, runs.rows - 1, "key"));
    csv_table_free(&runs);
    return folder;
}

/* A file of a run's folder. */
static char *path_in(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return strdup(path);
}

static char *cell(const char *out, const char *column) {
    char file[96];
    snprintf(file, sizeof file, "%s/runs.csv", out);
    CsvTable runs = table_of(file);
    char *text = strdup(csv_get(&runs, runs.rows - 1, column));
    csv_table_free(&runs);
    return text;
}

static void assert_same_cell(const char *a, const char *b, const char *column) {
    char *x = cell(a, column), *y = cell(b, column);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

/* What eval says of the weights is what the run said at its end. */
static void eval_agrees(const char *out, const char *weights, const char *options) {
    char args[640], expected[128];
    char *loss = cell(out, "test_loss"), *percent = cell(out, "test_error_pct");
    snprintf(args, sizeof args,
             "eval --data d --dataset mnist --backend ref --batch 10 --set depth=8,width=4 "
             "--weights %s %s",
             weights, options);
    const Outcome *o = program_run(args);
    if (o->code != 0)
        fail_msg("%s: %s", args, o->err);
    snprintf(expected, sizeof expected, "images,loss,errors,error_pct\n20,%s,", loss);
    assert_ptr_equal(strstr(o->out, expected), o->out);
    snprintf(expected, sizeof expected, ",%s\n", percent);
    assert_non_null(strstr(o->out, expected));
    free(loss);
    free(percent);
}

/* ---- tests ---- */

static void nothing_extra(void **state) {
    (void)state;
    const char *const names[] = {"weights.safetensors", "optimizer.safetensors", "steps.csv"};
    const char *folder = run("plain", "");
    for (int i = 0; i < 3; i++) {
        char *name = path_in(folder, names[i]);
        assert_int_not_equal(access(in_scratch(name), F_OK), 0);
        free(name);
    }
    const Outcome *o = program_run("run e.csv --data d --no-plot --out plain --save-weights");
    assert_int_equal(o->code, 0);
    expect_words(o->err, "finished already|weights.safetensors is not there");
}

static void saved_weights(void **state) {
    (void)state;
    TensorFile file;
    char *weights = path_in(run("saved", "--save-weights --log-every 2"), "weights.safetensors");
    assert_int_equal(tensor_file_read(in_scratch(weights), &file), STATUS_OK);
    assert_string_equal(tensor_file_metadata(&file, "iteration"), "7");
    expect_words(tensor_file_metadata(&file, "columns"), "model=resnet_cifar\n|\ndepth=8\n");
    tensor_file_free(&file);
    assert_same_cell("plain", "saved", "test_loss"); /* looking on changes nothing */
    assert_same_cell("plain", "saved", "train_loss");
    free(weights);
}

/* A step at rate 0 leaves the weights as they were and moves the running statistics. The run
 * evaluates with each batch's own, as eval then does; from floats both, so to the last digit. */
static void starts_from_weights(void **state) {
    (void)state;
    char options[512];
    char *weights = path_in(run("saved", "--save-weights"), "weights.safetensors");
    snprintf(options, sizeof options,
             "--set init_weights=%s --set lr=0 --set iterations=1 --set weight_decay=0 "
             "--set bn_eval=batch --set normalize=channel --set resize=32 --set test_resize=30 "
             "--set input_size=28 --save-weights",
             weights);
    char *again = path_in(run("next", options), "weights.safetensors");
    TensorFile a, b;
    assert_int_equal(tensor_file_read(in_scratch(weights), &a), STATUS_OK);
    assert_int_equal(tensor_file_read(in_scratch(again), &b), STATUS_OK);
    for (int i = 0; i < a.count; i++) {
        const Tensor *t = &a.tensors[i];
        bool learned = !strstr(t->name, "running_") && !strstr(t->name, "num_batches");
        const Tensor *other = tensor_file_find(&b, t->name);
        assert_non_null(other);
        assert_int_equal(memcmp(t->data, other->data, t->size) == 0, learned);
    }
    tensor_file_free(&a);
    tensor_file_free(&b);
    eval_agrees("next", again,
                "--set bn_eval=batch,normalize=channel,resize=32,test_resize=30,"
                "input_size=28");
    char *sum = cell("next", "init_weights_sha256"), *none = cell("saved", "init_weights_sha256");
    assert_int_equal(strlen(sum), 64);
    assert_string_equal(none, "");
    free(sum);
    free(none);
    free(weights);
    free(again);
}

/* Another content under the same name is another run. */
static void content_is_key(void **state) {
    (void)state;
    char from[128], options[256];
    snprintf(options, sizeof options, "--set init_weights=w.safetensors --set iterations=1");
    for (int seed = 1; seed <= 2; seed++) {
        char more[64];
        snprintf(from, sizeof from, "from%d", seed);
        snprintf(more, sizeof more, "--save-weights --set seed=%d", seed);
        char *weights = path_in(run(from, more), "weights.safetensors");
        size_t size;
        uint8_t *bytes = file_read(in_scratch(weights), &size);
        file_write(in_scratch("w.safetensors"), bytes, size, 0);
        free(bytes);
        free(weights);
        run("keyed", options);
    }
    CsvTable runs = table_of("keyed/runs.csv");
    assert_int_equal(runs.rows, 2);
    assert_string_not_equal(csv_get(&runs, 0, "key"), csv_get(&runs, 1, "key"));
    csv_table_free(&runs);
}

/* Told with the place in the experiment, before anything is made. */
static void bad_files(void **state) {
    (void)state;
    scratch_text("bad.csv", "depth,width,dataset,init_weights\n8,4,mnist,nowhere.safetensors\n");
    program_expect("run bad.csv --data d --out bad", 2,
                   "bad.csv:2:11: |init_weights: nowhere.safetensors: No such file");
    program_expect("run bad.csv --data d --out bad --dry-run", 2, "nowhere.safetensors");
    scratch_text("bad.csv", "depth,width,dataset,init_weights\n8,8,mnist,w.safetensors\n");
    program_expect("run bad.csv --data d --out bad", 2,
                   "bad.csv:2:11: |w.safetensors does not fit|shape of conv1.weight: 4x1x3x3 in "
                   "the file, 8x1x3x3 expected");
    assert_int_not_equal(access(in_scratch("bad"), F_OK), 0);
    program_expect("eval --weights w.safetensors --set depth=8,width=4,dataset=cifar10", 2,
                   "shape of conv1.weight: 4x1x3x3 in the file, 4x3x3x3 expected");
    program_expect("run e.csv --log-every 0", 2, "--log-every '0'");
}

/* Every step's loss; then the means of three, and of the one that is left. */
static void steps(void **state) {
    (void)state;
    char *each = path_in(run("each", "--log-every 1"), "steps.csv");
    CsvTable one = table_of(each);
    char *third = path_in(run("third", "--log-every 3"), "steps.csv");
    CsvTable three = table_of(third);
    assert_int_equal(one.rows, ITERATIONS);
    assert_int_equal(three.rows, 3);
    double sum = 0;
    for (int i = 0, row = 0; i < ITERATIONS; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i + 1);
        assert_string_equal(csv_get(&one, i, "iteration"), number);
        sum += atof(csv_get(&one, i, "loss"));
        if ((i + 1) % 3 && i + 1 != ITERATIONS)
            continue;
        assert_string_equal(csv_get(&three, row, "iteration"), number);
        double mean = sum / (i % 3 + 1), got = atof(csv_get(&three, row, "loss"));
        assert_true(got > 0 && mean - got < 1e-8 && got - mean < 1e-8);
        row++;
        sum = 0;
    }
    assert_string_equal(csv_get(&one, 0, "lr"), "0.1");
    csv_table_free(&one);
    csv_table_free(&three);
    free(each);
    free(third);
}

/* A disk that fills up while weights are written: the run is not recorded as finished, no half a
 * file stays, and with room again the same command goes on. */
static void full_disk(void **state) {
    (void)state;
    const char *line = "run e.csv --data d --no-plot --out full --save-weights";
    const Outcome *o = program_run_limited(line, 8000);
    assert_int_equal(o->code, 1);
    expect_words(o->err, "cannot write|weights.safetensors");
    CsvTable runs = table_of("full/runs.csv");
    assert_int_equal(runs.rows, 0);
    csv_table_free(&runs);
    char *weights = path_in(run("full", "--save-weights"), "weights.safetensors");
    char *folder = strdup(weights);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(access(in_scratch(weights), F_OK), 0);
    char command[1024];
    snprintf(command, sizeof command, "ls %s/%s | grep -q new-", scratch_folder(), folder);
    assert_int_not_equal(system(command), 0);
    free(folder);
    free(weights);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_extra),       cmocka_unit_test(saved_weights),
        cmocka_unit_test(starts_from_weights), cmocka_unit_test(content_is_key),
        cmocka_unit_test(bad_files),           cmocka_unit_test(steps),
        cmocka_unit_test(full_disk),
    };
    if (argc != 2)
        return 2;
    program_use(argv[1]);
    idx_set(in_scratch("d/mnist"), 40, 20, 0);
    scratch_text("e.csv", "depth,width,dataset,augment,batch,iterations,eval_every,backend\n"
                          "8,4,mnist,none,10,7,end,ref\n");
    return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
