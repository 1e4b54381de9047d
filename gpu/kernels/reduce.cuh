/* Sums over the rows of an NHWC tensor, channel by channel, in an order that depends on its shape
 * alone.
 *
 * A group's rows are cut into chunks, one a block. In a block, `lanes` neighbouring threads take
 * one row's vectors of 8 channels, the `strands` sets of them take every strands-th row; their sums
 * meet in a tree, each block writes its own to partial[group][chunk][sum][channel], and the block
 * that comes last adds those up in double. */
#ifndef GPU_KERNELS_REDUCE_CUH
#define GPU_KERNELS_REDUCE_CUH

#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"

enum { ROWS_A_THREAD = 8, CHUNKS_MAX = 512, SUMS_MAX = 2 };

/* How a shape is cut: the same on host and device. */
struct Cut {
    int lanes;   /* threads across the channels of a row */
    int strands; /* rows at a time */
    int tiles;   /* blocks across the channels */
    int rows;    /* of a chunk */
    int chunks;
};

__host__ __device__ inline Cut cut_of(int rows_per_group, int channels) {
    Cut cut;
    int vectors = channels / VECTOR;
    cut.lanes = vectors < THREADS ? vectors : THREADS;
    cut.strands = THREADS / cut.lanes;
    cut.tiles = ceil_div(vectors, cut.lanes);
    cut.rows = cut.strands * ROWS_A_THREAD;
    if (ceil_div(rows_per_group, cut.rows) > CHUNKS_MAX)
        cut.rows = ceil_div(ceil_div(rows_per_group, CHUNKS_MAX), cut.strands) * cut.strands;
    cut.chunks = ceil_div(rows_per_group, cut.rows);
    return cut;
}

/* Where a thread stands in its block. Threads that are left over have no strand. */
struct Place {
    int lane, strand;
    int channel; /* first of its 8 */
    bool works;
};

__device__ inline Place place_of(const Cut &cut, int channels, int tile) {
    Place place;
    place.lane = threadIdx.x % cut.lanes;
    place.strand = threadIdx.x / cut.lanes;
    place.channel = (tile * cut.lanes + place.lane) * VECTOR;
    place.works = place.strand < cut.strands && place.channel < channels;
    return place;
}

/* Adds sum[SUMS][8] of all strands; strand 0 writes them to to[SUMS][channels]. */
template <int SUMS>
__device__ inline void sum_strands(float (*sum)[VECTOR], const Place &place, const Cut &cut,
                                   float *to, int channels) {
    SHARED(float, shared, THREADS *VECTOR);
    for (int k = 0; k < SUMS; k++) {
        float *mine = shared + threadIdx.x * VECTOR;
        for (int i = 0; i < VECTOR; i++)
            mine[i] = place.works ? sum[k][i] : 0;
        __syncthreads();
        for (int reach = THREADS / 2; reach > 0; reach /= 2) {
            if (place.strand < reach && place.strand + reach < cut.strands) {
                const float *other = mine + reach * cut.lanes * VECTOR;
                for (int i = 0; i < VECTOR; i++)
                    mine[i] += other[i];
            }
            __syncthreads();
        }
        if (place.works && place.strand == 0)
            for (int i = 0; i < VECTOR; i++)
                to[k * channels + place.channel + i] = mine[i];
        __syncthreads();
    }
}

/* Total over the chunks of one group: total[SUMS] of this thread's channel, in double, for threads
 * with leader true. All threads of the block take part; channels [first, first + width). */
struct Totals {
    double sum[SUMS_MAX];
    int channel;
    bool leader;
};

template <int SUMS>
__device__ inline Totals sum_chunks(const float *partial, int chunks, int channels, int first) {
    SHARED(double, shared, THREADS);
    int width = channels - first < THREADS ? channels - first : THREADS;
    int helpers = THREADS / width, helper = threadIdx.x / width;
    Totals totals;
    totals.channel = first + threadIdx.x % width;
    totals.leader = helper == 0;
    for (int k = 0; k < SUMS; k++) {
        double sum = 0;
        for (int chunk = helper; chunk < chunks && helper < helpers; chunk += helpers)
            sum +=
                from_other_block(partial + ((size_t)chunk * SUMS + k) * channels + totals.channel);
        shared[threadIdx.x] = sum;
        __syncthreads();
        for (int h = 1; h < helpers && totals.leader; h++)
            sum += shared[threadIdx.x + h * width];
        totals.sum[k] = sum;
        __syncthreads();
    }
    return totals;
}

#endif
