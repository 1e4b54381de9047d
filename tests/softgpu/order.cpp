/* What is ordered before what, by vector clocks, and who may use which scratch memory. */
#include "internal.h"

namespace softgpu {

namespace {
struct Use {
    SoftgpuRange range;
    unsigned stream;
    uint64_t number; /* in that stream */
    std::string name;
};
std::vector<Use> uses;
Clock host; /* what the host has waited for: before everything that it enqueues from now on */
} // namespace

void merge(Clock *into, const Clock &from) {
    for (auto &item : from) {
        uint64_t &number = (*into)[item.first];
        number = number > item.second ? number : item.second;
    }
}

void host_knows(const Clock &clock) {
    merge(&host, clock);
}

void advance(cudaStream_t stream) {
    merge(&stream->clock, host);
    stream->clock[stream->id]++;
}

bool overlaps(const SoftgpuRange &a, const SoftgpuRange &b) {
    const char *a0 = (const char *)a.begin, *b0 = (const char *)b.begin;
    return a.bytes && b.bytes && a0 < b0 + b.bytes && b0 < a0 + a.bytes;
}

static bool covers(const SoftgpuRange &a, const SoftgpuRange &b) {
    const char *a0 = (const char *)a.begin, *b0 = (const char *)b.begin;
    return a0 <= b0 && b0 + b.bytes <= a0 + a.bytes;
}

void die_of_shared_scratch(const std::string &a, const std::string &b) {
    softgpu_die("%s: its scratch memory is that of %s, and nothing orders the two", b.c_str(),
                a.c_str());
}

void check_scratch(cudaStream_t stream, const std::string &name,
                   const std::vector<SoftgpuRange> &scratch) {
    for (const SoftgpuRange &range : scratch) {
        std::vector<Use> kept;
        for (Use &use : uses) {
            auto known = stream->clock.find(use.stream);
            bool before = known != stream->clock.end() && known->second >= use.number;
            if (!before && overlaps(use.range, range))
                die_of_shared_scratch(use.name, name);
            if (!before || !covers(range, use.range)) /* later ones are told by the new use */
                kept.push_back(std::move(use));
        }
        kept.push_back({range, stream->id, stream->clock[stream->id], name});
        uses = std::move(kept);
    }
}

} // namespace softgpu
