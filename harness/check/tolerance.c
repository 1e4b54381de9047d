#include "harness/check/tolerance.h"

#include <math.h>

/* Unit roundoffs, half a unit in the last place of 1: fp32 has 24 bits, tf32 11, bf16 8. Products
 * of tf32 and bf16 are summed in fp32. */
static const double fp32_unit = 6e-8, tf32_unit = 1.0 / 2048, bf16_unit = 1.0 / 256;

static double unit_of(Precision precision) {
    return precision == PRECISION_BF16 ? bf16_unit
                                       : (precision == PRECISION_TF32 ? tf32_unit : fp32_unit);
}

bool precision_is_fine(Precision precision) {
    return precision == PRECISION_FP32 || precision == PRECISION_FP64;
}

/* A sum of n terms errs by about sqrt(n) units, at most n; the longest of the case table (a weight
 * gradient: 6 images of 7x6; 16 channels of 3x3) have 252, and a net stacks eight layers of them
 * with batch norms over few values in between. */
static Closeness small_and_fine(const Net *net) {
    double units = net->node_count > 12 ? 1000 : 32;
    return (Closeness){.tolerance = {.relative = units * fp32_unit, .absolute = 1e-7}};
}

/* Terms of the longest sum: an output's over its weights, a weight's gradient over images and
 * pixels, or a mean's over an image's. */
static double longest_sum(const Net *net, int batch) {
    double most = 0;
    for (int i = 0; i < net->node_count; i++)
        most = fmax(most, (double)batch * net->nodes[i].out.h * net->nodes[i].out.w);
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].rank > 1)
            most = fmax(most, (double)(net->params[i].count / (size_t)net->params[i].dims[0]));
    return most;
}

/* Each node rounds its operands or its result once, and its sums err by some sqrt(n) units of
 * fp32; at worst these errors add up along the net. */
static double accumulated(const Net *net, Precision precision, int batch) {
    double sums = 4 * fp32_unit * sqrt(longest_sum(net, batch));
    return net->node_count * (unit_of(precision) + sums);
}

/* How near one another kinks are: 0 without any; a ReLU has one, at zero; the largest of n values
 * in a max-pool's window has a rival within a unit n / 2 times as often as one value has zero. */
static double kinks(const Net *net) {
    double most = 0;
    for (int i = 0; i < net->node_count; i++) {
        const Node *node = &net->nodes[i];
        if (node->op == OP_RELU)
            most = fmax(most, 1);
        if (node->op == OP_MAX_POOL)
            most = fmax(most, 0.5 * node->window.r * node->window.s);
    }
    return most;
}

Closeness closeness_of_values(const Net *net, Precision precision, int batch) {
    if (precision_is_fine(precision) && batch == 0)
        return small_and_fine(net);
    return (Closeness){.tolerance = {.relative = accumulated(net, precision, batch)},
                       .as_norm = true};
}

/* Of a kink's inputs a share of about the accumulated rounding lies so near that it falls on the
 * other side. Each such element adds the whole of its gradient to the error: in the norm, the root
 * of the share. A piece that is missing or counted twice is off by more. */
Closeness closeness_of_gradients(const Net *net, Precision precision, int batch) {
    Closeness close = closeness_of_values(net, precision, batch);
    if (close.as_norm)
        close.tolerance.relative += sqrt(kinks(net) * net->node_count * unit_of(precision));
    return close;
}
