/* harness check: the oracle's tests on this machine's hardware, and the speed of what passed. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/check/check.h"
#include "harness/check/speed.h"
#include "harness/sweep/config.h"
#include "harness/sweep/key.h"

typedef struct CheckCall {
    RunConfig config; /* backend, precision, threads */
    const char *only; /* one case; NULL: all, and the speeds */
    bool quick;
    CheckSpec spec;
    int checked, failed;
} CheckCall;

static int help(void) {
    printf(
        "Usage: harness check [OPTIONS]\n"
        "\n"
        "Compares a backend with the oracle (ref) on this machine: operations and small nets,\n"
        "each with its output, the gradients of its input and of every parameter, batch-norm\n"
        "statistics, ten training steps, and the same bits when run again. Numbers are the worst\n"
        "error as a share of its tolerance. Then times operations at the sizes of real training,\n"
        "those whose result is right. Exit status 0: all good, 1: a difference, 2: bad usage or\n"
        "no such backend here.\n"
        "\n"
        "  --backend NAME    cpu, gpu, ref or auto (default)\n"
        "  --precision NAME  fp32, tf32, bf16, fp64 or auto (default): the backend's own\n"
        "  --threads N       CPU threads; the default is all\n"
        "  --case NAME       this case only, and no speeds\n"
        "  --quick           one optimiser, small batches, no speeds: does it work here?\n"
        "\n"
        "Examples:\n"
        "  harness check\n"
        "  harness check --backend cpu --threads 2 --quick\n"
        "  harness check --backend gpu --precision bf16\n"
        "  harness check --backend cpu --case conv_3x3_stride\n");
    return EXIT_DONE;
}

/* ---- options ---- */

enum { OPT_BACKEND = 256, OPT_PRECISION, OPT_THREADS, OPT_CASE, OPT_QUICK };

static const struct option long_options[] = {
    {"backend", required_argument, NULL, OPT_BACKEND},
    {"precision", required_argument, NULL, OPT_PRECISION},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"case", required_argument, NULL, OPT_CASE},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static Status set_case(CheckCall *call, const char *name) {
    int count;
    const Case *cases = case_table(&count), *found = case_find(name);
    const char *names[count + 1];
    if (found) {
        call->only = found->name;
        return STATUS_OK;
    }
    for (int i = 0; i < count; i++)
        names[i] = cases[i].name;
    names[count] = NULL;
    const char *near = cli_nearest(name, names);
    return near ? status_fail(STATUS_BAD_INPUT, "--case '%s': there is none; did you mean '%s'?",
                              name, near)
                : status_fail(STATUS_BAD_INPUT,
                              "--case '%s': there is none; 'harness check' "
                              "prints their names",
                              name);
}

static Status apply(CheckCall *call, int option, const char *text) {
    switch (option) {
    case OPT_BACKEND:
        return config_set(&call->config, "backend", text);
    case OPT_PRECISION:
        return config_set(&call->config, "precision", text);
    case OPT_THREADS:
        return config_set(&call->config, "threads", text);
    case OPT_CASE:
        return set_case(call, text);
    default:
        call->quick = true;
        return STATUS_OK;
    }
}

/* ---- the cases ---- */

static void print_part(const Verdict *verdict, bool share) {
    if (verdict->failed)
        printf("  %10s", "FAIL");
    else if (verdict->compared == 0)
        printf("  %10s", "-");
    else if (share)
        printf("  %10.3f", verdict->share);
    else
        printf("  %10s", "ok");
}

/* A row, and under it what was wrong. */
static void print_case(const Case *test, Status status, const CaseResult *result) {
    static const char *const parts[] = {"forward", "gradients", "statistics", "ten steps",
                                        "same bits"};
    printf("%-22s", test->name);
    if (status != STATUS_OK)
        printf("  FAIL\n    %s\n", status_message());
    for (int part = 0; status == STATUS_OK && part < CHECK_PARTS; part++)
        print_part(&result->parts[part], part != PART_BITS);
    if (status == STATUS_OK)
        printf("\n");
    for (int part = 0; part < CHECK_PARTS; part++)
        if (result->parts[part].failed)
            printf("    %s: %d of %d: %s\n", parts[part], result->parts[part].failed,
                   result->parts[part].compared, result->parts[part].message);
    fflush(stdout);
}

static void check_cases(CheckCall *call) {
    int count;
    const Case *cases = case_table(&count);
    printf("%-22s  %10s  %10s  %10s  %10s  %10s\n", "case", "forward", "gradients", "statistics",
           "ten steps", "same bits");
    for (int i = 0; i < count; i++) {
        CaseResult result;
        if (call->only && strcmp(call->only, cases[i].name) != 0)
            continue;
        Status status = check_case(&call->spec, &cases[i], &result);
        print_case(&cases[i], status, &result);
        call->checked++;
        call->failed += status != STATUS_OK || !case_is_good(&result);
    }
}

/* ---- the speeds ---- */

static void print_speed(const PassSpeed *speed) {
    if (!speed->measured)
        printf("  %9s %8s %8s", "-", "-", "-");
    else if (speed->gflop_per_s > 0)
        printf("  %9.4f %8.1f %8.1f", speed->ms, speed->gflop_per_s, speed->gb_per_s);
    else
        printf("  %9.4f %8s %8.1f", speed->ms, "-", speed->gb_per_s);
}

static void print_speed_row(const CheckCall *call, const SpeedRow *row, Status status) {
    char input[32] = "";
    if (row->input.c)
        snprintf(input, sizeof input, "%dx%dx%d", row->input.c, row->input.h, row->input.w);
    printf("%-22s %-9s", row->name, input);
    if (status != STATUS_OK)
        printf("  FAIL\n    %s\n", status_message());
    else if (row->verdict.failed)
        printf("  FAIL\n    %d of %d: %s\n", row->verdict.failed, row->verdict.compared,
               row->verdict.message);
    else {
        printf("  %7.3f", row->verdict.share);
        if (!call->quick) {
            print_speed(&row->forward);
            print_speed(&row->backward);
        }
        printf("\n");
    }
    fflush(stdout);
}

static void check_speeds(CheckCall *call) {
    printf("\n%-22s %-9s  %7s", "operation", "input", "error");
    if (!call->quick)
        printf("  %9s %8s %8s  %9s %8s %8s", "forward", "GFLOP/s", "GB/s", "backward", "GFLOP/s",
               "GB/s");
    printf("\n");
    for (int i = 0; i < speed_count(); i++) {
        SpeedRow row;
        Status status = speed_measure(&call->spec, i, &row);
        print_speed_row(call, &row, status);
        call->checked++;
        call->failed += status != STATUS_OK || row.verdict.failed > 0;
    }
    if (!call->quick)
        printf("Milliseconds for 128 images, or a step; '-': none, or less than the measurement's "
               "spread.\n");
}

/* ---- the whole ---- */

/* A precision that the backend lacks is found before anything is compared. */
static Status try_precision(const CheckSpec *spec) {
    int count;
    Net *net = NULL;
    State *state = NULL;
    Program *program = NULL;
    const Optimizer optimizer = {0};
    ProgramSpec program_spec = {.mode = MODE_TRAIN, .max_batch = 1, .precision = spec->precision};
    Status status = STATUS_OK;
    CHECK(case_build(case_table(&count), &net));
    CHECK(state_create(spec->backend, net, &optimizer, &state));
    CHECK(program_compile(state, &program_spec, &program));
out:
    program_destroy(program);
    state_destroy(state);
    net_destroy(net);
    return status;
}

static Status open_backends(CheckCall *call) {
    BackendOptions options = {.threads = (int)call->config.threads}, one = {.threads = 1};
    CheckSpec *spec = &call->spec;
    TRY(backend_open(call->config.backend, &options, &spec->backend));
    cli_note_backend(spec->backend->info.note, spec->backend->ops->name);
    TRY(backend_open("ref", &one, &spec->oracle));
    spec->quick = call->quick;
    spec->precision = spec->backend->ops->native;
    if (strcmp(call->config.precision, "auto") != 0)
        TRY(precision_parse(call->config.precision, &spec->precision));
    return try_precision(spec);
}

static int check(CheckCall *call) {
    const Backend *backend = call->spec.backend;
    printf("backend %s, %s, %s, %s %s, %d threads\n\n", backend->ops->name,
           precision_name(call->spec.precision), backend->info.libraries, backend->info.device,
           backend->info.isa, backend->info.threads);
    check_cases(call);
    if (!call->only)
        check_speeds(call);
    printf("\n%d of %d agree with the oracle%s\n", call->checked - call->failed, call->checked,
           call->failed ? ": FAIL" : "");
    return call->failed ? EXIT_RUN_FAILED : EXIT_DONE;
}

int cmd_check(int argc, char **argv) {
    CheckCall call = {0};
    int option;
    config_default(&call.config);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (option == 'h')
            return help();
        if (option == '?' || option == ':')
            return cli_bad_option(argc, argv, option);
        Status status = apply(&call, option, optarg);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    if (optind < argc)
        return cli_usage("check", "unexpected argument '%s'", argv[optind]);
    Status status = open_backends(&call);
    int code = status == STATUS_OK ? check(&call) : cli_fail(status);
    backend_close(call.spec.oracle);
    backend_close(call.spec.backend);
    return code;
}
