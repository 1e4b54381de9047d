/* Student's t distribution. The library that has it, GSL, is under the GPL, which this project is
 * not; these are checked against SciPy (tests/verdict). */
#ifndef HARNESS_REPORT_STUDENT_H
#define HARNESS_REPORT_STUDENT_H

/* P(T <= t) with df > 0 degrees of freedom, which need not be whole; t may be infinite. */
double student_cdf(double t, double df);
/* The t with student_cdf(t, df) = p, 0 < p < 1. */
double student_quantile(double p, double df);

#define CONFIDENCE 0.90 /* of the intervals that figures show; as the verdicts' */
/* Half the length of the interval of a mean of n values with that deviation, two-sided, of
 * confidence 1 - 2 alpha; NaN of fewer than two. */
double student_half_width(int n, double sd, double alpha);

#endif
