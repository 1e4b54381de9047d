/* Plans by real cuDNN without a device: for every convolution, direction, precision and device file
 * there must be a plan that is deterministic, uses tensor cores where the precision asks for them
 * (exceptions are listed in the CSV and bounded in number), and keeps its workspace small.
 * usage: test_plans DEVICES.json... OUT.csv */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/conv_plan.h"
#include "tests/plans/problems.h"

/* No plan may ask for more: a fiftieth of the smallest of the four cards. */
static const int64_t workspace_bound = 512LL << 20;
/* Of the plans in bf16 and tf32, this share may be without tensor cores. */
static const double exceptions_bound = 0.05;

static int device_count;
static char **device_files;
static FILE *csv;

static Descriptor read_device(const char *path) {
    char text[8192];
    Descriptor device;
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s: cannot be read", path);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    Building building = descriptor_begin(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, path);
    descriptor_set(&building, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                   (int64_t)length, text);
    if (descriptor_finish(&building, &device) != STATUS_OK)
        fail_msg("%s: %s", path, status_message());
    return device;
}

/* "a100" of ".../a100.json" */
static void device_name(const char *path, char *name, size_t size) {
    const char *slash = strrchr(path, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : path);
    name[strcspn(name, ".")] = '\0';
}

typedef struct Tally {
    int plans, failures, without_tensor_cores, wanting_tensor_cores, from_fallback;
    int64_t largest_workspace;
} Tally;

static void write_row(const char *device, const PlanShape *shape, const ConvPlan *plan) {
    const ConvProblem *p = &plan->problem;
    fprintf(csv, "%s,%s,%s,%s,%d,%d,%d,%d,%d,%d,%lld,%s,%d,%d,%d,%lld\n", device, shape->net,
            conv_direction_name(p->direction), precision_name(p->precision), p->n, p->c, p->h, p->k,
            p->window.r, p->window.stride, (long long)plan->engine, plan->knobs, plan->rank,
            plan->fallback, plan->tensor_cores, (long long)plan->workspace);
}

static void check_plan(const char *name, Descriptor device, const PlanShape *shape,
                       ConvDirection direction, Precision precision, Tally *tally) {
    ConvProblem problem = shape->problem;
    ConvPlan plan;
    problem.direction = direction;
    problem.precision = precision;
    tally->plans++;
    if (conv_plan_create(&plan, &problem, NULL, device) != STATUS_OK) {
        printf("%s: %s\n", name, status_message());
        tally->failures++;
        return;
    }
    write_row(name, shape, &plan);
    if (precision != PRECISION_FP32)
        tally->wanting_tensor_cores++;
    if (precision != PRECISION_FP32 && !plan.tensor_cores)
        tally->without_tensor_cores++;
    assert_false(precision == PRECISION_FP32 && plan.tensor_cores);
    tally->from_fallback += plan.fallback;
    if (plan.workspace > tally->largest_workspace)
        tally->largest_workspace = plan.workspace;
    conv_plan_destroy(&plan);
}

static void check_device(const char *path, const PlanShape *shapes, int count, Tally *tally) {
    static const Precision precisions[] = {PRECISION_FP32, PRECISION_TF32, PRECISION_BF16};
    char name[64];
    Descriptor device = read_device(path);
    device_name(path, name, sizeof name);
    for (int i = 0; i < count; i++)
        for (int d = 0; d < 3; d++)
            for (int p = 0; p < 3; p++)
                if (d != CONV_DATA_GRADIENT || shapes[i].needs_data_gradient)
                    check_plan(name, device, &shapes[i], (ConvDirection)d, precisions[p], tally);
    descriptor_destroy(&device);
}

static void every_convolution_has_a_plan(void **state) {
    (void)state;
    PlanShape shapes[PLAN_SHAPES_MAX];
    int count;
    memset(shapes, 0, sizeof shapes);
    assert_int_equal(plan_shapes(shapes, &count), STATUS_OK);
    assert_true(count > 20 && count < PLAN_SHAPES_MAX);
    fprintf(csv, "device,net,direction,precision,n,c,h,k,kernel,stride,engine,knobs,rank,"
                 "fallback,tensor_cores,workspace\n");
    for (int i = 0; i < device_count; i++) {
        Tally tally = {0};
        check_device(device_files[i], shapes, count, &tally);
        printf("%s: %d plans for %d shapes, %d failed, %d of %d without tensor cores, %d from "
               "FALLBACK, largest workspace %lld KiB\n",
               device_files[i], tally.plans, count, tally.failures, tally.without_tensor_cores,
               tally.wanting_tensor_cores, tally.from_fallback,
               (long long)tally.largest_workspace >> 10);
        assert_int_equal(tally.failures, 0);
        assert_true(tally.largest_workspace <= workspace_bound);
        assert_true(tally.without_tensor_cores <=
                    exceptions_bound * (double)tally.wanting_tensor_cores);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: test_plans DEVICE.json... OUT.csv\n");
        return 2;
    }
    if (cudnnGetVersion() < 90800) {
        printf("SKIPPED: cuDNN %zu cannot plan without a device; 9.8 can\n", cudnnGetVersion());
        return 77;
    }
    device_files = argv + 1;
    device_count = argc - 2;
    csv = fopen(argv[argc - 1], "w");
    if (!csv) {
        perror(argv[argc - 1]);
        return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_convolution_has_a_plan)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (fclose(csv) != 0)
        failed = 1;
    return !!failed;
}
