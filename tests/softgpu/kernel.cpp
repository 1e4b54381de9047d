/* Runs kernels: one block at a time, blocks in random order, a block's threads in random order.
 *
 * A fiber takes one fresh thread after another and calls the kernel for it. A thread that has to
 * wait keeps its fiber, and another fiber goes on with the rest; so a kernel without barriers
 * switches stacks only twice a block. */
#include <cinttypes>
#include <cstdarg>
#include <cstdio>

#include "block.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace softgpu {

Block block;
uint64_t block_number = 0;

static const std::function<void()> *kernel; /* one thread's work; NULL: none runs */
static const char *kernel_name;
static std::vector<dim3> indices; /* [thread] */
static Fiber host_fiber;
static Fiber *own; /* the fiber that runs now */
static std::vector<Fiber *> idle, all_fibers;

static dim3 index_in(dim3 extent, size_t i) {
    return dim3(i % extent.x, i / extent.x % extent.y, i / extent.x / extent.y);
}

void kernel_die(unsigned thread, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    dim3 t = index_in(blockDim, thread);
    softgpu_die("%s: block (%u,%u,%u) thread (%u,%u,%u): %s", kernel_name, blockIdx.x, blockIdx.y,
                blockIdx.z, t.x, t.y, t.z, what);
}

void die_outside_kernel(const char *what) {
    if (!kernel)
        softgpu_die("%s outside of a kernel", what);
}

/* Nothing can go on: say for what the first waiting thread waits. */
[[noreturn]] static void die_stuck() {
    for (unsigned t = 0; t < block.size; t++) {
        const Thread &thread = block.threads[t];
        if (thread.state != State::in_warp)
            continue;
        for (unsigned l = 0; l < 32; l++) {
            unsigned other = (t & ~31u) + l;
            if (!(thread.mask >> l & 1) || other == t)
                continue;
            const Thread &o = block.threads[other];
            if (o.state == State::in_warp && o.kind == thread.kind && o.mask == thread.mask &&
                o.line == thread.line)
                continue;
            const char *call = warp_name(thread.kind);
            if (o.state == State::in_warp)
                kernel_die(t,
                           "%s with mask %08x (line %d), but lane %u is in %s with mask %08x "
                           "(line %d): differing primitives",
                           call, thread.mask, thread.line, l, warp_name(o.kind), o.mask, o.line);
            kernel_die(t, "%s with mask %08x (line %d): lane %u is absent: it %s", call,
                       thread.mask, thread.line, l,
                       o.state == State::at_barrier ? "waits at a barrier" : "has returned");
        }
    }
    softgpu_die("%s: a block's threads wait for each other", kernel_name);
}

static void resume(Fiber *from, unsigned t) {
    block.current = t;
    block.threads[t].state = State::works;
    threadIdx = indices[t];
    own = block.threads[t].fiber;
    if (own != from)
        switch_fiber(from, own);
}

static unsigned pick_ready() {
    size_t i = below(block.ready.size());
    unsigned t = block.ready[i];
    block.ready[i] = block.ready.back();
    block.ready.pop_back();
    return t;
}

static bool start_next() {
    return block.started < block.size && !(block.resume_first && !block.ready.empty());
}

static void thread_returned(unsigned t) {
    block.threads[t].state = State::done;
    block.alive[t / 32] &= ~(1u << t % 32);
    block.done++;
    if (block.at_barrier)
        kernel_die(t, "returned without reaching the barrier at which others wait: "
                      "__syncthreads() is not reached by all threads of the block");
    if (block.in_warp[t / 32])
        for (unsigned other = t & ~31u; other < block.size && other < (t & ~31u) + 32; other++) {
            const Thread &o = block.threads[other];
            if (o.state == State::in_warp && o.mask >> t % 32 & 1)
                kernel_die(other, "%s with mask %08x (line %d): lane %u is absent: it has returned",
                           warp_name(o.kind), o.mask, o.line, t % 32);
        }
}

/* What every fiber does, for ever. */
static void fiber_main() {
    for (;;) {
        Fiber *self = own;
        while (start_next()) {
            unsigned t = block.order[block.started++];
            block.current = t;
            block.threads[t].state = State::works;
            threadIdx = indices[t];
            (*kernel)();
            thread_returned(t);
        }
        idle.push_back(self);
        if (!block.ready.empty()) {
            resume(self, pick_ready());
        } else if (block.done == block.size) {
            own = &host_fiber;
            switch_fiber(self, own);
        } else {
            die_stuck();
        }
    }
}

static Fiber *take_fiber() {
    if (idle.empty()) {
        all_fibers.push_back(new_fiber(fiber_main));
        return all_fibers.back();
    }
    Fiber *fiber = idle.back();
    idle.pop_back();
    return fiber;
}

void park() {
    Fiber *self = own;
    block.threads[block.current].fiber = self;
    if (start_next()) {
        own = take_fiber();
        switch_fiber(self, own);
    } else if (!block.ready.empty()) {
        resume(self, pick_ready());
    } else {
        die_stuck();
    }
}

void barrier(const char *file, int line) {
    die_outside_kernel("__syncthreads()");
    Thread &thread = block.threads[block.current];
    if (block.done)
        kernel_die(block.current,
                   "__syncthreads() (line %d) is not reached by all threads of the block: %u of %u "
                   "have returned",
                   line, block.done, block.size);
    thread.state = State::at_barrier;
    thread.file = file;
    thread.line = line;
    static unsigned first;
    if (block.at_barrier++ == 0)
        first = block.current;
    const Thread &other = block.threads[first];
    if (other.line != line || strcmp(other.file, file))
        kernel_die(block.current,
                   "waits at the barrier of line %d while others wait at that of line %d: "
                   "divergent __syncthreads()",
                   line, other.line);
    if (block.at_barrier == block.size) {
        block.at_barrier = 0;
        block.ready.resize(block.size);
        for (unsigned t = 0; t < block.size; t++)
            block.ready[t] = t;
    }
    park();
}

template <class T> static void shuffle(std::vector<T> &v) {
    for (size_t n = v.size(); n > 1; n--)
        std::swap(v[below(n)], v[n - 1]);
}

static void run_block() {
    block_number++;
    block.started = block.done = block.at_barrier = 0;
    block.resume_first = below(2);
    block.ready.clear();
    for (unsigned w = 0; w * 32 < block.size; w++) {
        unsigned lanes = block.size - w * 32;
        block.alive[w] = lanes < 32 ? (1u << lanes) - 1 : ~0u;
        block.in_warp[w] = 0;
    }
    for (Thread &thread : block.threads)
        thread.state = State::fresh;
    shuffle(block.order);
    own = take_fiber();
    switch_fiber(&host_fiber, own);
}

static void run_grid(const std::string &name, dim3 grid, dim3 extent,
                     const std::function<void()> &thread) {
    kernel = &thread;
    kernel_name = name.c_str();
    gridDim = grid;
    blockDim = extent;
    block.size = extent.x * extent.y * extent.z;
    block.threads.assign(block.size, Thread());
    block.order.resize(block.size);
    indices.resize(block.size);
    for (unsigned t = 0; t < block.size; t++) {
        block.order[t] = t;
        indices[t] = index_in(extent, t);
    }
    shared_kernel_starts();
    std::vector<unsigned> blocks((size_t)grid.x * grid.y * grid.z);
    for (size_t i = 0; i < blocks.size(); i++)
        blocks[i] = i;
    shuffle(blocks);
    for (unsigned b : blocks) {
        blockIdx = index_in(grid, b);
        run_block();
    }
    check_shared(kernel_name);
    kernel = nullptr;
}

static void check_limits(const char *name, dim3 g, dim3 b) {
    uint64_t threads = (uint64_t)b.x * b.y * b.z;
    if (b.x > 1024 || b.y > 1024 || b.z > 64 || threads == 0 || threads > 1024)
        softgpu_die("%s: launch limits: a block of (%u,%u,%u) threads; 1 to 1024, z at most 64",
                    name, b.x, b.y, b.z);
    if (!g.x || !g.y || !g.z || g.x > 0x7FFFFFFF || g.y > 65535 || g.z > 65535)
        softgpu_die("%s: launch limits: a grid of (%u,%u,%u) blocks; x 1 to 2147483647, y and z 1 "
                    "to 65535",
                    name, g.x, g.y, g.z);
    if ((uint64_t)g.x * g.y * g.z > 0xFFFFFFFF)
        softgpu_die("%s: more than 2^32 blocks: too many for the software GPU", name);
}

void launch(const char *name, dim3 grid, dim3 extent, cudaStream_t stream,
            std::function<void()> thread, const std::vector<const void *> &pointers) {
    check_stream(stream, name);
    check_limits(name, grid, extent);
    for (size_t i = 0; i < pointers.size(); i++)
        if (pointers[i] && !is_known_pointer(pointers[i]))
            softgpu_die("%s: pointer argument %zu (%p) is not memory that the device can reach",
                        name, i + 1, pointers[i]);
    if (softgpu_fails("launch")) {
        result(cudaErrorLaunchFailure);
        return;
    }
    Operation operation = {};
    operation.name = name;
    operation.run = [=, kernel_of = std::string(name)] {
        run_grid(kernel_of, grid, extent, thread);
    };
    result(enqueue(stream, std::move(operation)));
}

void misaligned(const void *p, size_t n, const char *file, int line) {
    die_outside_kernel("a vector access");
    kernel_die(block.current, "misaligned access: %p is not a multiple of %zu (%s:%d)", p, n, file,
               line);
}

std::string describe_kernel_address(const void *p) {
    if (own && own != &host_fiber && is_stack_guard(own, p))
        return "a thread's stack overflows";
    return describe_shared_address(p);
}

} // namespace softgpu
