/* Student's t distribution. The library that has it, GSL, is under the GPL, which this project is
 * not; these are checked against SciPy (tests/verdict). */
#ifndef HARNESS_VERDICT_STUDENT_H
#define HARNESS_VERDICT_STUDENT_H

/* P(T <= t) with df > 0 degrees of freedom, which need not be whole; t may be infinite. */
double student_cdf(double t, double df);
/* The t with student_cdf(t, df) = p, 0 < p < 1. */
double student_quantile(double p, double df);

#endif
