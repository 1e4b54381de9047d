/* Buffers that live at the same time never share a place, and those of a training step end at the
 * least size there can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/lifetimes.h"
#include "net/philox.h"

enum { COUNT = 60, STEPS = 40 };

/* The most that is alive at one step: no placing can end lower. */
static size_t peak(const Lifetime *lives, int count) {
    size_t most = 0;
    for (int step = 0; step < STEPS; step++) {
        size_t sum = 0;
        for (int i = 0; i < count; i++)
            if (lives[i].first >= 0 && lives[i].first <= step && step <= lives[i].last)
                sum += lives[i].size;
        most = sum > most ? sum : most;
    }
    return most;
}

static void assert_apart(const Lifetime *a, const Lifetime *b) {
    if (a->first <= b->last && b->first <= a->last)
        assert_true(a->offset + a->size <= b->offset || b->offset + b->size <= a->offset);
}

/* Places them and checks what must always hold; the size of all. */
static size_t placed(Lifetime *lives, int count) {
    size_t total, top = 0;
    assert_int_equal(lifetimes_place(lives, count, &total), STATUS_OK);
    for (int i = 0; i < count; i++) {
        if (lives[i].first < 0)
            continue;
        for (int j = 0; j < i; j++)
            if (lives[j].first >= 0)
                assert_apart(&lives[i], &lives[j]);
        if (lives[i].offset + lives[i].size > top)
            top = lives[i].offset + lives[i].size;
    }
    assert_true(total == top);
    assert_true(total >= peak(lives, count));
    return total;
}

static void random_lives_stay_apart(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        Lifetime lives[COUNT];
        for (uint32_t i = 0; i < COUNT; i++) {
            Philox draw = philox(5, STREAM_TEST, round, i, 0);
            int first = (int)philox_below(draw.v[0], STEPS + 1) - 1; /* -1: never used */
            lives[i] = (Lifetime){.size = 1 + philox_below(draw.v[1], round % 2 ? 1000 : 3),
                                  .first = first,
                                  .last = first + (int)philox_below(draw.v[2], STEPS)};
        }
        placed(lives, COUNT);
    }
}

/* Stored in the forward, freed in the backward; what the backward makes lives for two steps. */
static void training_takes_the_least(void **state) {
    (void)state;
    Lifetime lives[COUNT];
    int count = 0;
    for (int layer = 0; layer < STEPS / 2; layer++) {
        size_t size = (size_t)(STEPS / 2 - layer) / 5 + 1;
        int back = STEPS - 1 - layer;
        lives[count++] = (Lifetime){.size = size, .first = layer, .last = back};
        lives[count++] = (Lifetime){.size = size, .first = back - 1, .last = back};
    }
    assert_true(placed(lives, count) == peak(lives, count));
}

/* By length alone these would take 9. */
static void large_ones_may_come_first(void **state) {
    (void)state;
    Lifetime lives[] = {{4, 3, 3, 0}, {1, 4, 7, 0}, {4, 3, 4, 0}};
    assert_true(placed(lives, 3) == 8);
}

/* By size alone 4. */
static void long_ones_may_come_first(void **state) {
    (void)state;
    Lifetime lives[] = {{2, 2, 2, 0}, {1, 4, 7, 0}, {2, 5, 8, 0}, {1, 2, 4, 0}};
    assert_true(placed(lives, 4) == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_stay_apart),
        cmocka_unit_test(training_takes_the_least),
        cmocka_unit_test(large_ones_may_come_first),
        cmocka_unit_test(long_ones_may_come_first),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
