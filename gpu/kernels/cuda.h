/* What every kernel file includes. nvcc gets CUDA itself; a host compiler gets the software GPU of
 * tests/softgpu, on which the same source runs thread by thread. The macros hide the difference:
 *   LAUNCH(kernel, grid, block, stream, arguments...)   a template kernel stands in parentheses
 *   SHARED(type, name, count)                           an array shared by the block's threads
 *   CHECK_ALIGNED(pointer, bytes)                       a card would fault; the software GPU asks
 */
#ifndef GPU_KERNELS_CUDA_H
#define GPU_KERNELS_CUDA_H

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#define LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#define SHARED(type, name, count)                __shared__ type name[count]
#define CHECK_ALIGNED(pointer, bytes)
#else
#include "softgpu_kernel.h"
#endif

#endif
