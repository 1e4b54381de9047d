/* harness show: the layers of a net. */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/sweep/config.h"
#include "harness/sweep/values.h"
#include "net/cost.h"

static int help(void) {
    printf(
        "Usage: harness show [--model NAME] [--set COLUMN=VALUE,..]... [--input CxHxW]\n"
        "                    [--classes N] [--csv]\n"
        "\n"
        "Prints a net's layers in order: name, operation, output of one image (channels x height\n"
        "x width), learned parameters, multiply-adds (MACs) of the forward pass; then the totals.\n"
        "No file is read. The size of an image and the classes are those of the data set, if one\n"
        "is set; else the model's own (3x224x224 and 1000 for resnet_imagenet).\n"
        "\n"
        "  --model NAME            default resnet_cifar; 'harness list models' names them\n"
        "  --set COLUMN=VALUE,..   columns of an experiment: depth, family, shortcut, pad_side,\n"
        "                          width, dataset, ...; 'harness list columns' explains them\n"
        "  --input CxHxW           size of an image\n"
        "  --classes N             outputs\n"
        "  --csv                   layer,op,output,parameters,macs; last row total\n"
        "\n"
        "Examples:\n"
        "  harness show --model resnet_cifar --set depth=20,shortcut=A\n"
        "  harness show --model resnet_imagenet --set depth=50,bottleneck_stride=3x3\n"
        "  harness show --set family=plain,depth=56 --set dataset=fashion_mnist --csv\n");
    return EXIT_DONE;
}

static void format_shape(Shape shape, char *text, size_t size) {
    snprintf(text, size, "%dx%dx%d", shape.c, shape.h, shape.w);
}

static void print_csv(const Net *net) {
    char shape[48];
    Cost total = net_cost(net);
    printf("layer,op,output,parameters,macs\n");
    for (int i = 0; i < net->node_count; i++) {
        Cost cost = node_cost(net, i);
        format_shape(net->nodes[i].out, shape, sizeof shape);
        printf("%s,%s,%s,%" PRId64 ",%" PRId64 "\n", net->nodes[i].name, op_name(net->nodes[i].op),
               shape, cost.parameters, cost.macs);
    }
    printf("total,,,%" PRId64 ",%" PRId64 "\n", total.parameters, total.macs);
}

/* Zero is a dash: most layers have neither parameters nor multiply-adds. */
static void print_count(int64_t count, int width) {
    if (count)
        printf("  %*" PRId64, width, count);
    else
        printf("  %*s", width, "-");
}

static void print_row(int width, const char *name, const char *op, const char *shape, Cost cost) {
    printf("%-*s  %-22s  %-12s", width, name, op, shape);
    print_count(cost.parameters, 11);
    print_count(cost.macs, 13);
    printf("\n");
}

static void print_table(const Net *net) {
    char shape[48];
    int width = 5;
    for (int i = 0; i < net->node_count; i++) {
        int length = (int)strlen(net->nodes[i].name);
        width = length > width ? length : width;
    }
    printf("%-*s  %-22s  %-12s  %11s  %13s\n", width, "layer", "op", "output", "parameters",
           "macs");
    for (int i = 0; i < net->node_count; i++) {
        format_shape(net->nodes[i].out, shape, sizeof shape);
        print_row(width, net->nodes[i].name, op_name(net->nodes[i].op), shape, node_cost(net, i));
    }
    print_row(width, "total", "", "", net_cost(net));
}

/* What the command line asks for. */
typedef struct ShowCall {
    RunConfig config; /* dataset "": the model's own input */
    Shape input;      /* c 0: not given */
    int classes;      /* 0: not given */
    bool csv;
} ShowCall;

static Status show(const ShowCall *call) {
    Shape shape = {0, 0, 0};
    int classes = 0, train_count, test_count;
    Net *net;
    TRY(config_check(&call->config));
    if (call->config.dataset[0])
        TRY(data_shape(call->config.dataset, &shape, &classes, &train_count, &test_count));
    if (call->input.c)
        shape = call->input;
    if (call->classes)
        classes = call->classes;
    ModelSpec spec = config_model(&call->config, shape, classes);
    TRY(model_build(&spec, &net));
    if (call->csv)
        print_csv(net);
    else
        print_table(net);
    net_destroy(net);
    return STATUS_OK;
}

static Status set_input(const char *text, Shape *shape) {
    char rest;
    if (sscanf(text, "%4dx%5dx%5d%c", &shape->c, &shape->h, &shape->w, &rest) != 3 ||
        shape->c < 1 || shape->h < 1 || shape->w < 1)
        return status_fail(STATUS_BAD_INPUT,
                           "--input '%s': expected channels x height x width, "
                           "as 3x224x224",
                           text);
    return STATUS_OK;
}

static Status set_classes(const char *text, int *classes) {
    int64_t value;
    if (!value_int(text, &value) || value < 2 || value > 1000000)
        return status_fail(STATUS_BAD_INPUT, "--classes '%s': expected a whole number from 2",
                           text);
    *classes = (int)value;
    return STATUS_OK;
}

static Status apply(ShowCall *call, int code, const char *value) {
    switch (code) {
    case 'm':
        return config_set(&call->config, "model", value);
    case 's':
        return config_set_list(&call->config, value);
    case 'i':
        return set_input(value, &call->input);
    case 'k':
        return set_classes(value, &call->classes);
    default:
        call->csv = true;
        return STATUS_OK;
    }
}

int cmd_show(int argc, char **argv) {
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {"set", required_argument, NULL, 's'},
                                            {"input", required_argument, NULL, 'i'},
                                            {"classes", required_argument, NULL, 'k'},
                                            {"csv", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    ShowCall call = {0};
    int code;
    config_default(&call.config);
    call.config.dataset[0] = '\0';
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code == 'h')
            return help();
        if (code == '?' || code == ':')
            return cli_bad_option(argc, argv, code);
        Status status = apply(&call, code, optarg);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    if (optind < argc)
        return cli_usage("show", "'%s' is no option; columns are given as --set depth=20",
                         argv[optind]);
    Status status = show(&call);
    return status == STATUS_OK ? EXIT_DONE : cli_fail(status);
}
