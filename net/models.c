#include "net/models.h"

#include <string.h>

/* ---- the choices ---- */

enum {
    OFFERS_FAMILY = 1 << 0,
    OFFERS_DEPTH = 1 << 1,
    OFFERS_SHORTCUT = 1 << 2,
    OFFERS_PAD_SIDE = 1 << 3,
    OFFERS_BLOCK = 1 << 4,
    OFFERS_WIDTH = 1 << 5,
    OFFERS_BOTTLENECK_STRIDE = 1 << 6,
    OFFERS_ACTIVATION = 1 << 7,
    OFFERS_PROFILE = 1 << 8,
    OFFERS_FIRST_KERNEL = 1 << 9,
    OFFERS_STAGES = 1 << 10,
    OFFERS_MIXING = 1 << 11, /* gate, gate_bias, shortcut_scale, residual_scale, shortcut_dropout */
};

/* Whole-number members of ModelSpec (enums among them) that have a value of their own in a model.
 * 0 is AUTO, or the only value that every model has. */
static const struct Choice {
    const char *name;
    unsigned flag;
    size_t offset;
} choices[] = {
    {"depth", OFFERS_DEPTH, offsetof(ModelSpec, depth)},
    {"shortcut", OFFERS_SHORTCUT, offsetof(ModelSpec, shortcut)},
    {"pad_side", OFFERS_PAD_SIDE, offsetof(ModelSpec, pad_side)},
    {"block", OFFERS_BLOCK, offsetof(ModelSpec, block)},
    {"width", OFFERS_WIDTH, offsetof(ModelSpec, width)},
    {"bottleneck_stride", OFFERS_BOTTLENECK_STRIDE, offsetof(ModelSpec, bottleneck_stride)},
    {"activation", OFFERS_ACTIVATION, offsetof(ModelSpec, activation)},
    {"gate", OFFERS_MIXING, offsetof(ModelSpec, gate)},
    {"profile", OFFERS_PROFILE, offsetof(ModelSpec, profile)},
    {"first_kernel", OFFERS_FIRST_KERNEL, offsetof(ModelSpec, first_kernel)},
};

enum { CHOICES = sizeof choices / sizeof choices[0] };

static int get(const ModelSpec *spec, const struct Choice *choice) {
    int value;
    memcpy(&value, (const char *)spec + choice->offset, sizeof value);
    return value;
}

static void set(ModelSpec *spec, const struct Choice *choice, int value) {
    memcpy((char *)spec + choice->offset, &value, sizeof value);
}

/* ---- the table ---- */

#define FOR_SMALL_IMAGES .input = {3, 32, 32}, .classes = 10

static const ModelInfo models[] = {
    {"resnet_cifar",
     "He et al. 2015, section 4.2: 6n+2 layers (bottlenecks: 9n+2), small images",
     OFFERS_FAMILY | OFFERS_DEPTH | OFFERS_SHORTCUT | OFFERS_PAD_SIDE | OFFERS_BLOCK |
         OFFERS_WIDTH | OFFERS_BOTTLENECK_STRIDE | OFFERS_ACTIVATION | OFFERS_MIXING,
     {.width = 16, .first_kernel = 3, .profile = PROFILE_NONE, FOR_SMALL_IMAGES},
     complete_resnet_cifar,
     build_resnet_cifar},
    {"resnet_imagenet",
     "He et al. 2015, table 1: 18, 34, 50, 101 and 152 layers for ImageNet",
     OFFERS_FAMILY | OFFERS_DEPTH | OFFERS_SHORTCUT | OFFERS_PAD_SIDE | OFFERS_WIDTH |
         OFFERS_BOTTLENECK_STRIDE,
     {.depth = 18,
      .width = 64,
      .first_kernel = 7,
      .profile = PROFILE_NONE,
      .input = {3, 224, 224},
      .classes = 1000},
     complete_resnet_imagenet,
     build_resnet_imagenet},
    {"tutorial000",
     "a ResNet-18 for CIFAR-10, images of 224 (asis) or 32 pixels (fixed)",
     OFFERS_WIDTH | OFFERS_PROFILE,
     {.depth = 18,
      .shortcut = SHORTCUT_B,
      .block = BLOCK_BASIC,
      .width = 64,
      .bottleneck_stride = BOTTLENECK_STRIDE_1X1,
      .first_kernel = 3,
      .profile = PROFILE_ASIS,
      .input = {3, 0, 0},
      .classes = 10},
     complete_tutorial000,
     build_tutorial000},
    {"tutorial001",
     "an annotated base with stages, bottlenecks and first kernel to choose",
     OFFERS_PROFILE | OFFERS_FIRST_KERNEL | OFFERS_STAGES,
     {.shortcut = SHORTCUT_B, .first_kernel = 3, .profile = PROFILE_ASIS, FOR_SMALL_IMAGES},
     complete_tutorial001,
     build_tutorial001},
    {"tutorial002",
     "identity blocks with plain convolutions where the size changes",
     OFFERS_WIDTH | OFFERS_PROFILE,
     {.depth = 22,
      .shortcut = SHORTCUT_TRANSITION,
      .block = BLOCK_BASIC,
      .width = 64,
      .bottleneck_stride = BOTTLENECK_STRIDE_1X1,
      .first_kernel = 3,
      .profile = PROFILE_ASIS,
      FOR_SMALL_IMAGES},
     NULL,
     build_tutorial002},
    {"tutorial003",
     "a small net for MNIST without batch norm, plain and residual",
     OFFERS_FAMILY | OFFERS_BLOCK | OFFERS_WIDTH | OFFERS_PROFILE,
     {.depth = 8,
      .shortcut = SHORTCUT_A,
      .block = BLOCK_5X5,
      .width = 20,
      .bottleneck_stride = BOTTLENECK_STRIDE_1X1,
      .first_kernel = 5,
      .profile = PROFILE_ASIS,
      .input = {1, 28, 28},
      .classes = 10},
     NULL,
     build_tutorial003},
    {"tutorial004",
     "6n+2 layers (n = 2) for CIFAR-10 with 3x3 projections",
     OFFERS_DEPTH | OFFERS_WIDTH | OFFERS_PROFILE,
     {.depth = 14,
      .shortcut = SHORTCUT_3X3,
      .block = BLOCK_BASIC,
      .width = 16,
      .bottleneck_stride = BOTTLENECK_STRIDE_1X1,
      .first_kernel = 3,
      .profile = PROFILE_ASIS,
      FOR_SMALL_IMAGES},
     NULL,
     build_tutorial004},
};

const ModelInfo *model_table(int *count) {
    *count = (int)(sizeof models / sizeof models[0]);
    return models;
}

ModelSpec model_default(void) {
    return (ModelSpec){.model = "resnet_cifar",
                       .family = FAMILY_RESNET,
                       .depth = 20,
                       .shortcut = SHORTCUT_A,
                       .pad_side = PAD_APPEND,
                       .width = 16,
                       .input = {3, 32, 32},
                       .classes = 10};
}

/* ---- what is left to the model ---- */

/* NULL when there is none; the error is recorded. */
static const ModelInfo *find(const char *name) {
    int count;
    const ModelInfo *table = model_table(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    status_fail(STATUS_BAD_INPUT, "unknown model '%s'; 'harness list models' names them", name);
    return NULL;
}

static Status not_offered(const ModelInfo *info, const char *name) {
    return status_fail(STATUS_BAD_INPUT, "%s: %s has its own; leave it out", name, info->name);
}

static bool is_factor(double factor) {
    return factor != 0 && factor != 1;
}

static Status check_unmixed(const ModelInfo *info, const ModelSpec *spec) {
    if (is_factor(spec->shortcut_scale))
        return not_offered(info, "shortcut_scale");
    if (is_factor(spec->residual_scale))
        return not_offered(info, "residual_scale");
    if (spec->gate_bias != 0)
        return not_offered(info, "gate_bias");
    return spec->shortcut_dropout != 0 ? not_offered(info, "shortcut_dropout") : STATUS_OK;
}

/* Choices without a value of their own in a model: offered or not at all. */
static Status check_offered(const ModelInfo *info, const ModelSpec *spec) {
    if (!(info->offers & OFFERS_FAMILY) && spec->family == FAMILY_PLAIN)
        return status_fail(STATUS_BAD_INPUT, "family: %s has no plain form", info->name);
    if ((info->offers & OFFERS_PROFILE) && spec->profile == PROFILE_NONE)
        return status_fail(STATUS_BAD_INPUT, "profile: %s is asis or fixed", info->name);
    if (!(info->offers & OFFERS_MIXING))
        TRY(check_unmixed(info, spec));
    if (info->offers & OFFERS_STAGES)
        return STATUS_OK;
    if (spec->blocks.count)
        return not_offered(info, "blocks");
    if (spec->channels.count)
        return not_offered(info, "channels");
    return spec->bottlenecks.count ? not_offered(info, "bottlenecks") : STATUS_OK;
}

static void complete_input(Shape *input, Shape own) {
    input->c = input->c ? input->c : own.c;
    input->h = input->h ? input->h : own.h;
    input->w = input->w ? input->w : own.w;
}

Status model_complete(ModelSpec *spec) {
    const ModelInfo *info = find(spec->model);
    ModelSpec full = *spec;
    if (!info)
        return STATUS_BAD_INPUT;
    TRY(check_offered(info, spec));
    for (int i = 0; i < CHOICES; i++)
        if (!(info->offers & choices[i].flag) || get(spec, &choices[i]) == 0)
            set(&full, &choices[i], get(&info->own, &choices[i]));
    complete_input(&full.input, info->own.input);
    if (full.classes == 0)
        full.classes = info->own.classes;
    if (info->complete)
        info->complete(&full);
    for (int i = 0; i < CHOICES; i++) {
        int wanted = get(spec, &choices[i]);
        if (wanted != 0 && wanted != get(&full, &choices[i]))
            return not_offered(info, choices[i].name);
    }
    *spec = full;
    return STATUS_OK;
}

Status model_append(const ModelSpec *spec, Net *net) {
    const ModelInfo *info = find(spec->model);
    ModelSpec full = *spec;
    if (!info)
        return STATUS_BAD_INPUT;
    TRY(model_complete(&full));
    return info->build(&full, net);
}

Status model_build(const ModelSpec *spec, Net **out) {
    *out = NULL;
    Net *net = net_create(spec->model);
    if (!net)
        return status_fail(STATUS_NO_MEMORY, "no memory for a net");
    Status status = model_append(spec, net);
    if (status == STATUS_OK)
        status = net_finish(net);
    if (status == STATUS_OK)
        *out = net;
    else
        net_destroy(net);
    return status;
}
