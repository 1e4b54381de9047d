#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_broken(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

const char *fuzz_file(int slot, const void *bytes, size_t size) {
    static int files[3] = {-1, -1, -1};
    static char paths[3][32];
    if (files[slot] < 0) {
        files[slot] = memfd_create("input", 0);
        REQUIRE(files[slot] >= 0);
        snprintf(paths[slot], sizeof paths[slot], "/proc/self/fd/%d", files[slot]);
    }
    REQUIRE(ftruncate(files[slot], 0) == 0);
    REQUIRE(pwrite(files[slot], bytes, size, 0) == (ssize_t)size);
    return paths[slot];
}

void fuzz_touch(const void *bytes, size_t size) {
    const volatile uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        (void)at[i];
}
