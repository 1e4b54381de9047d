/* Compiled twice: with the small headers of include/, and with a toolkit's own (REAL_HEADERS). */
#include "header_table.h"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

/* In C++ the real header has a second function of this name; that this one exists is what counts.
 */
using GemmEx = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int,
                                  int, const void *, const void *, cudaDataType, int, const void *,
                                  cudaDataType, int, const void *, void *, cudaDataType, int,
                                  cublasComputeType_t, cublasGemmAlgo_t);

#ifdef REAL_HEADERS
#define TABLE       real_headers
#define TABLE_COUNT real_count
#else
#define TABLE       small_headers
#define TABLE_COUNT small_count
#endif

#define OVERLOADED(f) {#f, 0, typeid(decltype(static_cast<GemmEx>(&f))).name()},

const HeaderRow TABLE[] = {
#include "names.inc"
};
const size_t TABLE_COUNT = sizeof TABLE / sizeof TABLE[0];
