#include "harness/base/sorted.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_numbers(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
}

double sorted_median(double *values, int count) {
    sort_numbers(values, count);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
