/* The nets: their stages, and every layer on request. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/data/data.h"
#include "harness/report/html.h"
#include "harness/report/page.h"
#include "harness/sweep/columns.h"
#include "harness/sweep/config.h"
#include "net/cost.h"

/* The net of a run, built from its row; columns that the file lacks have their default. */
static Status build(const Results *results, int row, Net **net) {
    RunConfig config;
    Shape shape;
    int count, classes, train, test;
    const Column *columns = columns_independent(&count);
    config_default(&config);
    for (int i = 0; i < count; i++) {
        const char *text = run_text(results, row, columns[i].name);
        if (*text)
            TRY(config_set(&config, columns[i].name, text));
    }
    TRY(data_shape(config.dataset, &shape, &classes, &train, &test));
    ModelSpec spec = config_model(&config, shape, classes);
    return model_build(&spec, net);
}

/* "layer2" of "layer2.0.conv1": what a layer belongs to. */
static size_t stage_length(const char *name) {
    return strcspn(name, ".");
}

static bool weighted(const Node *node) {
    return node->op == OP_CONV2D || node->op == OP_LINEAR;
}

static void put_stage(FILE *file, const char *net_name, const Net *net, int first, int end) {
    char stage[64], output[48];
    int layers = 0;
    Cost cost = {0};
    for (int i = first; i < end; i++) {
        Cost one = node_cost(net, i);
        cost.parameters += one.parameters;
        cost.macs += one.macs;
        layers += weighted(&net->nodes[i]);
    }
    Shape out = net->nodes[end - 1].out;
    snprintf(stage, sizeof stage, "%.*s", (int)stage_length(net->nodes[first].name),
             net->nodes[first].name);
    snprintf(output, sizeof output, "%dx%dx%d", out.c, out.h, out.w);
    html_row(file, net_name);
    html_cell(file, stage);
    html_cell(file, output);
    html_cell_number(file, layers, 0);
    html_cell_number(file, (double)cost.parameters, 0);
    html_cell_number(file, (double)cost.macs, 0);
    html_end_row(file);
}

/* Stages with nothing learned are left out. */
static void put_stages(FILE *file, const char *net_name, const Net *net) {
    for (int first = 0, end; first < net->node_count; first = end) {
        size_t length = stage_length(net->nodes[first].name);
        int64_t parameters = 0;
        for (end = first; end < net->node_count && stage_length(net->nodes[end].name) == length &&
                          strncmp(net->nodes[end].name, net->nodes[first].name, length) == 0;
             end++)
            parameters += node_cost(net, end).parameters;
        if (parameters > 0)
            put_stage(file, net_name, net, first, end);
    }
}

static void put_layers(FILE *file, const char *net_name, const Net *net) {
    fprintf(file, "<details><summary>Every layer of ");
    html_text(file, net_name);
    fprintf(file, "</summary>\n");
    html_table(file, net_name, "layer|operation|output|#parameters|#multiply-adds");
    for (int i = 0; i < net->node_count; i++) {
        const Node *node = &net->nodes[i];
        Cost cost = node_cost(net, i);
        char output[48];
        snprintf(output, sizeof output, "%dx%dx%d", node->out.c, node->out.h, node->out.w);
        html_row(file, node->name);
        html_cell(file, op_name(node->op));
        html_cell(file, output);
        html_cell_number(file, cost.parameters ? (double)cost.parameters : NAN, 0);
        html_cell_number(file, cost.macs ? (double)cost.macs : NAN, 0);
        html_end_row(file);
    }
    html_end_table(file);
    fprintf(file, "</details>\n");
}

static void each_net(FILE *file, const Page *page,
                     void (*put)(FILE *file, const char *net_name, const Net *net)) {
    const Groups *groups = &page->verdicts->groups;
    const Results *results = &page->verdicts->results;
    for (int g = 0; g < groups->count; g++) {
        Net *net;
        const Group *group = &groups->items[g];
        if (build(results, results->runs[group->runs[0]].row, &net) != STATUS_OK)
            continue;
        put(file, group->label, net);
        net_destroy(net);
    }
}

/* A row that this program cannot build a net of, another version's perhaps. */
static void put_failures(FILE *file, const Page *page) {
    const Groups *groups = &page->verdicts->groups;
    const Results *results = &page->verdicts->results;
    for (int g = 0; g < groups->count; g++) {
        Net *net;
        if (build(results, results->runs[groups->items[g].runs[0]].row, &net) == STATUS_OK) {
            net_destroy(net);
            continue;
        }
        fprintf(file, "<p>The layers of ");
        html_text(file, groups->items[g].label);
        fprintf(file, " are not known: ");
        html_text(file, status_message());
        fprintf(file, "</p>\n");
    }
}

void page_nets(FILE *file, const Page *page) {
    fprintf(file, "<section id=\"layers\">\n<h2>Layers</h2>\n");
    html_table(file, "Stages: output of one image as channels x height x width",
               "net|stage|output|#weighted layers|#parameters|#multiply-adds");
    each_net(file, page, put_stages);
    html_end_table(file);
    put_failures(file, page);
    each_net(file, page, put_layers);
    fprintf(file, "</section>\n");
}
