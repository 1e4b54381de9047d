/* A batch from the data set in device memory: cropped, mirrored, normalised, in the arithmetic that
 * net/backend.h fixes (float, subtract then multiply), so equal to the other backends' to the bit.
 */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"
#include "net/resize.h"

/* The stored or resized value of one plane. */
__device__ inline float raw_pixel(const StepControl *control, size_t plane, int y, int x) {
    size_t from = plane * control->stored_h * control->stored_w;
    if (control->rows)
        return resize_pixel(control->rows + y * control->row_stride,
                            control->columns + x * control->column_stride, control->bytes + from,
                            control->stored_w);
    from += (size_t)y * control->stored_w + x;
    return control->bytes ? (float)control->bytes[from] : control->floats[from];
}

__device__ inline float pixel(const StepControl *control, Shape shape, int image, int c, int y,
                              int x) {
    int h = control->data_h, w = control->data_w;
    if (c >= shape.c || y < 0 || y >= h || x < 0 || x >= w)
        return 0;
    size_t at = ((size_t)c * h + y) * w + x;
    float value = raw_pixel(control, (size_t)image * shape.c + c, y, x);
    float centred = value - (control->mean ? control->mean[at] : 0.0f);
    return centred * (control->scale ? control->scale[c] : 1.0f);
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    gather_kernel(void *to, int32_t *labels, const StepControl *control, int max_batch, Shape shape,
                  int padded) {
    size_t at;
    float v[VECTOR] = {0};
    int area = shape.h * shape.w;
    if (!vector_index((size_t)max_batch * area * padded, &at))
        return;
    int row = (int)(at / padded), c = (int)(at % padded), n = row / area;
    int y = row % area / shape.w, x = row % area % shape.w;
    bool here = n < control->count;
    Sample sample = {0, 0, 0, 0};
    if (here) {
        sample = control->samples[n];
        int from = (sample.flip ? shape.w - 1 - x : x) + sample.dx;
        for (int i = 0; i < VECTOR; i++)
            v[i] = pixel(control, shape, sample.index, c + i, y + sample.dy, from);
    }
    store8((T *)to + at, v);
    if (row % area == 0 && c == 0)
        labels[n] = here ? control->labels[sample.index] : 0;
}

cudaError_t gather_batch(cudaStream_t stream, bool is_half, void *x, int32_t *labels,
                         const StepControl *control, int max_batch, Shape shape) {
    int padded = ceil_div(shape.c, VECTOR) * VECTOR;
    unsigned blocks = vector_blocks((size_t)max_batch * shape.h * shape.w * padded);
    if (is_half)
        LAUNCH(gather_kernel<bf16>, blocks, THREADS, stream, x, labels, control, max_batch, shape,
               padded);
    else
        LAUNCH(gather_kernel<float>, blocks, THREADS, stream, x, labels, control, max_batch, shape,
               padded);
    return cudaGetLastError();
}
