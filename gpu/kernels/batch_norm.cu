/* Batch norm (Ioffe and Szegedy 2015, algorithm 1) with the ReLU and the addition behind it:
 *   xhat = (x - mean) inverse,  y = relu(weight xhat + bias + skip)
 * and backward, with dy the gradient that the ReLU lets through and M values a group:
 *   dbias = sum dy,  dweight = sum dy xhat,  dx = weight inverse (dy - dbias / M - xhat dweight /
 * M)
 *
 * The statistics sum x - x0 and its square, x0 the group's first value of the channel: as exact as
 * two passes unless x0 lies many deviations from the mean. */
#include "gpu/kernels/reduce.cuh"

/* Images per group in this batch, and how many groups it has. */
__device__ inline int group_images(const NormShape &shape, const StepControl *control) {
    return shape.group ? shape.group : control->count;
}

__device__ inline int groups_now(const NormShape &shape, const StepControl *control) {
    return shape.group ? control->count / shape.group : 1;
}

/* Rows that a group can have at most: what the grid is made for. */
__host__ __device__ inline int group_rows(const NormShape &shape) {
    return (shape.group ? shape.group : shape.max_batch) * shape.pixels;
}

/* xhat and the value before skip and ReLU: written once, so that the mask computed again in
 * backward is the one of forward to the last bit. */
__device__ inline float normalised(float x, float mean, float inverse) {
    return (x - mean) * inverse;
}

__device__ inline float scaled(float xhat, float weight, float bias) {
    return fmaf(weight, xhat, bias);
}

/* ---- statistics ---- */

__device__ inline void finish_statistics(const NormStatistics &a, const Cut &cut) {
    int C = a.shape.channels, groups = groups_now(a.shape, a.control);
    int images = group_images(a.shape, a.control);
    double M = (double)images * a.shape.pixels, unbias = M > 1 ? M / (M - 1) : 1;
    for (int first = 0; first < C; first += THREADS) {
        double running_mean = 0, running_var = 0;
        int c = 0;
        bool leader = false;
        for (int g = 0; g < groups; g++) {
            const float *partial = a.reduction.partial + (size_t)g * cut.chunks * 2 * C;
            Totals totals = sum_chunks<2>(partial, cut.chunks, C, first);
            c = totals.channel;
            leader = totals.leader;
            if (!leader)
                continue;
            double away = totals.sum[0] / M, mean, var = totals.sum[1] / M - away * away;
            var = var > 0 || var != var ? var : 0;
            mean = from_other_block(a.first_value + (size_t)g * C + c) + away;
            a.mean[(size_t)g * C + c] = (float)mean;
            a.inverse[(size_t)g * C + c] = (float)(1 / sqrt(var + BN_EPS));
            running_mean += mean / groups;
            running_var += var * unbias / groups;
        }
        if (leader && a.running_mean) {
            double keep = a.control->running_keep;
            a.running_mean[c] = (float)(keep * a.running_mean[c] + (1 - keep) * running_mean);
            a.running_var[c] = (float)(keep * a.running_var[c] + (1 - keep) * running_var);
        }
    }
}

template <typename T>
__global__ void __launch_bounds__(THREADS) statistics_kernel(NormStatistics a) {
    int C = a.shape.channels, group = blockIdx.z, images = group_images(a.shape, a.control);
    Cut cut = cut_of(group_rows(a.shape), C);
    Place place = place_of(cut, C, blockIdx.y);
    float sum[2][VECTOR] = {{0}}, first[VECTOR], v[VECTOR];
    if (group < groups_now(a.shape, a.control)) {
        const T *x = (const T *)a.x + (size_t)group * images * a.shape.pixels * C;
        int begin = blockIdx.x * cut.rows, end = lesser(begin + cut.rows, images * a.shape.pixels);
        if (place.works) {
            load8(first, x + place.channel);
            if (blockIdx.x == 0 && place.strand == 0)
                store8(a.first_value + (size_t)group * C + place.channel, first);
        }
        for (int row = begin + place.strand; place.works && row < end; row += cut.strands) {
            load8(v, x + (size_t)row * C + place.channel);
            for (int i = 0; i < VECTOR; i++) {
                float away = v[i] - first[i];
                sum[0][i] += away;
                sum[1][i] = fmaf(away, away, sum[1][i]);
            }
        }
        size_t block = (size_t)group * cut.chunks + blockIdx.x;
        sum_strands<2>(sum, place, cut, a.reduction.partial + block * 2 * C, C);
    }
    if (last_block(a.reduction.counter, gridDim.x * gridDim.y * gridDim.z))
        finish_statistics(a, cut);
}

static dim3 reduction_grid(const NormShape &shape) {
    Cut cut = cut_of(group_rows(shape), shape.channels);
    return dim3(cut.chunks, cut.tiles, shape.groups);
}

cudaError_t norm_statistics(cudaStream_t stream, bool is_half, const NormStatistics *args) {
    dim3 grid = reduction_grid(args->shape);
    if (is_half)
        LAUNCH(statistics_kernel<bf16>, grid, THREADS, stream, *args);
    else
        LAUNCH(statistics_kernel<float>, grid, THREADS, stream, *args);
    return cudaGetLastError();
}

__global__ void __launch_bounds__(THREADS)
    from_running_kernel(float *mean, float *inverse, const float *running_mean,
                        const float *running_var, int count) {
    int c = blockIdx.x * THREADS + threadIdx.x;
    if (c >= count)
        return;
    mean[c] = running_mean[c];
    inverse[c] = (float)(1 / sqrt((double)running_var[c] + BN_EPS));
}

cudaError_t norm_from_running(cudaStream_t stream, float *mean, float *inverse,
                              const float *running_mean, const float *running_var, int count) {
    LAUNCH(from_running_kernel, ceil_div(count, THREADS), THREADS, stream, mean, inverse,
           running_mean, running_var, count);
    return cudaGetLastError();
}

/* ---- forward ---- */

/* Eight values of the skip connection at row `row` (image and pixel of the output), channels from
 * c on. */
template <typename T>
__device__ inline void load_skip(float *v, const SkipView &skip, int row, int pixels, int c,
                                 int channels) {
    const T *x = (const T *)skip.x;
    if (!skip.subsampled) {
        load8(v, x + (size_t)row * channels + c);
        return;
    }
    int n = row / pixels, p = row % pixels / skip.out_w, q = row % pixels % skip.out_w;
    x += (((size_t)n * skip.h + p * skip.stride) * skip.w + q * skip.stride) * skip.padded;
    for (int i = 0; i < VECTOR; i++) {
        int from = c + i - skip.before;
        v[i] = from >= 0 && from < skip.channels ? load1(x + from) : 0;
    }
}

/* The value in front of the ReLU of one vector; false where there is none. */
template <typename T> __device__ inline bool norm_value(const NormApply &a, size_t *at, float *v) {
    int C = a.shape.channels;
    if (!vector_index((size_t)a.shape.max_batch * a.shape.pixels * C, at))
        return false;
    int row = (int)(*at / C), c = (int)(*at % C), n = row / a.shape.pixels;
    float skip[VECTOR] = {0};
    if (n >= a.control->count) {
        for (int i = 0; i < VECTOR; i++)
            v[i] = 0;
        return true;
    }
    size_t from = a.shape.group ? (size_t)(n / a.shape.group) * C + c : c;
    load8(v, (const T *)a.x + *at);
    if (a.skip.x)
        load_skip<T>(skip, a.skip, row, a.shape.pixels, c, C);
    for (int i = 0; i < VECTOR; i++) {
        float xhat = normalised(v[i], a.mean[from + i], a.inverse[from + i]);
        v[i] = scaled(xhat, a.weight[c + i], a.bias[c + i]);
        if (a.skip.x)
            v[i] += skip[i];
    }
    return true;
}

template <typename T> __global__ void __launch_bounds__(THREADS) apply_kernel(NormApply a) {
    size_t at;
    float v[VECTOR];
    if (!norm_value<T>(a, &at, v))
        return;
    for (int i = 0; i < VECTOR && a.relu; i++)
        v[i] = v[i] > 0 || v[i] != v[i] ? v[i] : 0;
    store8((T *)a.y + at, v);
}

template <typename T> __global__ void __launch_bounds__(THREADS) tap_kernel(NormApply a) {
    size_t at;
    float v[VECTOR];
    if (norm_value<T>(a, &at, v))
        store8((float *)a.y + at, v);
}

static unsigned apply_blocks(const NormShape &shape) {
    return vector_blocks((size_t)shape.max_batch * shape.pixels * shape.channels);
}

cudaError_t norm_apply(cudaStream_t stream, bool is_half, const NormApply *args) {
    if (is_half)
        LAUNCH(apply_kernel<bf16>, apply_blocks(args->shape), THREADS, stream, *args);
    else
        LAUNCH(apply_kernel<float>, apply_blocks(args->shape), THREADS, stream, *args);
    return cudaGetLastError();
}

cudaError_t tap_norm_value(cudaStream_t stream, bool is_half, float *out, const NormApply *group) {
    NormApply args = *group;
    args.y = out;
    if (is_half)
        LAUNCH(tap_kernel<bf16>, apply_blocks(args.shape), THREADS, stream, args);
    else
        LAUNCH(tap_kernel<float>, apply_blocks(args.shape), THREADS, stream, args);
    return cudaGetLastError();
}

/* ---- backward ---- */

/* The gradient behind the ReLU of one vector, and xhat. */
template <typename T>
__device__ inline void masked_gradient(const NormBackward &a, size_t at, int c, size_t from,
                                       float *g, float *xhat) {
    float other[VECTOR], y[VECTOR];
    load8(xhat, (const T *)a.x + at);
    load8(g, (const T *)a.g0 + at);
    if (a.g1)
        load8(other, (const T *)a.g1 + at);
    if (a.y)
        load8(y, (const T *)a.y + at);
    for (int i = 0; i < VECTOR; i++) {
        xhat[i] = normalised(xhat[i], a.mean[from + i], a.inverse[from + i]);
        if (a.g1)
            g[i] += other[i];
        if (!a.relu)
            continue;
        float before = a.y ? y[i] : scaled(xhat[i], a.weight[c + i], a.bias[c + i]);
        g[i] = before > 0 ? g[i] : 0;
    }
}

__device__ inline void finish_backward(const NormBackward &a, const Cut &cut) {
    int C = a.shape.channels, groups = groups_now(a.shape, a.control);
    double M = (double)group_images(a.shape, a.control) * a.shape.pixels;
    for (int first = 0; first < C; first += THREADS) {
        double dbias = 0, dweight = 0;
        int c = 0;
        bool leader = false;
        for (int g = 0; g < groups; g++) {
            const float *partial = a.reduction.partial + (size_t)g * cut.chunks * 2 * C;
            Totals totals = sum_chunks<2>(partial, cut.chunks, C, first);
            c = totals.channel;
            leader = totals.leader;
            if (!leader)
                continue;
            dbias += totals.sum[0];
            dweight += totals.sum[1];
            a.sums[(size_t)(2 * g) * C + c] = (float)(totals.sum[0] / M);
            a.sums[(size_t)(2 * g + 1) * C + c] = (float)(totals.sum[1] / M);
        }
        if (leader) {
            a.dbias[c] = (float)dbias;
            a.dweight[c] = (float)dweight;
        }
    }
}

template <typename T>
__global__ void __launch_bounds__(THREADS) backward_reduce_kernel(NormBackward a) {
    int C = a.shape.channels, group = blockIdx.z, images = group_images(a.shape, a.control);
    Cut cut = cut_of(group_rows(a.shape), C);
    Place place = place_of(cut, C, blockIdx.y);
    float sum[2][VECTOR] = {{0}}, g[VECTOR], xhat[VECTOR];
    if (group < groups_now(a.shape, a.control)) {
        size_t start = (size_t)group * images * a.shape.pixels, from = (size_t)group * C;
        int begin = blockIdx.x * cut.rows, end = lesser(begin + cut.rows, images * a.shape.pixels);
        for (int row = begin + place.strand; place.works && row < end; row += cut.strands) {
            size_t at = (start + row) * C + place.channel;
            masked_gradient<T>(a, at, place.channel, from + place.channel, g, xhat);
            if (a.masked)
                store8((T *)a.masked + at, g);
            for (int i = 0; i < VECTOR; i++) {
                float kept = a.masked ? stored(g[i], (const T *)NULL) : g[i];
                sum[0][i] += kept;
                sum[1][i] = fmaf(kept, xhat[i], sum[1][i]);
            }
        }
        size_t block = (size_t)group * cut.chunks + blockIdx.x;
        sum_strands<2>(sum, place, cut, a.reduction.partial + block * 2 * C, C);
    }
    if (last_block(a.reduction.counter, gridDim.x * gridDim.y * gridDim.z))
        finish_backward(a, cut);
}

template <typename T>
__global__ void __launch_bounds__(THREADS) backward_apply_kernel(NormBackward a) {
    size_t at;
    int C = a.shape.channels;
    float g[VECTOR], xhat[VECTOR], dx[VECTOR] = {0};
    if (!vector_index((size_t)a.shape.max_batch * a.shape.pixels * C, &at))
        return;
    int c = (int)(at % C), n = (int)(at / C) / a.shape.pixels;
    int group = a.shape.group ? n / a.shape.group : 0;
    size_t from = (size_t)group * C + c;
    if (n >= a.control->count) {
        store8((T *)a.dx + at, dx);
        if (a.masked)
            store8((T *)a.masked + at, dx); /* the skip connection reads it */
        return;
    }
    if (a.masked) {
        load8(g, (const T *)a.masked + at);
        load8(xhat, (const T *)a.x + at);
        for (int i = 0; i < VECTOR; i++)
            xhat[i] = normalised(xhat[i], a.mean[from + i], a.inverse[from + i]);
    } else {
        masked_gradient<T>(a, at, c, from, g, xhat);
    }
    const float *sums = a.sums + (size_t)(2 * group) * C + c;
    for (int i = 0; i < VECTOR; i++)
        dx[i] = a.weight[c + i] * a.inverse[from + i] * (g[i] - sums[i] - xhat[i] * sums[C + i]);
    store8((T *)a.dx + at, dx);
}

cudaError_t norm_backward_reduce(cudaStream_t stream, bool is_half, const NormBackward *args) {
    dim3 grid = reduction_grid(args->shape);
    if (is_half)
        LAUNCH(backward_reduce_kernel<bf16>, grid, THREADS, stream, *args);
    else
        LAUNCH(backward_reduce_kernel<float>, grid, THREADS, stream, *args);
    return cudaGetLastError();
}

cudaError_t norm_backward_apply(cudaStream_t stream, bool is_half, const NormBackward *args) {
    if (is_half)
        LAUNCH(backward_apply_kernel<bf16>, apply_blocks(args->shape), THREADS, stream, *args);
    else
        LAUNCH(backward_apply_kernel<float>, apply_blocks(args->shape), THREADS, stream, *args);
    return cudaGetLastError();
}
