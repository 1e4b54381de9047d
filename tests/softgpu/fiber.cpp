/* Switching stacks. On x86-64 a switch saves the registers that a call must preserve and nothing
 * else; elsewhere ucontext does it, slower (a system call for the signal mask). */
#include "fiber.h"

#include <cstdint>

#include <sys/mman.h>

#include "softgpu.h"

namespace {
const size_t guard_bytes = 4096, stack_bytes = 128 * 1024;

/* Tops of stacks lie apart modulo a page: in one place they would fight for the same cache lines.
 */
size_t stagger() {
    static size_t made = 0;
    return made++ % 60 * 64;
}
} // namespace

namespace softgpu {

static char *new_stack() {
    void *p = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p, guard_bytes, PROT_NONE))
        softgpu_die("no memory for the stacks of a block's threads");
    return (char *)p;
}

bool is_stack_guard(const Fiber *fiber, const void *p) {
    return fiber->stack && (const char *)p >= fiber->stack &&
           (const char *)p < fiber->stack + guard_bytes;
}

#ifdef SOFTGPU_PORTABLE

Fiber *new_fiber(void (*entry)()) {
    Fiber *fiber = new Fiber;
    fiber->stack = new_stack();
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack + guard_bytes;
    fiber->context.uc_stack.ss_size = stack_bytes - stagger();
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, entry, 0);
    return fiber;
}

void switch_fiber(Fiber *from, Fiber *to) {
    swapcontext(&from->context, &to->context);
}

#else

extern "C" void softgpu_switch(void **from, void *to);
asm(".text\n"
    ".globl softgpu_switch\n"
    ".type softgpu_switch, @function\n"
    "softgpu_switch:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n"
    ".size softgpu_switch, . - softgpu_switch\n");

Fiber *new_fiber(void (*entry)()) {
    Fiber *fiber = new Fiber;
    fiber->stack = new_stack();
    void **top = (void **)(fiber->stack + guard_bytes + stack_bytes - stagger());
    *--top = nullptr; /* the return address of entry: there is none; keeps the stack aligned */
    *--top = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    fiber->stack_pointer = top;
    return fiber;
}

void switch_fiber(Fiber *from, Fiber *to) {
    softgpu_switch(&from->stack_pointer, to->stack_pointer);
}

#endif

} // namespace softgpu
