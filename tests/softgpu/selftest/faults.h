/* The kernels of the software GPU's own tests: sound ones, and one for each rule to break.
 * Each function launches one of them. */
#ifndef SOFTGPU_FAULTS_H
#define SOFTGPU_FAULTS_H

#include "cuda_runtime_api.h"

/* Sound. */
void scale(float *x, int n, float factor, cudaStream_t stream);               /* x[i] *= factor */
void add(float *y, const float *x, int n, cudaStream_t stream);               /* y[i] += x[i] */
void sum_blocks(float *out, const float *x, int blocks, cudaStream_t stream); /* 256 x[i] a block */
void reverse_blocks(float *x, int blocks, cudaStream_t stream);               /* 64 x[i] a block */
void count_threads(unsigned *count, int blocks, cudaStream_t stream);
void shuffle_lanes(float *x, cudaStream_t stream); /* x[lane]: by each primitive, see faults.cu */
void round_to_bf16(float *x, int n, cudaStream_t stream);
void index_3d(float *x, cudaStream_t stream); /* grid (2,3,4), block (5,6,2): x[i] = i */
void nothing(cudaStream_t stream);
/* Each of 8 blocks of 32 threads: when[thread] = how many were before it. count[0] is 0. */
void note_order(unsigned *when, unsigned *count, cudaStream_t stream);

/* Each breaks the rule that it is named after. */
void scale_one_beyond(float *x, int n, cudaStream_t stream);
void read_one_before(float *x, cudaStream_t stream);
void reverse_without_barrier(float *x, int blocks, cudaStream_t stream);
void barrier_not_reached_by_all(cudaStream_t stream);
void barrier_after_return(cudaStream_t stream);
void barriers_of_two_places(cudaStream_t stream);
void lane_returned(float *x, cudaStream_t stream);
void lane_at_barrier(float *x, cudaStream_t stream);
void lane_not_in_block(float *x, cudaStream_t stream);
void lanes_in_two_primitives(float *x, cudaStream_t stream);
void lane_not_in_own_mask(float *x, cudaStream_t stream);
void shuffle_from_outside_mask(float *x, cudaStream_t stream);
void shared_one_beyond(float *x, cudaStream_t stream);
void shared_one_before(float *x, cudaStream_t stream);
void shared_not_written(float *x, cudaStream_t stream);
void shared_too_large(float *x, cudaStream_t stream);
void misaligned_vector(float *x, cudaStream_t stream);
void stack_overflow(float *x, cudaStream_t stream);

void launch_with(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                 cudaStream_t stream);

#endif
