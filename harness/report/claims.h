/* What a tutorial says that its net reaches, beside what was measured:
 * experiments/reference/claims.csv. */
#ifndef HARNESS_REPORT_CLAIMS_H
#define HARNESS_REPORT_CLAIMS_H

#include <stdio.h>

#include "harness/report/results.h"

/* Opens the project's own copy. */
Status claims_open(CsvTable *claims);
/* True when a claim speaks of the net and the data set of some run. */
bool claims_apply(const CsvTable *claims, const Results *results);
/* One row a claim that applies: the claimed value, the mean, least and greatest of the runs at the
 * evaluation of that epoch, and a verdict: "agrees" when the mean lies within the claim's
 * tolerance, "differs", or "not measured" when no run was evaluated then. */
void claims_csv(FILE *file, const Results *results, const CsvTable *claims);
void claims_markdown(FILE *file, const Results *results, const CsvTable *claims);

#endif
