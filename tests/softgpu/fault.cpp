/* A touch of memory that must not be touched: says who, what and where, and aborts. */
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "internal.h"

namespace softgpu {

const char *running = nullptr;

static void on_fault(int, siginfo_t *info, void *) {
    std::string what;
    const void *address = info->si_addr;
    if (info->si_code != SI_KERNEL) {
        if (open_touched(address))
            return;
        what = describe_address(address);
        if (what.empty())
            what = describe_kernel_address(address);
    }
    if (what.empty() && !running) { /* not ours: let it end the program as it would have */
        signal(SIGSEGV, SIG_DFL);
        return;
    }
    if (what.empty())
        what = info->si_code == SI_KERNEL ? "a misaligned or impossible address" : "no memory";
    fprintf(stderr, "softgpu: %s: touches address %p: %s\n", running ? running : "the host",
            address, what.c_str());
    abort();
}

void watch_faults() {
    static char stack[1 << 16]; /* a fiber's own may be what overflowed */
    static bool has_stack = false;
    if (!has_stack) {
        stack_t alternate = {};
        alternate.ss_sp = stack;
        alternate.ss_size = sizeof stack;
        sigaltstack(&alternate, nullptr);
        has_stack = true;
    }
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
}

} // namespace softgpu
