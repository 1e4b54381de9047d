/* Mean and spread of a handful of runs. */
#ifndef HARNESS_REPORT_STATS_H
#define HARNESS_REPORT_STATS_H

typedef struct Summary {
    int n;                  /* values that are numbers */
    double mean;            /* NaN when n is 0 */
    double sd;              /* of the sample, divisor n - 1; NaN when n < 2 */
    double least, greatest; /* NaN when n is 0 */
} Summary;

/* NaN stands for a missing value and is left out. */
Summary summarize(const double *values, int count);

#endif
