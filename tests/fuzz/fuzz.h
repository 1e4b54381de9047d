/* What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput(): it hands the
 * bytes to a reader, and where the reader takes them, requires what its header promises. Memory
 * errors and undefined behaviour are the sanitizers' to find. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Ends the program with a line that says what does not hold. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_broken(__FILE__, __LINE__, #condition);                                           \
    } while (0)

_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

/* The path of a file in memory that holds these bytes; slots are 0, 1 and 2. Valid until the slot
 * is filled again. */
const char *fuzz_file(int slot, const void *bytes, size_t size);

/* Reads every byte, so that a pointer or a size that is wrong cannot stay unseen. */
void fuzz_touch(const void *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
