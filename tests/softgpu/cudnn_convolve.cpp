/* The arithmetic: fp32, in an order that the shape alone decides. Letters: N images, C channels in,
 * H x W in; K filters, R x S; P x Q out. x NHWC, w KRSC, y NPQK. */
#include <algorithm>

#include "cudnn_objects.h"

namespace softdnn {
namespace {

struct Sizes {
    int64_t N, C, H, W, K, R, S, P, Q;
    Convolution c;

    explicit Sizes(const Operation &op)
        : N(op.x.dim[0]), C(op.x.dim[1]), H(op.x.dim[2]), W(op.x.dim[3]), K(op.w.dim[0]),
          R(op.w.dim[2]), S(op.w.dim[3]), P(op.y.dim[2]), Q(op.y.dim[3]), c(op.conv) {
    }
    /* Where filter tap r meets the input for output p; may lie in the padding. */
    int64_t h(int64_t p, int64_t r) const {
        return p * c.stride[0] - c.pre[0] + r * c.dilation[0];
    }
    int64_t w(int64_t q, int64_t s) const {
        return q * c.stride[1] - c.pre[1] + s * c.dilation[1];
    }
};

/* sum[i] += a * row[i] */
inline void add_row(float *sum, float a, const float *row, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        sum[i] += a * row[i];
    }
}

/* KRSC -> RSCK: the innermost loop then runs over filters. */
std::vector<float> transposed(const Sizes &z, const float *w) {
    int64_t taps = z.R * z.S * z.C;
    std::vector<float> out((size_t)(z.K * taps));
    for (int64_t k = 0; k < z.K; k++) {
        for (int64_t t = 0; t < taps; t++) {
            out[(size_t)(t * z.K + k)] = w[k * taps + t];
        }
    }
    return out;
}

void forward(const Sizes &z, const float *x, const float *w, float *y) {
    std::vector<float> wt = transposed(z, w);
    std::fill(y, y + z.N * z.P * z.Q * z.K, 0.0f);
    for (int64_t n = 0; n < z.N; n++) {
        for (int64_t pq = 0; pq < z.P * z.Q; pq++) {
            float *sum = y + (n * z.P * z.Q + pq) * z.K;
            for (int64_t rs = 0; rs < z.R * z.S; rs++) {
                int64_t h = z.h(pq / z.Q, rs / z.S), v = z.w(pq % z.Q, rs % z.S);
                if (h < 0 || h >= z.H || v < 0 || v >= z.W) {
                    continue;
                }
                const float *in = x + ((n * z.H + h) * z.W + v) * z.C;
                for (int64_t c = 0; c < z.C; c++) {
                    add_row(sum, in[c], wt.data() + (rs * z.C + c) * z.K, z.K);
                }
            }
        }
    }
}

/* The output position whose tap lies `at` input rows (or columns) in; -1: none. */
int64_t source(int64_t at, int64_t stride, int64_t count) {
    return at >= 0 && at % stride == 0 && at / stride < count ? at / stride : -1;
}

void backward_data(const Sizes &z, const float *w, const float *dy, float *dx) {
    std::fill(dx, dx + z.N * z.H * z.W * z.C, 0.0f);
    for (int64_t n = 0; n < z.N; n++) {
        for (int64_t hw = 0; hw < z.H * z.W; hw++) {
            float *sum = dx + (n * z.H * z.W + hw) * z.C;
            for (int64_t rs = 0; rs < z.R * z.S; rs++) {
                int64_t p =
                    source(hw / z.W + z.c.pre[0] - rs / z.S * z.c.dilation[0], z.c.stride[0], z.P);
                int64_t q =
                    source(hw % z.W + z.c.pre[1] - rs % z.S * z.c.dilation[1], z.c.stride[1], z.Q);
                if (p < 0 || q < 0) {
                    continue;
                }
                const float *out = dy + ((n * z.P + p) * z.Q + q) * z.K;
                for (int64_t k = 0; k < z.K; k++) {
                    add_row(sum, out[k], w + (k * z.R * z.S + rs) * z.C, z.C);
                }
            }
        }
    }
}

/* One image's share of dw. */
void filter_of_image(const Sizes &z, const float *x, const float *dy, float *dw) {
    for (int64_t pq = 0; pq < z.P * z.Q; pq++) {
        for (int64_t rs = 0; rs < z.R * z.S; rs++) {
            int64_t h = z.h(pq / z.Q, rs / z.S), v = z.w(pq % z.Q, rs % z.S);
            if (h < 0 || h >= z.H || v < 0 || v >= z.W) {
                continue;
            }
            const float *in = x + (h * z.W + v) * z.C;
            for (int64_t k = 0; k < z.K; k++) {
                add_row(dw + (k * z.R * z.S + rs) * z.C, dy[pq * z.K + k], in, z.C);
            }
        }
    }
}

/* Long sums over the batch are kept in double. */
void backward_filter(const Sizes &z, const float *x, const float *dy, float *dw) {
    size_t count = (size_t)(z.K * z.R * z.S * z.C);
    std::vector<double> total(count, 0.0);
    std::vector<float> part(count);
    for (int64_t n = 0; n < z.N; n++) {
        std::fill(part.begin(), part.end(), 0.0f);
        filter_of_image(z, x + n * z.H * z.W * z.C, dy + n * z.P * z.Q * z.K, part.data());
        for (size_t i = 0; i < count; i++) {
            total[i] += part[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        dw[i] = (float)total[i];
    }
}

} // namespace

void convolve(const Operation &op, const float *a, const float *b, float *out) {
    Sizes z(op);
    switch (op.kind) {
    case Kind::forward:
        return forward(z, a, b, out);
    case Kind::backward_data:
        return backward_data(z, a, b, out);
    case Kind::backward_filter:
        return backward_filter(z, a, b, out);
    }
}

} // namespace softdnn
