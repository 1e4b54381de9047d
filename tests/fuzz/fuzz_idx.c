/* idx_read(): the first two bytes (little-endian) say how many of the rest are the file of images;
 * what remains is the file of labels. Images have 2 x 3 pixels, so that small inputs hold some. */
#include <stdlib.h>

#include "harness/data/formats.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ImageSet set = {.classes = 10, .shape = {1, 2, 3}};
    if (size < 2)
        return 0;
    size_t images = data[0] | (size_t)data[1] << 8;
    data += 2;
    size -= 2;
    if (images > size)
        images = size;
    const char *images_path = fuzz_file(0, data, images);
    const char *labels_path = fuzz_file(1, data + images, size - images);
    if (idx_read(images_path, labels_path, NULL, &set) != STATUS_OK) {
        REQUIRE(!set.images && !set.labels);
        return 0;
    }
    REQUIRE(set.count >= 1);
    fuzz_touch(set.images, (size_t)set.count * 6);
    for (int i = 0; i < set.count; i++)
        REQUIRE(set.labels[i] >= 0 && set.labels[i] < set.classes);
    free(set.images);
    free(set.labels);
    return 0;
}
