/* What reaches the net's input: images resized, cropped, mirrored and normalised. The expected
 * values are computed here, in the plainest way, and are equal to the bit: the contract gives the
 * arithmetic. The same program checks any backend: test_gather BACKEND. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/resize.h"
#include "tests/support/rig.h"

static const char *backend_name;

enum { BATCH = 6, C = 3, H = 5, W = 4, AREA = H * W };

static Net *any_net(void) {
    Net *net = net_create("gather");
    net_batch_norm(net, "bn", net_input(net, (Shape){C, H, W}));
    return net;
}

/* The input node's values for the given samples of a byte data set. */
static float *gathered(Rig *rig, const DatasetSpec *spec, const Sample *samples, int count) {
    Dataset *data;
    OK(dataset_create(rig->backend, spec, &data));
    Tap tap = {0, TAP_VALUE};
    Program *program = rig_program(rig, MODE_EVAL, 0, &tap, 1);
    Batch batch = {.data = data, .samples = samples, .count = count};
    OK(program_forward(program, &batch));
    size_t values;
    float *x = rig_tap(rig, program, 0, &values);
    program_destroy(program);
    dataset_destroy(data);
    return x;
}

static void crops_mirrors_and_normalises(void **state) {
    (void)state;
    enum { IMAGES = 4, SIZE = C * AREA };
    uint8_t bytes[IMAGES * SIZE];
    int32_t labels[IMAGES] = {0};
    float mean[SIZE], scale[C] = {0.25f, 0.5f, 1.0f / 3};
    for (int i = 0; i < IMAGES * SIZE; i++)
        bytes[i] = (uint8_t)(i * 37 % 251 + 1);
    for (int i = 0; i < SIZE; i++)
        mean[i] = 100.25f + (float)i;
    DatasetSpec spec = {.count = IMAGES,
                        .shape = {C, H, W},
                        .bytes = bytes,
                        .labels = labels,
                        .mean = mean,
                        .scale = scale};
    const Sample samples[] = {
        {3, 0, 0, 0}, {1, 2, -1, 0}, {0, -2, 3, 1}, {2, 0, 0, 1}, {2, 1, 1, 1}};
    Rig rig;
    rig_open(&rig, backend_name, 2, any_net(), BATCH, NULL);
    float *got = gathered(&rig, &spec, samples, 5), want[5 * SIZE];
    float *to = want;
    for (int n = 0; n < 5; n++)
        for (int c = 0; c < C; c++)
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    int row = y + samples[n].dy;
                    int column = (samples[n].flip ? W - 1 - x : x) + samples[n].dx;
                    bool inside = row >= 0 && row < H && column >= 0 && column < W;
                    int at = c * AREA + row * W + column;
                    *to++ = inside
                                ? ((float)bytes[samples[n].index * SIZE + at] - mean[at]) * scale[c]
                                : 0.0f;
                }
    assert_memory_equal(got, want, sizeof want);
    free(got);
    rig_close(&rig);
}

/* Resized first, then cropped and mirrored: as the definition of net/resize.h, to the bit. */
static void resizes_before_it_crops(void **state) {
    (void)state;
    enum { IMAGES = 3, IN_H = 4, IN_W = 3, OUT_H = 9, OUT_W = 7, OUT = OUT_H * OUT_W };
    uint8_t bytes[IMAGES * C * IN_H * IN_W];
    int32_t labels[IMAGES] = {0};
    float mean[C * OUT];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 89 % 256);
    for (int i = 0; i < C * OUT; i++)
        mean[i] = 0.5f * (float)i;
    DatasetSpec spec = {.count = IMAGES,
                        .shape = {C, IN_H, IN_W},
                        .resize_h = OUT_H,
                        .resize_w = OUT_W,
                        .bytes = bytes,
                        .labels = labels,
                        .mean = mean};
    const Sample samples[] = {{2, 4, 3, 0}, {0, 0, 1, 1}, {1, -2, 5, 1}};
    Rig rig;
    rig_open(&rig, backend_name, 2, any_net(), BATCH, NULL);
    float *got = gathered(&rig, &spec, samples, 3), want[3 * C * AREA], *to = want;
    ResizeAxis rows, columns;
    OK(resize_axis_create(IN_H, OUT_H, &rows));
    OK(resize_axis_create(IN_W, OUT_W, &columns));
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < C * AREA; i++) {
            int c = i / AREA, y = i / W % H + samples[n].dy, x = i % W;
            x = (samples[n].flip ? W - 1 - x : x) + samples[n].dx;
            const uint8_t *plane = bytes + (samples[n].index * C + c) * IN_H * IN_W;
            bool inside = y >= 0 && y < OUT_H && x >= 0 && x < OUT_W;
            *to++ = inside
                        ? (float)resize_pixel(rows.entries + y * rows.stride,
                                              columns.entries + x * columns.stride, plane, IN_W) -
                              mean[c * OUT + y * OUT_W + x]
                        : 0;
        }
    assert_memory_equal(got, want, sizeof want);
    resize_axis_free(&rows);
    resize_axis_free(&columns);
    free(got);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_gather BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops_mirrors_and_normalises),
        cmocka_unit_test(resizes_before_it_crops),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
