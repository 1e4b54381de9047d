/* Files of named tensors in the safetensors format, as PyTorch's users exchange them:
 *
 *   8 bytes           N, little-endian
 *   N bytes           JSON: {"__metadata__": {text: text}, name: {"dtype": "F32",
 *                     "shape": [16, 3, 3, 3], "data_offsets": [begin, end]}, ...}; blanks may
 * follow the rest          the tensors' bytes, little-endian, row-major, without gaps or overlaps
 *
 * A file that breaks a rule is refused with what was found; nothing is guessed. */
#ifndef HARNESS_WEIGHTS_SAFETENSORS_H
#define HARNESS_WEIGHTS_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/status.h"

typedef enum Dtype {
    DTYPE_F64,
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_BOOL,
    DTYPES
} Dtype;

enum { TENSOR_RANK_MAX = 8 };

typedef struct Tensor {
    char *name;
    Dtype dtype;
    int rank; /* 0: a single value */
    int64_t dims[TENSOR_RANK_MAX];
    size_t size;               /* bytes */
    const unsigned char *data; /* borrowed from the file or, when written, from the caller; it may
                                  be unaligned: memcpy() from it */
} Tensor;

typedef struct TensorNote {
    char *key, *text;
} TensorNote;

typedef struct TensorFile {
    Tensor *tensors; /* in the order of the header */
    int count, capacity;
    TensorNote *notes; /* __metadata__ */
    int note_count;
    unsigned char *bytes; /* of a file that was read: all of it */
} TensorFile;

/* STATUS_BAD_INPUT: not a sound file; STATUS_UNAVAILABLE: there is none. On failure *file is
 * empty; else the caller frees it. */
Status tensor_file_read(const char *path, TensorFile *file);
/* The same of bytes in memory, which *file takes over (malloc; freed also on failure). `path` is
 * for messages. */
Status tensor_file_parse(const char *path, unsigned char *bytes, size_t size, TensorFile *file);
/* Whole or not at all (harness/base/whole_file.h). Wide values are put in front, so that all are
 * aligned to their size. */
Status tensor_file_write(const char *path, const TensorFile *file);
void tensor_file_free(TensorFile *file);

/* To write: an empty TensorFile ({0}), then these, which copy names and texts. `data` is borrowed.
 */
Status tensor_file_add(TensorFile *file, const char *name, Dtype dtype, int rank,
                       const int64_t *dims, const void *data);
Status tensor_file_note(TensorFile *file, const char *key, const char *text);

/* NULL when there is none. */
const Tensor *tensor_file_find(const TensorFile *file, const char *name);
const char *tensor_file_metadata(const TensorFile *file, const char *key);

const char *dtype_name(Dtype dtype); /* "F32" */
size_t dtype_size(Dtype dtype);      /* bytes */
/* "16x3x3x3"; "scalar" of rank 0. */
void shape_text(int rank, const int64_t *dims, char *text, size_t size);
/* A name from a file, made fit for a message: cut, other than printable ASCII as '?'. */
const char *printable(const char *name, char *text, size_t size);

#endif
