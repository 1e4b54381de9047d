/* Subsets, splits and normalisation, on sets made up here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/data/data.h"

/* ---- subsets ---- */

enum { N = 200, CLASSES = 4 };
static int32_t labels_of[N];

/* Classes of 110, 60, 25 and 5 images, mixed. */
static ImageSet uneven(void) {
    static const int sizes[CLASSES] = {110, 60, 25, 5};
    int left[CLASSES];
    memcpy(left, sizes, sizeof left);
    for (int i = 0, c = 0; i < N; i++) {
        for (c = (i * 7 + 1) % CLASSES; left[c] == 0;)
            c = (c + 1) % CLASSES;
        labels_of[i] = c;
        left[c]--;
    }
    return (ImageSet){.count = N, .classes = CLASSES, .shape = {1, 1, 1}, .labels = labels_of};
}

static void count_classes(const ImageSet *set, const int32_t *indices, int count, int *counts) {
    memset(counts, 0, (size_t)set->classes * sizeof *counts);
    for (int i = 0; i < count; i++) {
        assert_in_range(indices[i], 0, set->count - 1);
        assert_true(i == 0 || indices[i] > indices[i - 1]); /* file order, none twice */
        counts[set->labels[indices[i]]]++;
    }
}

static void test_subset(void **state) {
    (void)state;
    static const int expected[][CLASSES] = {
        {4, 4, 4, 4}, {6, 6, 6, 5}, {8, 7, 7, 5}, {45, 45, 25, 5}, {60, 60, 25, 5}};
    ImageSet set = uneven();
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        int counts[CLASSES], used, want = 0, low = N, high = 0;
        int32_t *indices;
        for (int c = 0; c < CLASSES; c++)
            want += expected[k][c];
        assert_int_equal(data_subset(&set, want, &indices, &used), STATUS_OK);
        assert_int_equal(used, want);
        count_classes(&set, indices, used, counts);
        for (int c = 0; c < CLASSES; c++) /* equal to one, where a class is large enough */
            if (expected[k][c] < (int[]){110, 60, 25, 5}[c]) {
                low = counts[c] < low ? counts[c] : low;
                high = counts[c] > high ? counts[c] : high;
            } else {
                assert_int_equal(counts[c], expected[k][c]);
            }
        assert_in_range(high - low, 0, 1);
        free(indices);
    }
}

/* The first ones: no image left out comes before a taken one of its class. */
static void test_subset_takes_the_first(void **state) {
    (void)state;
    ImageSet set = uneven();
    int32_t *indices;
    int used, next = 0, closed[CLASSES] = {0};
    assert_int_equal(data_subset(&set, 21, &indices, &used), STATUS_OK);
    for (int i = 0; i < N; i++) {
        if (next < used && indices[next] == i) {
            assert_false(closed[labels_of[i]]);
            next++;
        } else {
            closed[labels_of[i]] = 1;
        }
    }
    assert_int_equal(next, used);
    free(indices);
}

static void test_subset_of_all(void **state) {
    (void)state;
    static const int wants[] = {0, -1, N, N + 1};
    ImageSet set = uneven();
    for (int k = 0; k < 4; k++) {
        int32_t *indices;
        int used;
        assert_int_equal(data_subset(&set, wants[k], &indices, &used), STATUS_OK);
        assert_int_equal(used, N);
        for (int i = 0; i < N; i++)
            assert_int_equal(indices[i], i);
        free(indices);
    }
}

static void test_split(void **state) {
    (void)state;
    enum { COUNT = 500, HELD = 52, TEN = 10 };
    static int32_t labels[2 * COUNT], indices[COUNT];
    ImageSet set = {.count = 2 * COUNT, .classes = TEN, .shape = {1, 1, 1}, .labels = labels};
    int differ = 0, counts[TEN];
    int32_t *train, *held, *train2, *held2;
    for (int i = 0; i < 2 * COUNT; i++)
        labels[i] = i / 2 % TEN;
    for (int i = 0; i < COUNT; i++)
        indices[i] = 2 * i + 1;
    assert_int_equal(data_split(&set, indices, COUNT, HELD, 5, &train, &held), STATUS_OK);
    count_classes(&set, held, HELD, counts);
    for (int c = 0; c < TEN; c++)
        assert_in_range(counts[c], 5, 6);
    count_classes(&set, train, COUNT - HELD, counts);
    for (int c = 0; c < TEN; c++)
        assert_in_range(counts[c], 44, 45);
    for (int i = 0, t = 0, h = 0; i < COUNT; i++) { /* both together are all, none in both */
        if (h < HELD && held[h] == indices[i])
            h++;
        else
            assert_int_equal(train[t++], indices[i]);
    }
    assert_int_equal(data_split(&set, indices, COUNT, HELD, 5, &train2, &held2), STATUS_OK);
    assert_memory_equal(held, held2, HELD * sizeof *held);
    assert_memory_equal(train, train2, (COUNT - HELD) * sizeof *train);
    free(train2);
    free(held2);
    assert_int_equal(data_split(&set, indices, COUNT, HELD, 6, &train2, &held2), STATUS_OK);
    for (int i = 0; i < HELD; i++)
        differ += held[i] != held2[i];
    assert_in_range(differ, HELD / 2, HELD);
    free(train);
    free(held);
    free(train2);
    free(held2);
    assert_int_equal(data_split(&set, indices, COUNT, COUNT, 5, &train, &held), STATUS_BAD_INPUT);
    assert_null(train);
    assert_null(held);
    assert_int_equal(data_split(&set, indices, COUNT, 0, 5, &train, &held), STATUS_BAD_INPUT);
}

/* ---- normalisation ---- */

enum { C = 3, H = 2, W = 4, PIXELS = C * H * W, IMAGES = 9, USED = 6 };
static uint8_t pixels[IMAGES * PIXELS];
static const int32_t used_images[USED] = {0, 2, 3, 5, 7, 8};

static ImageSet coloured(void) {
    for (int k = 0; k < IMAGES * PIXELS; k++)
        pixels[k] = (uint8_t)(k * 37 % 256);
    return (ImageSet){.count = IMAGES, .classes = 2, .shape = {C, H, W}, .images = pixels};
}

static double pixel(int i, int c, int k) {
    return pixels[used_images[i] * PIXELS + c * H * W + k];
}

static void assert_near(double found, double expected) {
    double bound = 4 * 0x1p-24 * fabs(expected); /* two float roundings, with room for double */
    if (!(fabs(found - expected) <= bound))
        fail_msg("found %.9g, expected %.9g", found, expected);
}

static void test_normalize_pixel(void **state) {
    (void)state;
    ImageSet set = coloured();
    Normalization out;
    assert_int_equal(normalization_make(NORMALIZE_PIXEL, &set, used_images, USED, &out), STATUS_OK);
    for (int c = 0; c < C; c++) {
        assert_near(out.scale[c], 1.0 / 255);
        for (int k = 0; k < H * W; k++) {
            double sum = 0;
            for (int i = 0; i < USED; i++)
                sum += pixel(i, c, k);
            assert_near(out.mean[c * H * W + k], sum / USED);
        }
    }
    normalization_free(&out);
    assert_null(out.mean);
}

static void test_normalize_channel(void **state) {
    (void)state;
    ImageSet set = coloured();
    Normalization out;
    assert_int_equal(normalization_make(NORMALIZE_CHANNEL, &set, used_images, USED, &out),
                     STATUS_OK);
    for (int c = 0; c < C; c++) {
        double mean = 0, variance = 0; /* in two passes, unlike the code under test */
        for (int i = 0; i < USED; i++)
            for (int k = 0; k < H * W; k++)
                mean += pixel(i, c, k) / (USED * H * W);
        for (int i = 0; i < USED; i++)
            for (int k = 0; k < H * W; k++)
                variance += (pixel(i, c, k) - mean) * (pixel(i, c, k) - mean) / (USED * H * W);
        assert_near(out.scale[c], 1 / sqrt(variance));
        for (int k = 0; k < H * W; k++)
            assert_near(out.mean[c * H * W + k], mean);
    }
    normalization_free(&out);
}

static void test_normalize_constants(void **state) {
    (void)state;
    static const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
    ImageSet set = coloured();
    Normalization out;
    assert_int_equal(normalization_make(NORMALIZE_IMAGENET, &set, used_images, USED, &out),
                     STATUS_OK);
    for (int c = 0; c < C; c++) {
        assert_near(out.mean[c * H * W], 255 * mean[c]);
        assert_near(out.scale[c], 1 / (255 * deviation[c]));
    }
    normalization_free(&out);
    assert_int_equal(normalization_make(NORMALIZE_SCALE, &set, used_images, USED, &out), STATUS_OK);
    for (int k = 0; k < PIXELS; k++)
        assert_true(out.mean[k] == 0);
    assert_near(out.scale[2], 1.0 / 255);
    normalization_free(&out);
}

static void test_normalize_refusals(void **state) {
    (void)state;
    ImageSet set = coloured();
    Normalization out;
    assert_int_equal(normalization_make(NORMALIZE_PIXEL, &set, used_images, 0, &out),
                     STATUS_BAD_INPUT);
    assert_null(out.mean);
    memset(pixels, 77, sizeof pixels);
    assert_int_equal(normalization_make(NORMALIZE_CHANNEL, &set, used_images, USED, &out),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "channel 0 is constant"));
    set.shape = (Shape){1, 28, 28};
    assert_int_equal(normalization_make(NORMALIZE_IMAGENET, &set, used_images, USED, &out),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "3 channels"));
    assert_null(out.scale);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subset),
        cmocka_unit_test(test_subset_takes_the_first),
        cmocka_unit_test(test_subset_of_all),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_normalize_pixel),
        cmocka_unit_test(test_normalize_channel),
        cmocka_unit_test(test_normalize_constants),
        cmocka_unit_test(test_normalize_refusals),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
