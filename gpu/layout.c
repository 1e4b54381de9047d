/* Where parameters stand on the device: convolution weights KRSC, linear weights in the order of
 * the NHWC activation that they read, channels padded with zeros everywhere. */
#include "gpu/gpu.h"

size_t gpu_layout_count(const Net *net, const Param *param) {
    size_t first = (size_t)padded(param->dims[0]);
    if (param->role == PARAM_CONV_WEIGHT)
        return first * (size_t)param->dims[2] * (size_t)param->dims[3] *
               (size_t)padded(param->dims[1]);
    if (param->role == PARAM_LINEAR_WEIGHT)
        return first * padded_count(node_in(net, param->node));
    return first;
}

/* Element i of an array [outer][c][h][w] in [outer][h][w][padded c]. */
static size_t channels_last(size_t i, Shape shape) {
    size_t area = (size_t)shape.h * (size_t)shape.w, pixel = i % area;
    size_t c = i / area % (size_t)shape.c, outer = i / area / (size_t)shape.c;
    return (outer * area + pixel) * (size_t)padded(shape.c) + c;
}

size_t gpu_layout_index(const Net *net, const Param *param, size_t i) {
    if (param->role == PARAM_CONV_WEIGHT)
        return channels_last(i, (Shape){param->dims[1], param->dims[2], param->dims[3]});
    if (param->role == PARAM_LINEAR_WEIGHT)
        return channels_last(i, node_in(net, param->node));
    return i;
}
