#include "tests/plans/problems.h"

#include <string.h>

#include "net/models.h"

static int padded(int channels) {
    return (channels + 7) / 8 * 8;
}

static bool same(const PlanShape *a, const PlanShape *b) {
    return memcmp(&a->problem, &b->problem, sizeof a->problem) == 0;
}

static int add(PlanShape *shapes, int count, PlanShape shape) {
    for (int i = 0; i < count; i++)
        if (same(&shapes[i], &shape)) {
            shapes[i].needs_data_gradient |= shape.needs_data_gradient;
            return count;
        }
    if (count < PLAN_SHAPES_MAX)
        shapes[count++] = shape;
    return count;
}

/* Every distinct convolution of a net. */
static Status add_net(PlanShape *shapes, int *count, const ModelSpec *spec, int batch) {
    Net *net;
    TRY(model_build(spec, &net));
    for (int i = 0; i < net->node_count; i++) {
        const Node *node = &net->nodes[i];
        if (node->op != OP_CONV2D)
            continue;
        Shape in = node_in(net, i);
        PlanShape shape = {.net = "CIFAR"};
        shape.problem.n = batch;
        shape.problem.c = padded(in.c);
        shape.problem.h = in.h;
        shape.problem.w = in.w;
        shape.problem.k = padded(node->out.c);
        shape.problem.window = node->window;
        shape.needs_data_gradient = node->inputs[0] != 0;
        *count = add(shapes, *count, shape);
    }
    net_destroy(net);
    return STATUS_OK;
}

typedef struct Listed {
    const char *net;
    int n, c, h, k, kernel, stride, pad;
    bool first; /* reads the input: no data gradient */
} Listed;

/* What the networks to come will ask for: ResNet-18 and 50 at 224 pixels, the tutorials' kernels.
 */
static const Listed listed[] = {
    {"ImageNet stem", 64, 3, 224, 64, 7, 2, 3, true},
    {"ResNet-18", 64, 64, 56, 64, 3, 1, 1, false},
    {"ResNet-18", 64, 64, 56, 128, 3, 2, 1, false},
    {"ResNet-18", 64, 128, 28, 128, 3, 1, 1, false},
    {"ResNet-18", 64, 128, 28, 256, 3, 2, 1, false},
    {"ResNet-18", 64, 256, 14, 256, 3, 1, 1, false},
    {"ResNet-18", 64, 256, 14, 512, 3, 2, 1, false},
    {"ResNet-18", 64, 512, 7, 512, 3, 1, 1, false},
    {"ResNet-18", 64, 64, 56, 128, 1, 2, 0, false},
    {"ResNet-18", 64, 256, 14, 512, 1, 2, 0, false},
    {"ResNet-50", 64, 64, 56, 64, 1, 1, 0, false},
    {"ResNet-50", 64, 64, 56, 256, 1, 1, 0, false},
    {"ResNet-50", 64, 256, 56, 64, 1, 1, 0, false},
    {"ResNet-50", 64, 256, 56, 512, 1, 2, 0, false},
    {"ResNet-50", 64, 128, 28, 512, 1, 1, 0, false},
    {"ResNet-50", 64, 512, 28, 1024, 1, 2, 0, false},
    {"ResNet-50", 64, 1024, 14, 2048, 1, 2, 0, false},
    {"ResNet-50", 64, 512, 7, 2048, 1, 1, 0, false},
    {"tutorial", 64, 1, 28, 16, 5, 1, 2, true},
    {"tutorial", 64, 16, 14, 32, 5, 1, 2, false},
    {"tutorial", 64, 3, 32, 16, 7, 1, 3, true},
    {"tutorial", 64, 1, 28, 64, 3, 1, 1, true},
};

Status plan_shapes(PlanShape *shapes, int *count) {
    const Shortcut shortcuts[] = {SHORTCUT_A, SHORTCUT_B, SHORTCUT_C};
    const Shape inputs[] = {{3, 32, 32}, {1, 28, 28}};
    *count = 0;
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < 2; i++) {
            ModelSpec spec = model_default();
            spec.shortcut = shortcuts[s];
            spec.input = inputs[i];
            TRY(add_net(shapes, count, &spec, 128));
        }
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++) {
        const Listed *l = &listed[i];
        PlanShape shape = {.net = l->net, .needs_data_gradient = !l->first};
        shape.problem.n = l->n;
        shape.problem.c = padded(l->c);
        shape.problem.h = shape.problem.w = l->h;
        shape.problem.k = l->k;
        shape.problem.window = (Window){l->kernel, l->kernel, l->stride, l->pad};
        *count = add(shapes, *count, shape);
    }
    return STATUS_OK;
}
