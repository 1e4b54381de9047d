/* The checksum of event files. */
#ifndef HARNESS_TENSORBOARD_CRC32C_H
#define HARNESS_TENSORBOARD_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, reflected polynomial 82f63b78), of RFC 3720, appendix B.4. */
uint32_t crc32c(const void *bytes, size_t count);
/* Rotated right by 15 bits, plus a282ead8: the checksum of a text that contains its own would else
 * say nothing. */
uint32_t crc32c_masked(const void *bytes, size_t count);

#endif
