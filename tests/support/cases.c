#include "tests/support/cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/rig.h"

Net *case_net(const Case *test) {
    Net *net;
    OK(case_build(test, &net));
    return net;
}

const Case *case_named(const char *name) {
    const Case *found = case_find(name);
    if (!found)
        fail_msg("no case '%s'", name);
    return found;
}
