/* Residual blocks: basic and bottleneck, with every shortcut, in every order of activation.
 *
 * Pre-activation (He et al. 2016, arXiv 1603.05027): the first block of the net has no activation
 * of its own, since the stem ends in one; the last one is followed by an activation, bn_last and
 * relu_last. The identity and option A read the block's raw input, so that nothing stands on their
 * path; a projection reads the activated input, as in the authors' published code, and in full
 * pre-activation it has no batch norm behind it.
 *
 * Gates, constant factors and dropout (ibid., table 1) act on the summands where there is an
 * addition: a gate first, then the factor, then dropout. Gates read what the first convolution
 * reads; their parameters are gate.weight and gate.bias. */
#include "net/residual.h"

#include "net/naming.h"

typedef struct Layer {
    int channels, kernel, stride;
} Layer;

/* The full name of a part of a block; number 0: none. */
static const char *part(const Block *block, const char *what, int number) {
    if (!number)
        return node_name("layer%d.%d.%s", block->stage, block->index, what);
    return node_name("layer%d.%d.%s%d", block->stage, block->index, what, number);
}

/* ---- the shortcut ---- */

static bool changes_size(const Net *net, const Block *block, int x) {
    return block->stride != 1 || net->nodes[x].out.c != block->channels;
}

static bool has_shortcut(const Net *net, const ModelSpec *spec, const Block *block, int x) {
    return spec->family == FAMILY_RESNET &&
           !(spec->shortcut == SHORTCUT_TRANSITION && changes_size(net, block, x));
}

static int projection(Net *net, const ModelSpec *spec, const Block *block, int x) {
    int kernel = spec->shortcut == SHORTCUT_3X3 ? 3 : 1;
    int y = net_conv2d(net, part(block, "downsample.0", 0), x, block->channels, kernel,
                       block->stride, kernel / 2, false);
    if (spec->activation == ACTIVATION_FULL_PREACT)
        return y;
    return net_batch_norm(net, part(block, "downsample.1", 0), y);
}

/* x: the block's input; activated: what its first convolution reads. */
static int shortcut(Net *net, const ModelSpec *spec, const Block *block, int x, int activated) {
    bool changes = changes_size(net, block, x);
    bool projects = spec->shortcut == SHORTCUT_B || spec->shortcut == SHORTCUT_3X3;
    if (spec->shortcut == SHORTCUT_C || (projects && changes)) {
        bool before = spec->activation == ACTIVATION_RELU_PREACT ||
                      spec->activation == ACTIVATION_FULL_PREACT;
        return projection(net, spec, block, before ? activated : x);
    }
    if (!changes)
        return x;
    int zeros = block->channels - net->nodes[x].out.c;
    return net_zero_pad_subsample(net, part(block, "shortcut", 0), x, block->channels,
                                  block->stride, spec->pad_side == PAD_BOTH ? zeros / 2 : 0);
}

/* ---- how shortcut and residual are mixed ---- */

static bool is_factor(double factor) {
    return factor != 0 && factor != 1;
}

static int scaled(Net *net, const char *name, int x, double factor) {
    return is_factor(factor) ? net_affine(net, name, x, factor, 0) : x;
}

/* sigmoid(conv1x1(x) + b) of the output's size. */
static int gate_of(Net *net, const ModelSpec *spec, const Block *block, int x) {
    int g = net_conv2d(net, part(block, "gate", 0), x, block->channels, 1, block->stride, 0, true);
    if (g >= 0)
        net->params[net->nodes[g].bias].start = spec->gate_bias;
    return net_sigmoid(net, part(block, "gate.sigmoid", 0), g);
}

/* x: what the gate reads. */
static int mixed(Net *net, const ModelSpec *spec, const Block *block, int residual, int skip,
                 int x) {
    if (spec->gate != GATE_NONE) {
        int g = gate_of(net, spec, block, x);
        int rest = net_affine(net, part(block, "gate.rest", 0), g, -1, 1);
        skip = net_multiply(net, part(block, "shortcut.gated", 0), skip, rest);
        if (spec->gate == GATE_EXCLUSIVE)
            residual = net_multiply(net, part(block, "residual.gated", 0), residual, g);
    }
    residual = scaled(net, part(block, "residual.scaled", 0), residual, spec->residual_scale);
    skip = scaled(net, part(block, "shortcut.scaled", 0), skip, spec->shortcut_scale);
    if (spec->shortcut_dropout > 0)
        skip = net_dropout(net, part(block, "shortcut.dropout", 0), skip, spec->shortcut_dropout);
    return net_add(net, part(block, "add", 0), residual, skip);
}

/* ---- the residual function ---- */

static int layers_of(const ModelSpec *spec, const Block *block, Layer layers[3]) {
    if (spec->block == BLOCK_BASIC) {
        layers[0] = (Layer){block->channels, 3, block->stride};
        layers[1] = (Layer){block->channels, 3, 1};
        return 2;
    }
    bool early = spec->bottleneck_stride == BOTTLENECK_STRIDE_1X1;
    layers[0] = (Layer){block->inner, 1, early ? block->stride : 1};
    layers[1] = (Layer){block->inner, 3, early ? 1 : block->stride};
    layers[2] = (Layer){block->channels, 1, 1};
    return 3;
}

static int convolution(Net *net, const Block *block, const Layer *layer, int number, int x) {
    return net_conv2d(net, part(block, "conv", number), x, layer->channels, layer->kernel,
                      layer->stride, layer->kernel / 2, false);
}

/* Convolution first, activation behind it; what follows the addition is left out. */
static int activated_behind(Net *net, const ModelSpec *spec, const Block *block, int x) {
    Layer layers[3];
    int count = layers_of(spec, block, layers);
    for (int i = 1; i <= count; i++) {
        x = convolution(net, block, &layers[i - 1], i, x);
        if (i < count || spec->activation != ACTIVATION_BN_AFTER_ADD)
            x = net_batch_norm(net, part(block, "bn", i), x);
        if (i < count || spec->activation == ACTIVATION_RELU_BEFORE_ADD)
            x = net_relu(net, part(block, "relu", i), x);
    }
    return x;
}

/* Activation first; *activated receives what the first convolution reads. */
static int activated_before(Net *net, const ModelSpec *spec, const Block *block, int x,
                            int *activated) {
    bool full = spec->activation == ACTIVATION_FULL_PREACT;
    Layer layers[3];
    int count = layers_of(spec, block, layers);
    for (int i = 1; i <= count; i++) {
        bool active = i > 1 || !block->first;
        if (active && full)
            x = net_batch_norm(net, part(block, "bn", i), x);
        if (active)
            x = net_relu(net, part(block, "relu", i), x);
        if (i == 1)
            *activated = x;
        x = convolution(net, block, &layers[i - 1], i, x);
        if (!full)
            x = net_batch_norm(net, part(block, "bn", i), x);
    }
    return x;
}

static int behind_the_addition(Net *net, const ModelSpec *spec, const Block *block, int x) {
    int last = spec->block == BLOCK_BASIC ? 2 : 3;
    if (spec->activation == ACTIVATION_BN_AFTER_ADD)
        x = net_batch_norm(net, part(block, "bn", last), x);
    if (spec->activation == ACTIVATION_ORIGINAL || spec->activation == ACTIVATION_BN_AFTER_ADD)
        x = net_relu(net, part(block, "relu", last), x);
    return x;
}

Block residual_plan(const ModelSpec *spec, int stage, int index) {
    int inner = spec->width << (stage - 1);
    return (Block){.stage = stage,
                   .index = index,
                   .channels = spec->block == BLOCK_BOTTLENECK ? 4 * inner : inner,
                   .inner = inner,
                   .stride = stage > 1 && index == 0 ? 2 : 1,
                   .first = stage == 1 && index == 0};
}

int residual_block(Net *net, const ModelSpec *spec, const Block *block, int x) {
    if (x < 0)
        return -1;
    int y, activated = x;
    if (spec->activation == ACTIVATION_RELU_PREACT || spec->activation == ACTIVATION_FULL_PREACT)
        y = activated_before(net, spec, block, x, &activated);
    else
        y = activated_behind(net, spec, block, x);
    if (y >= 0 && has_shortcut(net, spec, block, x))
        y = mixed(net, spec, block, y, shortcut(net, spec, block, x, activated), activated);
    return behind_the_addition(net, spec, block, y);
}

int residual_end(Net *net, const ModelSpec *spec, int x) {
    if (spec->activation == ACTIVATION_FULL_PREACT)
        x = net_batch_norm(net, "bn_last", x);
    if (spec->activation == ACTIVATION_FULL_PREACT || spec->activation == ACTIVATION_RELU_PREACT)
        x = net_relu(net, "relu_last", x);
    return x;
}

Status residual_check(const ModelSpec *spec) {
    if (spec->width < 1)
        return status_fail(STATUS_BAD_INPUT, "width %d: must be at least 1", spec->width);
    if (spec->block != BLOCK_BASIC && spec->block != BLOCK_BOTTLENECK)
        return status_fail(STATUS_BAD_INPUT, "block: %s has basic and bottleneck blocks",
                           spec->model);
    if (spec->block == BLOCK_BASIC && spec->bottleneck_stride == BOTTLENECK_STRIDE_3X3)
        return status_fail(STATUS_BAD_INPUT, "bottleneck_stride: basic blocks have no 1x1 "
                                             "convolution; leave it out");
    if (spec->family == FAMILY_PLAIN && spec->activation != ACTIVATION_ORIGINAL)
        return status_fail(STATUS_BAD_INPUT, "activation: plain nets have no addition that it "
                                             "could stand before or after; leave it original");
    if (spec->family == FAMILY_PLAIN &&
        (spec->gate || spec->shortcut_dropout > 0 || is_factor(spec->shortcut_scale) ||
         is_factor(spec->residual_scale)))
        return status_fail(STATUS_BAD_INPUT,
                           "%s: plain nets have no addition to gate, scale or "
                           "drop a part of",
                           spec->model);
    return STATUS_OK;
}
