/* Runs what waits in the streams, in a random order that streams and events allow. */
#include "internal.h"

namespace softgpu {

namespace {
/* How to choose among the streams that can go on. Uniform choice alone would hardly ever let one
 * stream run far ahead of another. */
enum Manner { any, favourites, only_wanted };
Manner manner;
uint64_t salt; /* says which streams are the favourites */
} // namespace

static bool can_run(cudaStream_t stream) {
    if (stream->queue.empty())
        return false;
    for (const auto &record : stream->queue.front().needs)
        if (!record->done)
            return false;
    return true;
}

static void choose_manner() {
    manner = (Manner)below(3);
    salt = softgpu_random();
}

static uint64_t favour(size_t stream) {
    uint64_t z = (stream + salt) * 0x9E3779B97F4A7C15u;
    return z ^ z >> 29;
}

/* Indices of streams, not their numbers: these go on from one test of a process to the next. */
static cudaStream_t choose(cudaStream_t wanted) {
    std::vector<size_t> able;
    for (size_t i = 0; i < streams.size(); i++)
        if (can_run(streams[i]))
            able.push_back(i);
    if (able.empty())
        return nullptr;
    if (below(32) == 0)
        choose_manner();
    if (manner == only_wanted && wanted && can_run(wanted))
        return wanted;
    size_t chosen = able[below(able.size())];
    if (manner == favourites)
        for (size_t i : able)
            if (favour(i) > favour(chosen))
                chosen = i;
    return streams[chosen];
}

void perform(const Operation &operation) {
    open_memory();
    running = operation.name.c_str();
    operation.run();
    check_canaries(running);
    running = nullptr;
}

static bool step(cudaStream_t wanted) {
    cudaStream_t stream = choose(wanted);
    if (!stream)
        return false;
    Entry &entry = stream->queue.front();
    if (entry.replay && entry.replay->left)
        replay_one(entry.replay.get());
    else if (entry.operation.run)
        perform(entry.operation);
    if (entry.replay && entry.replay->left)
        return true;
    if (entry.sets) {
        entry.sets->seconds = seconds_now();
        entry.sets->done = true;
    }
    stream->queue.pop_front();
    return true;
}

static void forget_destroyed() {
    size_t kept = 0;
    for (cudaStream_t stream : streams)
        if (stream->live || !stream->queue.empty())
            streams[kept++] = stream;
    streams.resize(kept);
}

static void run_some(uint64_t steps) {
    while (steps-- && step(nullptr))
        ;
}

void run_until(const std::function<bool()> &done, cudaStream_t wanted) {
    check_canaries("the host");
    choose_manner();
    while (!done())
        if (!step(wanted))
            softgpu_die("streams wait for each other");
    if (below(2)) /* the device may be faster than the host that waited */
        run_some(below(64));
    close_memory();
    forget_destroyed();
}

void run_part() {
    check_canaries("the host");
    choose_manner();
    run_some(below(16));
    close_memory();
}

static bool all_idle() {
    for (cudaStream_t stream : streams)
        if (!stream->queue.empty())
            return false;
    return true;
}

void run_all() {
    run_until(all_idle, nullptr);
}

void discard_all() {
    for (cudaStream_t stream : streams) {
        for (Entry &entry : stream->queue)
            if (entry.sets)
                entry.sets->done = true;
        stream->queue.clear();
    }
    forget_destroyed();
}

} // namespace softgpu
