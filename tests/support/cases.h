/* The case table for tests. */
#ifndef TESTS_SUPPORT_CASES_H
#define TESTS_SUPPORT_CASES_H

#include "harness/check/cases.h"

/* The case's net; fails the running test when it cannot be built. */
Net *case_net(const Case *test);
/* The case of that name; fails the running test when there is none. */
const Case *case_named(const char *name);

#endif
