/* Writes real images and what net/resize.h makes of them, for resize_real.py. For each of the first
 * images of a data set that is here, each channel and each size: "height width size hex hex".
 * usage: resize_dump */
#include <stdio.h>
#include <stdlib.h>

#include "harness/data/data.h"
#include "net/resize.h"

enum { IMAGES = 5 };

static void put_hex(const uint8_t *bytes, int count) {
    for (int i = 0; i < count; i++)
        printf("%02x", bytes[i]);
}

static void dump_plane(const uint8_t *plane, Shape shape, int size) {
    ResizeAxis rows, columns;
    if (resize_axis_create(shape.h, size, &rows) != STATUS_OK ||
        resize_axis_create(shape.w, size, &columns) != STATUS_OK)
        exit(1);
    printf("%d %d %d ", shape.h, shape.w, size);
    put_hex(plane, shape.h * shape.w);
    putchar(' ');
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            printf("%02x", resize_pixel(rows.entries + y * rows.stride,
                                        columns.entries + x * columns.stride, plane, shape.w));
    putchar('\n');
    resize_axis_free(&rows);
    resize_axis_free(&columns);
}

static void dump_set(const ImageSet *set) {
    const int sizes[] = {20, 40, 256};
    size_t plane = (size_t)set->shape.h * (size_t)set->shape.w;
    for (int i = 0; i < IMAGES * set->shape.c; i++)
        for (int k = 0; k < 3; k++)
            dump_plane(set->images + (size_t)i * plane, set->shape, sizes[k]);
}

int main(void) {
    const char *const names[] = {"fashion_mnist", "cifar10"};
    for (int i = 0; i < 2; i++) {
        DataSource source;
        if (data_load(names[i], NULL, &source) != STATUS_OK)
            continue;
        dump_set(&source.test);
        data_free(&source);
    }
    return 0;
}
