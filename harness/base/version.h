/* What this program was built from: provenance. */
#ifndef HARNESS_BASE_VERSION_H
#define HARNESS_BASE_VERSION_H

const char *version_number(void);   /* "0.1.0" */
const char *version_commit(void);   /* of git at build time, "-dirty" added; "unknown" */
const char *version_compiler(void); /* "gcc 12.2.0" */
const char *version_flags(void);    /* the compiler's options */

#endif
