#include "harness/base/version.h"

#include "reslab_commit.h" /* made at build time by version.cmake */

const char *version_number(void) {
    return RESLAB_VERSION;
}

const char *version_commit(void) {
    return RESLAB_COMMIT;
}

const char *version_compiler(void) {
#ifdef __clang__
    return __VERSION__; /* begins with the compiler's name */
#else
    return "gcc " __VERSION__;
#endif
}

const char *version_flags(void) {
    return RESLAB_FLAGS;
}
