/* Resizing against Pillow's bytes. usage: test_resize GOLDEN */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/resize.h"

static const char *golden;

enum { BYTES_MAX = 8192 };

/* Bytes from hexadecimal digits; how many. */
static int from_hex(const char *text, uint8_t *bytes) {
    int count = 0;
    for (; text[2 * count] && text[2 * count + 1]; count++) {
        unsigned value;
        assert_int_equal(sscanf(text + 2 * count, "%2x", &value), 1);
        bytes[count] = (uint8_t)value;
    }
    return count;
}

static void check_line(const char *line) {
    static char from_text[2 * BYTES_MAX], to_text[2 * BYTES_MAX];
    static uint8_t from[BYTES_MAX], to[BYTES_MAX];
    int h, w, out_h, out_w;
    ResizeAxis rows, columns;
    assert_int_equal(sscanf(line, "%d %d %d %d %s %s", &h, &w, &out_h, &out_w, from_text, to_text),
                     6);
    assert_int_equal(from_hex(from_text, from), h * w);
    assert_int_equal(from_hex(to_text, to), out_h * out_w);
    assert_int_equal(resize_axis_create(h, out_h, &rows), STATUS_OK);
    assert_int_equal(resize_axis_create(w, out_w, &columns), STATUS_OK);
    for (int y = 0; y < out_h; y++)
        for (int x = 0; x < out_w; x++) {
            uint8_t got = resize_pixel(rows.entries + y * rows.stride,
                                       columns.entries + x * columns.stride, from, w);
            if (got != to[y * out_w + x])
                fail_msg("%dx%d to %dx%d, pixel (%d, %d): %d, Pillow has %d", h, w, out_h, out_w, y,
                         x, got, to[y * out_w + x]);
        }
    resize_axis_free(&rows);
    resize_axis_free(&columns);
}

static void equals_pillow(void **state) {
    (void)state;
    static char line[4 * BYTES_MAX];
    int lines = 0;
    FILE *file = fopen(golden, "r");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file); lines++)
        check_line(line);
    fclose(file);
    assert_true(lines >= 14);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_resize GOLDEN\n");
        return 2;
    }
    golden = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_pillow)};
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
