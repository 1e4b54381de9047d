/* The GPU backend gives the same bits whatever order of streams, blocks and threads the software
 * GPU takes. usage: test_gpu_schedules fast|full */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/softgpu/gpu_case.h"
#include "tests/softgpu/softgpu.h"

static int seeds; /* schedules of each case */

static unsigned char *bits_under(uint64_t seed, const Case *test, Precision precision,
                                 size_t *count) {
    GpuCase run;
    softgpu_seed(seed);
    Status status = gpu_case_run(&run, test, precision);
    if (status != STATUS_OK)
        fail_msg("%s, seed %d: %s", test->name, (int)seed, status_message());
    gpu_case_end(&run);
    assert_int_equal(softgpu_leaks(), 0);
    *count = run.count;
    return run.bits;
}

static bool is_finite(const unsigned char *bits, size_t count) {
    float last; /* momentum of the last parameter */
    memcpy(&last, bits + count - sizeof last, sizeof last);
    return last - last == 0;
}

static void same_bits(const Case *test, Precision precision) {
    size_t count, other_count;
    unsigned char *first = bits_under(0, test, precision, &count);
    assert_true(is_finite(first, count));
    for (int seed = 1; seed < seeds; seed++) {
        unsigned char *other = bits_under((uint64_t)seed, test, precision, &other_count);
        assert_int_equal(count, other_count);
        if (memcmp(first, other, count) != 0)
            fail_msg("%s in %s: schedule %d gives other bits than schedule 0", test->name,
                     precision_name(precision), seed);
        free(other);
    }
    free(first);
}

static void same_bits_in_fp32(void **state) {
    same_bits(*state, PRECISION_FP32);
}

static void same_bits_in_bf16(void **state) {
    same_bits(*state, PRECISION_BF16);
}

static bool has_loss(const Case *test) {
    Net *net;
    if (case_build(test, &net) != STATUS_OK)
        return false;
    bool has = net_has_loss(net);
    net_destroy(net);
    return has;
}

static bool wanted(const Case *test, bool full) {
    const char *const few[] = {"stem", "tails", "resnet_8_a", "resnet_8_b"};
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++)
        if (strcmp(test->name, few[i]) == 0)
            return true;
    return full && has_loss(test);
}

int main(int argc, char **argv) {
    if (argc < 2 || (strcmp(argv[1], "fast") != 0 && strcmp(argv[1], "full") != 0)) {
        fprintf(stderr, "usage: test_gpu_schedules fast|full\n");
        return 2;
    }
    bool full = strcmp(argv[1], "full") == 0;
    seeds = full ? 10 : 5;
    struct CMUnitTest tests[256] = {{0}};
    static char names[256][64];
    int count, n = 0;
    const Case *cases = case_table(&count);
    for (int i = 0; i < count && n < 254; i++) {
        if (!wanted(&cases[i], full))
            continue;
        for (int half = 0; half < 2; half++, n++) {
            snprintf(names[n], sizeof names[n], "%s in %s", cases[i].name, half ? "bf16" : "fp32");
            tests[n] =
                (struct CMUnitTest){.name = names[n],
                                    .test_func = half ? same_bits_in_bf16 : same_bits_in_fp32,
                                    .initial_state = (void *)&cases[i]};
        }
    }
    return !!_cmocka_run_group_tests("schedules", tests, (size_t)n, NULL, NULL);
}
