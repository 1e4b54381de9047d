#include "net/models.h"

#include <string.h>

static const ModelInfo models[] = {
    {"resnet_cifar", "He et al. 2015, section 4.2: 6n+2 layers, basic blocks, for small images",
     build_resnet_cifar},
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

Status model_build(const ModelSpec *spec, Net **out) {
    int count;
    const ModelInfo *table = model_table(&count);
    *out = NULL;
    for (int i = 0; i < count; i++) {
        if (strcmp(table[i].name, spec->model) != 0)
            continue;
        Net *net = net_create(spec->model);
        if (!net)
            return status_fail(STATUS_NO_MEMORY, "no memory for a net");
        Status status = table[i].build(spec, net);
        if (status == STATUS_OK)
            status = net_finish(net);
        if (status == STATUS_OK)
            *out = net;
        else
            net_destroy(net);
        return status;
    }
    return status_fail(STATUS_BAD_INPUT, "unknown model '%s'; 'harness list models' names them",
                       spec->model);
}
