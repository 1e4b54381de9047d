/* Shared arrays: each ends at a guard page, is poisoned for every block, and has a canary in front.
 */
#include <sys/mman.h>

#include "block.h"

namespace softgpu {

namespace {
const size_t page = 4096, limit = 48 * 1024; /* bytes of static shared memory a block may have */
const unsigned char canary = 0xA5;

struct Place {
    SharedArray *array;
    char *map; /* a guard page, `bytes` rounded up to pages, a guard page */
    size_t map_bytes;
    uint64_t kernel; /* that used it last */
};
std::vector<Place> places;
uint64_t kernels = 0;
} // namespace

void shared_kernel_starts() {
    kernels++;
}

static Place *place_of(SharedArray *array) {
    for (Place &place : places)
        if (place.array == array)
            return &place;
    size_t body = (array->bytes + page - 1) / page * page;
    char *map = (char *)mmap(nullptr, body + 2 * page, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, body, PROT_READ | PROT_WRITE))
        softgpu_die("no memory for the shared array %s", array->name);
    memset(map + page, canary, body);
    uintptr_t end = (uintptr_t)map + page + body;
    array->address = (void *)((end - array->bytes) & ~(uintptr_t)(array->align - 1));
    places.push_back({array, map, body + 2 * page, 0});
    return &places.back();
}

void *shared_for_new_block(SharedArray *array) {
    die_outside_kernel("a shared array");
    Place *place = place_of(array);
    if (place->kernel !=
        kernels) { /* its first use in this launch: is it still within the limit? */
        place->kernel = kernels;
        size_t total = 0;
        for (const Place &other : places)
            if (other.kernel == kernels)
                total += other.array->bytes;
        if (total > limit)
            kernel_die(block.current, "launch limits: %zu bytes of shared memory, at most %zu",
                       total, limit);
    }
    array->block = block_number;
    memset(array->address, 0xFF, array->bytes);
    return array->address;
}

void check_shared(const char *kernel) {
    for (const Place &place : places) {
        if (place.kernel != kernels)
            continue;
        for (const char *p = place.map + page; p < (char *)place.array->address; p++)
            if ((unsigned char)*p != canary)
                softgpu_die("%s: wrote before the start of the shared array %s", kernel,
                            place.array->name);
    }
}

std::string describe_shared_address(const void *p) {
    for (const Place &place : places)
        if (p >= place.map && p < place.map + place.map_bytes)
            return std::string(p < place.array->address ? "before the start" : "past the end") +
                   " of the shared array " + place.array->name + " of " +
                   std::to_string(place.array->bytes) + " bytes";
    return "";
}

} // namespace softgpu
