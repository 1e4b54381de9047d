/* Is a mean within a band? The decision, its interval, and how many more seeds it would take.
 * README.md of this folder has the method and what it assumes. */
#ifndef HARNESS_VERDICT_DECIDE_H
#define HARNESS_VERDICT_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/report/stats.h"

enum { MORE_SEEDS_MAX = 1000 };

/* The level of each one-sided test, and the power that the number of seeds is planned for. */
typedef struct Level {
    double alpha, power;
} Level;

#define LEVEL_DEFAULT ((Level){.alpha = 0.05, .power = 0.8})

/* What is judged: a mean, or the difference of two. */
typedef struct MeanEstimate {
    int n, n2; /* runs; n2: of the right side, 0 of one sample or of differences of pairs */
    double value;
    double sd, sd2;
    double se, df; /* NaN: a single run says nothing of the spread */
} MeanEstimate;

/* The open interval that the value should lie in; an end may be infinite. */
typedef struct Band {
    double low, high;
} Band;

typedef enum Verdict {
    NOT_MEASURED,
    INSIDE_BAND,  /* of a single run, which decides nothing */
    OUTSIDE_BAND, /* the same */
    REPRODUCED,
    NOT_REPRODUCED,
    UNDERPOWERED,
    UNDECIDED, /* a comparison in which runs diverged */
} Verdict;

typedef struct Decision {
    Verdict outcome;
    double ci_low, ci_high; /* two-sided, of confidence 1 - 2 alpha; NaN of a single run */
    double p;               /* of the hypothesis that the value lies outside of the band; or NaN */
    int more;               /* UNDERPOWERED: seeds to add (a side); MORE_SEEDS_MAX + 1: more */
} Decision;

/* One sample; of pairs, a sample of differences. */
MeanEstimate estimate_mean(const Summary *sample);
/* Left minus right, independent samples of unequal variance (Welch 1947). */
MeanEstimate estimate_difference(const Summary *left, const Summary *right);

Decision decide(const MeanEstimate *estimate, Band band, Level level);

/* The chance of a verdict with `more` runs a side added, if the value and the deviations stayed as
 * they are: of REPRODUCED where the value is inside the band, else of NOT_REPRODUCED. */
double decision_power(const MeanEstimate *estimate, Band band, Level level, int more);

/* "underpowered: 3 more seeds"; a decision that has diverged runs is worded by its caller. */
void decision_text(const Decision *decision, char *text, size_t size);

#endif
