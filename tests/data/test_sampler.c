/* The sampler: which images, in which order, cropped and flipped how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/train/sampler.h"

enum { COUNT = 103, BATCH = 8, PAD = 4 };

static int32_t indices[COUNT]; /* not 0..COUNT-1: a subset of some larger set */

static int setup(void **state) {
    (void)state;
    for (int i = 0; i < COUNT; i++)
        indices[i] = 5 * i + 2;
    return 0;
}

static SamplerSpec spec_default(void) {
    return (SamplerSpec){.indices = indices,
                         .count = COUNT,
                         .batch = BATCH,
                         .seed = 11,
                         .shuffle = true,
                         .crop_pad = PAD,
                         .flip = true};
}

/* The first `total` samples of the endless sequence, in batches. The caller frees. */
static Sample *draw(const SamplerSpec *spec, int total) {
    int batches = (total + spec->batch - 1) / spec->batch;
    Sample *samples = malloc((size_t)batches * (size_t)spec->batch * sizeof *samples);
    Sampler *sampler;
    assert_non_null(samples);
    assert_int_equal(sampler_create(spec, &sampler), STATUS_OK);
    for (int t = 0; t < batches; t++)
        assert_int_equal(sampler_batch(sampler, t, samples + (size_t)t * (size_t)spec->batch),
                         STATUS_OK);
    sampler_destroy(sampler);
    return samples;
}

static void assert_same(const Sample *a, const Sample *b, int count) {
    for (int i = 0; i < count; i++) {
        assert_int_equal(a[i].index, b[i].index);
        assert_int_equal(a[i].dy, b[i].dy);
        assert_int_equal(a[i].dx, b[i].dx);
        assert_int_equal(a[i].flip, b[i].flip);
    }
}

/* Batches cross the ends of the epochs (103 is prime): no image is lost or doubled there. */
static void test_every_image_once_per_epoch(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sample *samples = draw(&spec, 7 * COUNT);
    for (int epoch = 0; epoch < 7; epoch++) {
        int seen[COUNT] = {0};
        for (int i = 0; i < COUNT; i++) {
            int32_t image = samples[epoch * COUNT + i].index;
            assert_int_equal((image - 2) % 5, 0);
            assert_in_range(image, 2, 5 * (COUNT - 1) + 2);
            seen[(image - 2) / 5]++;
        }
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(seen[i], 1);
    }
    free(samples);
}

static void test_batch_larger_than_the_set(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sample *small = draw(&spec, 4 * COUNT);
    spec.batch = 3 * COUNT + 1;
    Sample *large = draw(&spec, 3 * COUNT + 1);
    assert_same(small, large, 3 * COUNT + 1);
    free(small);
    free(large);
}

static void test_random_access_equals_sequential(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    enum { BATCHES = 60 };
    Sample *samples = draw(&spec, BATCHES * BATCH);
    Sampler *sampler;
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_OK);
    for (int k = 0; k < BATCHES; k++) {
        int t = (k * 37 + 59) % BATCHES; /* forwards and backwards over epochs */
        Sample batch[BATCH];
        assert_int_equal(sampler_batch(sampler, t, batch), STATUS_OK);
        assert_same(batch, samples + t * BATCH, BATCH);
    }
    sampler_destroy(sampler);
    free(samples);
}

static void test_no_shuffle_is_file_order(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    spec.shuffle = false;
    Sample *samples = draw(&spec, 3 * COUNT);
    for (int i = 0; i < 3 * COUNT; i++)
        assert_int_equal(samples[i].index, indices[i % COUNT]);
    free(samples);
}

static void test_order_differs_between_epochs(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sample *samples = draw(&spec, 2 * COUNT);
    int same = 0, in_place = 0;
    for (int i = 0; i < COUNT; i++) {
        same += samples[i].index == samples[COUNT + i].index;
        in_place += samples[i].index == indices[i];
    }
    assert_in_range(same, 0, 8); /* 1 expected; 9 or more: about 1e-6 */
    assert_in_range(in_place, 0, 8);
    free(samples);
}

/* Crop and flip belong to (seed, epoch, image), whatever the batch size. */
static void test_independent_of_batch_size(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    spec.batch = 32;
    Sample *a = draw(&spec, 1024);
    spec.batch = 128;
    Sample *b = draw(&spec, 1024);
    assert_same(a, b, 1024);
    free(a);
    free(b);
}

/* Nor does it matter which other images are in the subset, nor whether the order is shuffled. */
static void test_augmentation_belongs_to_the_image(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    spec.shuffle = false;
    spec.batch = COUNT;
    Sample *all = draw(&spec, COUNT);
    int32_t some[] = {indices[70], indices[3], indices[41]};
    spec.indices = some;
    spec.count = spec.batch = 3;
    Sample *few = draw(&spec, 3);
    assert_same(few, all + 70, 1);
    assert_same(few + 1, all + 3, 1);
    assert_same(few + 2, all + 41, 1);
    free(all);
    free(few);
}

static void test_switches(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sample *both = draw(&spec, 3 * COUNT);
    spec.flip = false;
    Sample *crop = draw(&spec, 3 * COUNT);
    spec.flip = true;
    spec.crop_pad = 0;
    Sample *flip = draw(&spec, 3 * COUNT);
    for (int i = 0; i < 3 * COUNT; i++) {
        assert_int_equal(crop[i].flip, 0);
        assert_int_equal(flip[i].dy, 0);
        assert_int_equal(flip[i].dx, 0);
        assert_int_equal(crop[i].dy, both[i].dy);
        assert_int_equal(crop[i].dx, both[i].dx);
        assert_int_equal(flip[i].flip, both[i].flip);
    }
    free(both);
    free(crop);
    free(flip);
}

/* Chi-square of the 81 offset pairs and of the flip, jointly: 162 cells, 161 degrees of freedom.
 * The bounds are the 1e-4 quantiles on either side (102.6 and 236.5), so a wrong
 * spread and a suspiciously even one both fail. The seed is fixed: the result is always the same.
 */
static void test_crops_and_flips_are_uniform(void **state) {
    (void)state;
    enum { EPOCHS = 400, SIDE = 2 * PAD + 1, CELLS = 2 * SIDE * SIDE, TOTAL = EPOCHS * COUNT };
    SamplerSpec spec = spec_default();
    Sample *samples = draw(&spec, TOTAL);
    int cells[CELLS] = {0};
    for (int i = 0; i < TOTAL; i++) {
        int y = samples[i].dy + PAD, x = samples[i].dx + PAD;
        assert_true(y >= 0 && y < SIDE && x >= 0 && x < SIDE);
        assert_true(samples[i].flip == 0 || samples[i].flip == 1);
        cells[(samples[i].flip * SIDE + y) * SIDE + x]++;
    }
    double expected = (double)TOTAL / CELLS, chi_square = 0;
    for (int k = 0; k < CELLS; k++) {
        assert_true(cells[k] > 0);
        chi_square += (cells[k] - expected) * (cells[k] - expected) / expected;
    }
    print_message("chi-square %.1f over %d cells\n", chi_square, CELLS);
    assert_true(chi_square > 102.6 && chi_square < 236.5);
    free(samples);
}

/* Each image comes to each tenth of the epoch equally often: 103 x 10 cells would be thin, so the
 * images are binned by ten, too. */
static void test_permutations_are_uniform(void **state) {
    (void)state;
    enum { N = 100, EPOCHS = 500, BINS = 10 };
    SamplerSpec spec = spec_default();
    spec.count = N;
    spec.batch = N;
    Sample *samples = draw(&spec, N * EPOCHS);
    int cells[BINS][BINS] = {{0}};
    for (int i = 0; i < N * EPOCHS; i++)
        cells[(samples[i].index - 2) / 5 / (N / BINS)][i % N / (N / BINS)]++;
    double expected = (double)EPOCHS * N / (BINS * BINS), chi_square = 0;
    for (int k = 0; k < BINS * BINS; k++) {
        double off = cells[k / BINS][k % BINS] - expected;
        chi_square += off * off / expected;
    }
    print_message("chi-square %.1f over %d cells\n", chi_square, BINS * BINS);
    assert_true(chi_square > 37.5 &&
                chi_square < 147.3); /* 81 degrees of freedom: the 1e-5 quantiles */
    free(samples);
}

static void test_seed_changes_everything(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sample *a = draw(&spec, COUNT);
    uint64_t seeds[] = {12, 11 + (1ull << 32)}; /* the upper half of the seed counts, too */
    for (int k = 0; k < 2; k++) {
        spec.seed = seeds[k];
        Sample *b = draw(&spec, COUNT);
        int order = 0, dy = 0, dx = 0, flip = 0;
        for (int i = 0; i < COUNT; i++) {
            order += a[i].index != b[i].index;
            for (int j = 0; j < COUNT; j++) /* the same image under both seeds */
                if (a[i].index == b[j].index) {
                    dy += a[i].dy != b[j].dy;
                    dx += a[i].dx != b[j].dx;
                    flip += a[i].flip != b[j].flip;
                }
        }
        assert_in_range(order, COUNT / 2, COUNT);
        assert_in_range(dy, COUNT / 2, COUNT);
        assert_in_range(dx, COUNT / 2, COUNT);
        assert_in_range(flip, COUNT / 5, COUNT * 4 / 5);
        free(b);
    }
    free(a);
}

/* Computed apart, from the definitions in sampler.h, permutation.h and the Philox paper. */
static void test_known_answer(void **state) {
    (void)state;
    static const struct {
        int position;
        Sample sample;
    } known[] = {
        {0, {22, 0, 1, 0}},       {1, {262, -1, 2, 1}},   {2, {237, 2, -1, 0}},
        {102, {142, -1, 1, 1}},   {103, {237, -4, 3, 0}}, {104, {112, -2, -1, 0}},
        {1031, {512, -4, -3, 0}},
    };
    SamplerSpec spec = spec_default();
    Sample *samples = draw(&spec, 1032);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        assert_same(samples + known[k].position, &known[k].sample, 1);
    free(samples);
}

static void test_epoch(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sampler *sampler;
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_OK);
    assert_int_equal(sampler_epoch(sampler, 0), 0);
    assert_int_equal(sampler_epoch(sampler, 12), 0); /* begins at 96 */
    assert_int_equal(sampler_epoch(sampler, 13), 1); /* at 104 */
    assert_int_equal(sampler_epoch(sampler, 64000), 64000LL * BATCH / COUNT);
    sampler_destroy(sampler);
}

static void test_refusals(void **state) {
    (void)state;
    SamplerSpec spec = spec_default();
    Sampler *sampler;
    Sample samples[BATCH];
    spec.count = 0;
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_BAD_INPUT);
    assert_null(sampler);
    spec = spec_default();
    spec.batch = 0;
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_BAD_INPUT);
    spec = spec_default();
    spec.crop_pad = -1;
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_BAD_INPUT);
    spec = spec_default();
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_OK);
    assert_int_equal(sampler_batch(sampler, -1, samples), STATUS_BAD_INPUT);
    assert_int_equal(sampler_batch(sampler, INT64_MAX, samples), STATUS_BAD_INPUT);
    sampler_destroy(sampler);
    sampler_destroy(NULL);
}

/* Each epoch has every image once (kept), or all but the rest (dropped), in whole batches but for
 * the last. */
static void check_last(LastBatch last, int steps, int rest) {
    SamplerSpec spec = spec_default();
    Sampler *sampler;
    Sample samples[BATCH];
    spec.last = last;
    assert_true(last_batch_steps(last, COUNT, BATCH) == steps);
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_OK);
    for (int epoch = 0; epoch < 3; epoch++) {
        int seen[5 * COUNT + 2] = {0}, total = 0;
        for (int step = 0; step < steps; step++) {
            int64_t t = (int64_t)epoch * steps + step;
            int count = sampler_count(sampler, t);
            assert_int_equal(count, step + 1 < steps ? BATCH : rest);
            assert_int_equal(sampler_epoch(sampler, t), epoch);
            assert_int_equal(sampler_batch(sampler, t, samples), STATUS_OK);
            for (int i = 0; i < count; i++)
                assert_int_equal(seen[samples[i].index]++, 0);
            total += count;
        }
        assert_int_equal(total, (steps - 1) * BATCH + rest);
    }
    sampler_destroy(sampler);
}

static void last_batches_are_kept_or_dropped(void **state) {
    (void)state;
    check_last(LAST_BATCH_KEEP, COUNT / BATCH + 1, COUNT % BATCH);
    check_last(LAST_BATCH_DROP, COUNT / BATCH, BATCH);
    SamplerSpec spec = spec_default();
    Sampler *sampler;
    spec.count = BATCH - 1;
    spec.last = LAST_BATCH_DROP;
    assert_int_equal(sampler_create(&spec, &sampler), STATUS_BAD_INPUT);
}

/* What torchvision 0.29 gives, Python's round() of a half and all. */
static void the_middle_is_torchvisions(void **state) {
    (void)state;
    const int wants[] = {-4, -3, -3, -2, -2, -1, -1, 0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 4};
    for (int image = 0; image < 18; image++)
        assert_int_equal(crop_centre(image + 24, 32), wants[image]);
    assert_int_equal(crop_centre(256, 224), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_image_once_per_epoch),
        cmocka_unit_test(test_batch_larger_than_the_set),
        cmocka_unit_test(test_random_access_equals_sequential),
        cmocka_unit_test(test_no_shuffle_is_file_order),
        cmocka_unit_test(test_order_differs_between_epochs),
        cmocka_unit_test(test_independent_of_batch_size),
        cmocka_unit_test(test_augmentation_belongs_to_the_image),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_crops_and_flips_are_uniform),
        cmocka_unit_test(test_permutations_are_uniform),
        cmocka_unit_test(test_seed_changes_everything),
        cmocka_unit_test(test_known_answer),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(last_batches_are_kept_or_dropped),
        cmocka_unit_test(the_middle_is_torchvisions),
    };
    return !!cmocka_run_group_tests(tests, setup, NULL);
}
