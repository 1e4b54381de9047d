/* One case of the table on a backend, against the oracle. */
#ifndef HARNESS_CHECK_CHECK_H
#define HARNESS_CHECK_CHECK_H

#include "harness/check/cases.h"
#include "harness/check/pair.h"

typedef enum CheckPart {
    PART_FORWARD,    /* output in every mode, loss */
    PART_GRADIENTS,  /* of the input and of every parameter */
    PART_STATISTICS, /* of batch norms, in every mode; nothing compared when there are none */
    PART_STEPS,      /* ten training steps; nothing compared for a net without a loss */
    PART_BITS,       /* the same bits when run again */
    CHECK_PARTS
} CheckPart;

typedef struct CaseResult {
    Verdict parts[CHECK_PARTS];
} CaseResult;

/* Differences go into *result; the Status is for what could not be run. */
Status check_case(const CheckSpec *spec, const Case *test, CaseResult *result);
/* True when no part failed. */
bool case_is_good(const CaseResult *result);

#endif
