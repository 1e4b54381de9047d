/* Published weights of a ResNet-20 score on CIFAR-10's test images what they score in PyTorch: 827
 * errors. Skipped aloud where the data set or the weights are not. usage: test_pretrained HARNESS
 * SOURCE_FOLDER */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/csv.h"
#include "tests/sweep/program.h"
#include "tests/sweep/scratch.h"

enum { SUBSET = 64, SKIPPED = 77 };

static char weights[1024], line[2048];

static const Outcome *eval(const char *options) {
    snprintf(line, sizeof line,
             "eval --model resnet_cifar --set depth=20,shortcut=A,pad_side=both --weights %s "
             "--dataset cifar10 --normalize imagenet %s",
             weights, options);
    return program_run(line);
}

static void all_images(void **state) {
    (void)state;
    const Outcome *o = eval("--backend cpu");
    assert_int_equal(o->code, 0);
    assert_ptr_equal(strstr(o->out, "images,loss,errors,error_pct\n10000,"), o->out);
    assert_non_null(strstr(o->out, ",827,8.2700\n"));
}

static CsvTable predictions(const char *backend) {
    char options[128], path[1024];
    CsvTable table;
    snprintf(options, sizeof options, "--backend %s --images %d --predictions %s.csv", backend,
             SUBSET, backend);
    const Outcome *o = eval(options);
    if (o->code != 0)
        fail_msg("%s: exit code %d: %s", backend, o->code, o->err);
    snprintf(path, sizeof path, "%s/%s.csv", scratch_folder(), backend);
    if (csv_read(path, &table) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(table.rows, SUBSET);
    return table;
}

static void same_predictions(void **state) {
    (void)state;
    CsvTable ref = predictions("ref"), cpu = predictions("cpu");
    int right = 0;
    for (int i = 0; i < SUBSET; i++) {
        const char *const columns[] = {"index", "label", "prediction"};
        for (int c = 0; c < 3; c++)
            assert_string_equal(csv_get(&ref, i, columns[c]), csv_get(&cpu, i, columns[c]));
        right += strcmp(csv_get(&ref, i, "label"), csv_get(&ref, i, "prediction")) == 0;
    }
    assert_true(right >= SUBSET * 3 / 4); /* of which 8 % wrong would be 5 */
    csv_table_free(&ref);
    csv_table_free(&cpu);
}

/* Beside the unpacked data sets, or where the project's development data lie. */
static bool find_weights(const char *source_folder) {
    static const char file[] = "pretrained/resnet20-cifar10.safetensors";
    const char *data = getenv("HARNESS_DATA");
    snprintf(weights, sizeof weights, "%s/%s", data ? data : "data", file);
    if (data && access(weights, R_OK) == 0)
        return true;
    snprintf(weights, sizeof weights, "%s/../shared/data/%s", source_folder, file);
    return access(weights, R_OK) == 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_images),
                                       cmocka_unit_test(same_predictions)};
    if (argc != 3)
        return 2;
    if (!find_weights(argv[2])) {
        printf("SKIPPED: no pretrained/resnet20-cifar10.safetensors under $HARNESS_DATA\n");
        return SKIPPED;
    }
    program_use(argv[1]);
    const Outcome *o = eval("--backend cpu --images 10");
    if (o->code == 2 && strstr(o->err, "is not on this machine")) {
        printf("SKIPPED: CIFAR-10 is not on this machine ($HARNESS_DATA)\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("pretrained", tests, NULL, NULL);
}
