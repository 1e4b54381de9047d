/* The block of threads that runs now: what kernel.cpp, warp.cpp and shared.cpp share. */
#ifndef SOFTGPU_BLOCK_H
#define SOFTGPU_BLOCK_H

#include "fiber.h"
#include "internal.h"
#include "softgpu_kernel.h"

namespace softgpu {

enum class State : uint8_t { fresh, works, at_barrier, in_warp, done };

struct Thread {
    State state;
    Fiber *fiber; /* once it has met a barrier */
    const char *file;
    int line; /* of the barrier or primitive at which it waits */
    Warp kind;
    unsigned mask, source;
    uint64_t value, answer;
};

struct Block {
    unsigned size = 0, started = 0, done = 0, at_barrier = 0;
    bool resume_first; /* threads that may go on run before fresh ones start */
    unsigned current;  /* thread */
    std::vector<Thread> threads;
    std::vector<uint16_t> order; /* in which fresh threads start */
    std::vector<uint16_t> ready; /* waited, and may go on */
    /* [warp]: the lanes that wait in a primitive; that exist and have not returned. */
    unsigned in_warp[32], alive[32];
};
extern Block block;

/* Names the kernel, the block and the thread. */
[[noreturn]] void kernel_die(unsigned thread, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void die_outside_kernel(const char *what);
/* The current thread waits; returns when it is made ready and picked. */
void park();
const char *warp_name(Warp kind);

/* shared.cpp */
void shared_kernel_starts();
void check_shared(const char *kernel);
std::string describe_shared_address(const void *p);

} // namespace softgpu

#endif
