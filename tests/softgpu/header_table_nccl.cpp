/* As header_table.cpp, for nccl.h. Apart from it because NCCL's own header brings C++ overloads of
 * the runtime's functions. */
#include <nccl.h>

#include "header_table.h"

#ifdef REAL_HEADERS
#define TABLE       real_nccl
#define TABLE_COUNT real_nccl_count
#else
#define TABLE       small_nccl
#define TABLE_COUNT small_nccl_count
#endif

const HeaderRow TABLE[] = {
#include "names_nccl.inc"
};
const size_t TABLE_COUNT = sizeof TABLE / sizeof TABLE[0];
