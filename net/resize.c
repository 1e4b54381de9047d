#include "net/resize.h"

#include <math.h>
#include <stdlib.h>

static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* The weights of output pixel i, made whole numbers. */
static void fill_entry(const ResizeAxis *axis, int i, double scale, double support) {
    int32_t *entry = axis->entries + (size_t)i * (size_t)axis->stride;
    double centre = (i + 0.5) * scale, sum = 0;
    int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    first = first < 0 ? 0 : first;
    end = end > axis->in ? axis->in : end;
    entry[0] = first;
    entry[1] = end - first;
    for (int k = 0; k < end - first; k++)
        sum += triangle((k + first - centre + 0.5) / support);
    for (int k = 0; k < end - first; k++) {
        double weight = triangle((k + first - centre + 0.5) / support) / sum;
        entry[2 + k] = (int32_t)(0.5 + weight * (1 << RESIZE_BITS));
    }
}

Status resize_axis_create(int in, int out, ResizeAxis *axis) {
    double scale = (double)in / out, support = scale < 1 ? 1 : scale;
    *axis = (ResizeAxis){.in = in, .out = out, .stride = 2 * (int)ceil(support) + 3};
    axis->entries = calloc((size_t)out * (size_t)axis->stride, sizeof *axis->entries);
    if (!axis->entries)
        return status_fail(STATUS_NO_MEMORY, "no memory to resize %d pixels to %d", in, out);
    for (int i = 0; i < out; i++)
        fill_entry(axis, i, scale, support);
    return STATUS_OK;
}

void resize_axis_free(ResizeAxis *axis) {
    free(axis->entries);
    axis->entries = NULL;
}
