/* How a claim names a group of runs: "family=plain depth=56".
 *
 * A word NAME=... begins a condition on the column NAME of runs.csv; the words after it up to the
 * next such word belong to its value ("schedule=32000:0.1 48000:0.01"). A run is meant when every
 * condition holds, as numbers ("1e-4" is "0.0001") or as text. */
#ifndef HARNESS_VERDICT_SELECTOR_H
#define HARNESS_VERDICT_SELECTOR_H

#include "harness/report/results.h"

enum { SELECTOR_MAX = 16 };

typedef struct Selector {
    char text[512]; /* cut into the names and values below */
    const char *names[SELECTOR_MAX], *values[SELECTOR_MAX];
    int count;
} Selector;

/* STATUS_BAD_INPUT: empty, too long, a word before the first condition, a column that an experiment
 * does not have or that does not tell groups apart (seed, threads), a column twice. */
Status selector_parse(const char *text, Selector *selector);
bool selector_holds(const Selector *selector, const Results *results, int run);

#endif
