/* tensor_file_parse(): the tensors of a file that is taken have the size of their shape and dtype
 * and lie inside the file. */
#include <stdlib.h>
#include <string.h>

#include "harness/weights/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void require_sound(const TensorFile *file, const Tensor *tensor, size_t size) {
    size_t product = dtype_size(tensor->dtype);
    char text[24];
    REQUIRE(tensor->rank >= 0 && tensor->rank <= TENSOR_RANK_MAX);
    for (int i = 0; i < tensor->rank; i++) {
        REQUIRE(tensor->dims[i] >= 0);
        REQUIRE(!__builtin_mul_overflow(product, (size_t)tensor->dims[i], &product));
    }
    REQUIRE(product == tensor->size);
    REQUIRE(tensor->data >= file->bytes && tensor->size <= size);
    REQUIRE((size_t)(tensor->data - file->bytes) <= size - tensor->size);
    fuzz_touch(tensor->data, tensor->size);
    REQUIRE(tensor_file_find(file, tensor->name) == tensor);
    shape_text(tensor->rank, tensor->dims, text, sizeof text);
    REQUIRE(strlen(printable(tensor->name, text, sizeof text)) < sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TensorFile file;
    unsigned char *bytes = malloc(size); /* of exactly this size: a byte beyond is an error */
    REQUIRE(bytes || size == 0);
    if (size)
        memcpy(bytes, data, size);
    if (tensor_file_parse("input", bytes, size, &file) != STATUS_OK) {
        REQUIRE(!file.tensors && !file.notes && !file.bytes);
        return 0;
    }
    for (int i = 0; i < file.count; i++)
        require_sound(&file, &file.tensors[i], size);
    for (int i = 0; i < file.note_count; i++)
        REQUIRE(tensor_file_metadata(&file, file.notes[i].key));
    tensor_file_free(&file);
    return 0;
}
