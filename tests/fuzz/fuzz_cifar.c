/* cifar_read(): bit 0 of the first byte says 100 classes instead of 10, bit 1 two records instead
 * of one; the rest is the file. */
#include <stdlib.h>

#include "harness/data/formats.h"
#include "tests/fuzz/fuzz.h"

enum { PIXELS = 3 * 32 * 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    int classes = data[0] & 1 ? 100 : 10, records = data[0] & 2 ? 2 : 1;
    uint8_t *images = malloc((size_t)records * PIXELS);
    int32_t *labels = malloc((size_t)records * sizeof *labels);
    REQUIRE(images && labels);
    const char *path = fuzz_file(0, data + 1, size - 1);
    if (cifar_read(path, records, classes, NULL, images, labels) == STATUS_OK) {
        fuzz_touch(images, (size_t)records * PIXELS);
        for (int i = 0; i < records; i++)
            REQUIRE(labels[i] >= 0 && labels[i] < classes);
    }
    free(images);
    free(labels);
    return 0;
}
