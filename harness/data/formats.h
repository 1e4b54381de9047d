/* Readers of the image formats: each checks every byte that can be checked. */
#ifndef HARNESS_DATA_FORMATS_H
#define HARNESS_DATA_FORMATS_H

#include <nettle/sha2.h>

#include "harness/data/data.h"

/* IDX, plain or gzip: big-endian magic 0x00000803 (bytes, 3 dimensions), images, rows, columns,
 * then the pixels; labels: magic 0x00000801, count, one byte a label.
 * Source of the format: the MNIST distribution's page, "FILE FORMATS".
 * set->shape and set->classes say what is expected; count, images and labels are filled in. The
 * unpacked bytes of images, then labels, go into hash (may be NULL). On failure the set stays
 * without arrays. */
Status idx_read(const char *images_path, const char *labels_path, struct sha256_ctx *hash,
                ImageSet *set);

/* One file of the CIFAR binary version: `records` records of 1 (CIFAR-10: label) or 2 (CIFAR-100:
 * coarse, then fine label; the fine one is used) label bytes and 3 x 32 x 32 pixels.
 * images: records x 3 x 32 x 32, labels: records; the caller's. */
Status cifar_read(const char *path, int records, int classes, struct sha256_ctx *hash,
                  uint8_t *images, int32_t *labels);

#endif
