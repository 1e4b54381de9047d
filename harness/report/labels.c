#include "harness/report/labels.h"

#include <math.h>
#include <stdlib.h>

static int by_y(const void *a, const void *b) {
    const Label *p = a, *q = b;
    return p->y != q->y ? (p->y > q->y) - (p->y < q->y)
                        : (p->depth > q->depth) - (p->depth < q->depth);
}

/* With y_i - i gap the condition is that they do not decrease, and neighbours that would are pooled
 * at their mean: isotonic regression. */
void labels_spread(Label *labels, int count, double gap, double top) {
    double mean[LABELS_MAX];
    int size[LABELS_MAX], pools = 0;
    for (int i = 0; i < count; i++)
        labels[i].y = isnan(labels[i].y) ? top : fmin(labels[i].y, top);
    qsort(labels, (size_t)count, sizeof *labels, by_y);
    if (count > LABELS_MAX)
        return;
    for (int i = 0; i < count; i++) {
        mean[pools] = labels[i].y - i * gap;
        size[pools++] = 1;
        while (pools > 1 && mean[pools - 2] > mean[pools - 1]) {
            int n = size[pools - 2] + size[pools - 1];
            mean[pools - 2] =
                (mean[pools - 2] * size[pools - 2] + mean[pools - 1] * size[pools - 1]) / n;
            size[pools - 2] = n;
            pools--;
        }
    }
    for (int pool = 0, i = 0; pool < pools; pool++) {
        for (int k = 0; k < size[pool]; k++, i++) /* not beyond the ends of the axis */
            labels[i].y = fmax(fmin(mean[pool], top - (count - 1) * gap), 0) + i * gap;
    }
}
