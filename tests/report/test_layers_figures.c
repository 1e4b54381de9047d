/* layers.csv and its two figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/report.h"
#include "harness/report/results.h"
#include "tests/report/fixture.h"
#include "tests/sweep/scratch.h"

#define LAYERS_HEADER                                                                              \
    "key,model,family,depth,shortcut,seed,iteration,layer,name,op,kernel,channels,response_std,"   \
    "gradient_norm,weight_norm,update_ratio\n"

/* Invented: a plain net, a residual one with two seeds, one that diverged. */
static const char runs[] =
    RUNS_HEADER "resnet_cifar,plain,8,A,16,cifar10,128,20,0.1,none,1,k1,done,,9,9,9,1000,1\n"
                "resnet_cifar,resnet,8,A,16,cifar10,128,20,0.1,none,1,k2,done,,9,9,9,1000,1\n"
                "resnet_cifar,resnet,8,A,16,cifar10,128,20,0.1,none,2,k3,done,,9,9,9,1000,1\n"
                "resnet_cifar,resnet,14,A,16,cifar10,128,20,0.1,none,1,k4,diverged,9,,,,1000,1\n";
static const char curves[] = CURVES_HEADER "k1,resnet_cifar,plain,8,A,1,10,9,9\n";
static const char layers[] =
    LAYERS_HEADER "k1,resnet_cifar,plain,8,A,1,10,1,conv1,conv2d,3,16,9,0.5,1,0.1\n"
                  "k1,resnet_cifar,plain,8,A,1,20,1,conv1,conv2d,3,16,0.25,0.5,1,0.1\n"
                  "k1,resnet_cifar,plain,8,A,1,20,2,a.downsample.0,conv2d,1,16,7,7,1,0.1\n"
                  "k1,resnet_cifar,plain,8,A,1,20,3,a.conv1,conv2d,3,16,0.75,0.125,1,0.1\n"
                  "k1,resnet_cifar,plain,8,A,1,20,4,a.conv2,conv2d,3,16,0.5,0.0625,1,\n"
                  "k1,resnet_cifar,plain,8,A,1,20,5,fc,linear,1,10,8,8,1,0.1\n"
                  "k2,resnet_cifar,resnet,8,A,1,20,1,conv1,conv2d,3,16,1,0.25,1,0.1\n"
                  "k2,resnet_cifar,resnet,8,A,1,20,2,a.conv1,conv2d,3,16,2,,1,0.1\n"
                  "k3,resnet_cifar,resnet,8,A,2,20,1,conv1,conv2d,3,16,2,0.75,1,0.1\n"
                  "k3,resnet_cifar,resnet,8,A,2,20,2,a.conv1,conv2d,3,16,6,,1,0.1\n"
                  "k4,resnet_cifar,resnet,14,A,1,5,1,conv1,conv2d,3,16,99,99,1,0.1\n"
                  "gone,resnet_cifar,resnet,8,A,9,20,1,conv1,conv2d,3,16,77,77,1,0.1\n";

static const char *with_layers(const char *name, const char *text) {
    static char folder[512];
    char file[128];
    snprintf(folder, sizeof folder, "%s", fixture_folder(name, runs, curves));
    snprintf(file, sizeof file, "%s/layers.csv", name);
    scratch_text(file, text);
    return folder;
}

static char *figure(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/figures/%s", folder, name);
    return slurp_text(path);
}

static void contains(const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%.2000s", part, text ? text : "(no file)");
}

static void written(const char *folder) {
    if (report_write(folder) != STATUS_OK)
        fail_msg("%s", status_message());
}

/* Last evaluation, convolutions larger than 1x1, the mean of the seeds; then sorted. A diverged run
 * and one that is not in runs.csv are left out. */
static void responses_in_both_orders(void **state) {
    (void)state;
    const char *folder = with_layers("responses", layers);
    written(folder);
    char *script = figure(folder, "layer_responses.gp"),
         *svg = figure(folder, "layer_responses.svg");
    contains(script, "$lines << EOD\n"
                     "1 0.25 0.25 0.25\n2 0.75 0.75 0.75\n3 0.5 0.5 0.5\n"
                     "\n\n1 1.5 1 2\n2 4 2 6\n"
                     "\n\n1 0.75 0.75 0.75\n2 0.5 0.5 0.5\n3 0.25 0.25 0.25\n"
                     "\n\n1 4 2 6\n2 1.5 1 2\n"
                     "EOD\n");
    contains(script, "array line_first[2] = [1, 3]");
    contains(svg, ">plain, 8 layers<");
    contains(svg, ">resnet, 8 layers<");
    contains(svg, ">layer, in the order of the net<");
    contains(svg, ">layer, sorted by magnitude<");
    assert_null(strstr(svg, "14 layers"));
    free(script);
    free(svg);
}

/* First and last evaluation; a cell without a value is no point. */
static void gradients_early_and_late(void **state) {
    (void)state;
    const char *folder = with_layers("gradients", layers);
    written(folder);
    char *script = figure(folder, "gradient_layers.gp"),
         *svg = figure(folder, "gradient_layers.svg");
    contains(script, "$lines << EOD\n"
                     "1 0.5 0.5 0.5\n"
                     "\n\n1 0.5 0.25 0.75\n"
                     "\n\n1 0.5 0.5 0.5\n2 0.125 0.125 0.125\n3 0.0625 0.0625 0.0625\n"
                     "\n\n1 0.5 0.25 0.75\n"
                     "EOD\n");
    contains(script, "panel_title_1 = 'at the first evaluation'");
    contains(script, "panel_title_2 = 'after 20 iterations'");
    contains(script, "y_min = 0.05\ny_max = 1\n");
    contains(svg, ">gradient norm<");
    free(script);
    free(svg);
}

/* Without layers.csv there are no such figures, and none of before stays. */
static void no_layers_no_figures(void **state) {
    (void)state;
    char path[1024];
    const char *folder = with_layers("none", layers);
    written(folder);
    snprintf(path, sizeof path, "%s/layers.csv", folder);
    assert_int_equal(remove(path), 0);
    written(folder);
    assert_null(figure(folder, "layer_responses.svg"));
    assert_null(figure(folder, "gradient_layers.png"));
}

static void broken_files(void **state) {
    (void)state;
    Results results;
    const char *folder = with_layers("text", LAYERS_HEADER "k1,resnet_cifar,plain,8,A,1,10,1,conv1,"
                                                           "conv2d,3,16,wide,0.5,1,0.1\n");
    assert_int_equal(results_read(folder, &results), STATUS_BAD_INPUT);
    contains(status_message(), "layers.csv:2: column 'response_std' is not a number: 'wide'");
    folder = with_layers("column", "key,iteration\nk1,10\n");
    assert_int_equal(results_read(folder, &results), STATUS_BAD_INPUT);
    contains(status_message(), "no column 'kernel'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_in_both_orders),
        cmocka_unit_test(gradients_early_and_late),
        cmocka_unit_test(no_layers_no_figures),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests_name("layers_figures", tests, NULL, NULL);
}
