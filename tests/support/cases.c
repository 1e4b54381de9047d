#include "tests/support/cases.h"

#include "tests/support/rig.h"

Net *case_net(const Case *test) {
    Net *net;
    OK(case_build(test, &net));
    return net;
}
