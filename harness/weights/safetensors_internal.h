/* Shared by the files of the safetensors reader and writer. */
#ifndef HARNESS_WEIGHTS_SAFETENSORS_INTERNAL_H
#define HARNESS_WEIGHTS_SAFETENSORS_INTERNAL_H

#include "harness/weights/safetensors.h"

/* The format's own bound on N. */
#define HEADER_MAX 100000000u

/* Bytes of a tensor of this shape; false when they are more than a size_t holds. */
bool tensor_size(Dtype dtype, int rank, const int64_t *dims, size_t *size);
/* Room for one more tensor, zeroed and counted; NULL: no memory. */
Tensor *tensor_file_grow(TensorFile *file);
/* Reads the JSON of `length` bytes; tensors point into the `data_size` bytes at `data`. */
Status header_parse(const char *path, const char *json, size_t length, const unsigned char *data,
                    size_t data_size, TensorFile *file);

#endif
