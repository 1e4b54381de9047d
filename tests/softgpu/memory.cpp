/* Device and pinned memory. An allocation, rounded up to 256 bytes, ends at a guard page; what lies
 * between its size and the guard, and in front of it back to its first page, is a canary.
 * Fresh memory is 0xFF, which is NaN in every format; so is the canary. Freed addresses are never
 * used again, so that a late use faults. Device memory is accessible only while the device works:
 * an allocation is opened at the first touch, because most work touches little of what there is. */
#include <cstdio>
#include <cstring>

#include <sys/mman.h>

#include "internal.h"

namespace softgpu {

namespace {
const size_t page = 4096, huge_page = 2 << 20, granule = 256;
const unsigned char canary[2] = {0xA5, 0x7F}; /* a NaN as bf16 and as float */

struct Allocation {
    bool pinned, open;       /* open: accessible now */
    size_t bytes, map_bytes; /* asked for; with guards */
    char *map, *begin, *end; /* begin + bytes <= end, the guard page behind */
};
using Table = std::map<const char *, Allocation>; /* by map */
Table live, freed;
size_t used = 0, card_bytes = (size_t)4 << 30;
bool working = false; /* the device, and not the host, runs */
} // namespace

static const Allocation *find(const Table &table, const void *p) {
    auto after = table.upper_bound((const char *)p);
    if (after == table.begin())
        return nullptr;
    const Allocation &a = std::prev(after)->second;
    return (const char *)p < a.map + a.map_bytes ? &a : nullptr;
}

static const Allocation *find_live(const void *p, size_t bytes, bool pinned) {
    const Allocation *a = find(live, p);
    const char *begin = (const char *)p;
    if (!a || a->pinned != pinned || begin < a->begin || begin > a->begin + a->bytes ||
        bytes > (size_t)(a->begin + a->bytes - begin))
        return nullptr;
    return a;
}

bool on_host_pinned(const void *p, size_t bytes) {
    return find_live(p, bytes, true);
}

bool is_known_pointer(const void *p) {
    return find_live(p, 0, false) || find_live(p, 0, true);
}

static void protect(Allocation *a, bool open) {
    if (mprotect(a->map + page, a->map_bytes - 2 * page, open ? PROT_READ | PROT_WRITE : PROT_NONE))
        softgpu_die("cannot change the protection of device memory");
    a->open = open;
}

void open_memory() {
    if (!working)
        watch_faults();
    working = true;
}

void close_memory() {
    for (auto &item : live)
        if (item.second.open && !item.second.pinned)
            protect(&item.second, false);
    working = false;
}

bool open_touched(const void *p) {
    Allocation *a = const_cast<Allocation *>(find(live, p));
    if (!working || !a || a->open || (const char *)p < a->map + page || (const char *)p >= a->end)
        return false;
    protect(a, true);
    return true;
}

/* What canaries look like: [i] for an address that is i modulo 2. */
static const unsigned char *canary_pattern() {
    static unsigned char pattern[granule + 2];
    if (!pattern[0])
        for (size_t i = 0; i < sizeof pattern; i++)
            pattern[i] = canary[i % 2];
    return pattern;
}

/* At most `granule` bytes: they are looked at after every operation. */
static bool canary_holds(const char *from, const char *to) {
    return !memcmp(from, canary_pattern() + (uintptr_t)from % 2, (size_t)(to - from));
}

static void check_canary(const Allocation &a, const char *name) {
    const char *front = a.begin - granule > a.map + page ? a.begin - granule : a.map + page;
    const char *where = !canary_holds(a.begin + a.bytes, a.end) ? "past the end"
                        : !canary_holds(front, a.begin)         ? "before the start"
                                                                : nullptr;
    if (where)
        softgpu_die("%s: wrote %s of an allocation of %zu bytes (%s memory at %p)", name, where,
                    a.bytes, a.pinned ? "pinned" : "device", (void *)a.begin);
}

void check_canaries(const char *name) {
    for (auto &item : live)
        if (item.second.open)
            check_canary(item.second, name);
}

std::string describe_address(const void *p) {
    const Allocation *a = find(live, p);
    if (a) {
        std::string of = std::string(" of an allocation of ") + std::to_string(a->bytes) + " bytes";
        if ((const char *)p >= a->end)
            return "past the end" + of;
        if ((const char *)p < a->map + page)
            return "before the start" + of;
        return "host access to device memory" + of;
    }
    a = find(freed, p);
    return a ? "freed memory (" + std::to_string(a->bytes) + " bytes)" : "";
}

static void *allocate(size_t bytes, bool pinned) {
    size_t rounded = (bytes + granule - 1) / granule * granule;
    size_t body = (rounded + page - 1) / page * page;
    char *map = (char *)mmap(nullptr, body + 2 * page, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return nullptr;
    if (mprotect(map + page, body, PROT_READ | PROT_WRITE)) {
        munmap(map, body + 2 * page);
        return nullptr;
    }
    if (body >= 2 * huge_page) /* to open and close it is then quick */
        madvise(map, body + 2 * page, MADV_HUGEPAGE);
    char *end = map + page + body, *begin = end - rounded;
    memset(begin, 0xFF, bytes);
    for (char *p = map + page; p < begin; p++)
        *p = canary[(uintptr_t)p % 2];
    for (char *p = begin + bytes; p < end; p++)
        *p = canary[(uintptr_t)p % 2];
    live[map] = {pinned, true, bytes, body + 2 * page, map, begin, end};
    if (!pinned)
        protect(&live[map], false);
    return begin;
}

/* The address range stays taken, the memory goes back. */
static void release(const Allocation *a) {
    Allocation old = *a;
    if (mmap(old.map, old.map_bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        softgpu_die("cannot take memory back from the program");
    live.erase(old.map);
    freed[old.map] = old;
}

static const Allocation *to_free(const void *p, bool pinned, const char *call) {
    const Allocation *a = find(live, p);
    if (a && a->begin == p && a->pinned == pinned)
        return a;
    a = find(freed, p);
    softgpu_die("%s: %p %s", call, p,
                a && a->begin == p ? "was freed already" : "was not allocated for it");
}

int report_memory_leaks() {
    for (auto &item : live)
        fprintf(stderr, "softgpu: leaked: %zu bytes of %s memory at %p\n", item.second.bytes,
                item.second.pinned ? "pinned" : "device", (void *)item.second.begin);
    return (int)live.size();
}

static bool in_use(const void *p, size_t bytes) {
    SoftgpuRange range = {p, bytes};
    for (cudaStream_t stream : streams)
        for (const Entry &entry : stream->queue) {
            if (overlaps(entry.operation.host, range))
                return true;
            if (entry.replay)
                for (const Node &node : entry.replay->graph->nodes)
                    if (overlaps(node.operation.host, range))
                        return true;
        }
    return false;
}

} // namespace softgpu

using namespace softgpu;

void softgpu_card(size_t bytes) {
    card_bytes = bytes;
}

bool softgpu_on_device(const void *p, size_t bytes) {
    return find_live(p, bytes, false);
}

cudaError_t cudaMalloc(void **pointer, size_t size) {
    watch_faults();
    bool fails = softgpu_fails("alloc");
    cudaError_t error = forbidden_in_capture();
    if (error)
        return result(error);
    *pointer = nullptr;
    if (size == 0)
        return cudaSuccess;
    size_t rounded = (size + granule - 1) / granule * granule;
    if (fails || size > card_bytes || used + rounded > card_bytes)
        return result(cudaErrorMemoryAllocation);
    *pointer = allocate(size, false);
    if (!*pointer)
        return result(cudaErrorMemoryAllocation);
    used += rounded;
    return cudaSuccess;
}

/* Waits for the device, as the real one does. */
cudaError_t cudaFree(void *pointer) {
    cudaError_t error = forbidden_in_capture();
    if (error)
        return result(error);
    if (!pointer)
        return cudaSuccess;
    const Allocation *a = to_free(pointer, false, "cudaFree");
    run_all();
    used -= (a->bytes + granule - 1) / granule * granule;
    release(a);
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **pointer, size_t size, unsigned int flags) {
    watch_faults();
    if (flags != cudaHostAllocDefault)
        softgpu_die("cudaHostAlloc: flags %u are not supported", flags);
    bool fails = softgpu_fails("host_alloc");
    cudaError_t error = forbidden_in_capture();
    if (error)
        return result(error);
    *pointer = size && !fails ? allocate(size, true) : nullptr;
    return size && !*pointer ? result(cudaErrorMemoryAllocation) : cudaSuccess;
}

cudaError_t cudaFreeHost(void *pointer) {
    cudaError_t error = forbidden_in_capture();
    if (error)
        return result(error);
    if (!pointer)
        return cudaSuccess;
    const Allocation *a = to_free(pointer, true, "cudaFreeHost");
    if (in_use(pointer, a->bytes))
        softgpu_die("cudaFreeHost: %zu bytes at %p are freed while a copy that was enqueued still "
                    "uses them",
                    a->bytes, pointer);
    check_canary(*a, "cudaFreeHost");
    release(a);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    *free_bytes = used < card_bytes ? card_bytes - used : 0;
    *total = card_bytes;
    return cudaSuccess;
}
