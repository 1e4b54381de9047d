/* Fibers: stacks of their own between which the one host thread switches. */
#ifndef SOFTGPU_FIBER_H
#define SOFTGPU_FIBER_H

#if !defined(__x86_64__) || defined(SOFTGPU_UCONTEXT)
#include <ucontext.h>
#define SOFTGPU_PORTABLE 1
#endif

namespace softgpu {

struct Fiber {
#ifdef SOFTGPU_PORTABLE
    ucontext_t context;
#else
    void *stack_pointer = nullptr;
#endif
    char *stack = nullptr; /* its lowest page is a guard; NULL: the host's own stack */
    unsigned thread = 0;
};

/* A fiber that will call entry(), which must not return, when it is first switched to. */
Fiber *new_fiber(void (*entry)());
void switch_fiber(Fiber *from, Fiber *to);
bool is_stack_guard(const Fiber *fiber, const void *p);

} // namespace softgpu

#endif
