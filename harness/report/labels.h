/* Names beside the ends of lines. */
#ifndef HARNESS_REPORT_LABELS_H
#define HARNESS_REPORT_LABELS_H

enum { LABELS_MAX = 64 };

typedef struct Label {
    int depth;
    double y; /* of the line's end; NaN: the line is not in the picture */
} Label;

/* Sorts the labels by y and moves them apart by `gap`, as little as possible in the sum of squares;
 * then into [0, top] as a whole where they would leave it. NaN goes to the top. More than
 * LABELS_MAX are only sorted: no picture has room for them. */
void labels_spread(Label *labels, int count, double gap, double top);

#endif
