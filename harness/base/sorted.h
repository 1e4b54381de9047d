/* Numbers in order. */
#ifndef HARNESS_BASE_SORTED_H
#define HARNESS_BASE_SORTED_H

/* Ascending; no NaN among them. */
void sort_numbers(double *values, int count);
/* Sorts them; count >= 1. */
double sorted_median(double *values, int count);

#endif
