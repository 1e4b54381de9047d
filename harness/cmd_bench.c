/* harness bench: how fast a net trains and infers here. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/sweep/config.h"
#include "harness/sweep/key.h"
#include "harness/train/bench.h"

typedef struct BenchCall {
    RunConfig config;
    BenchSpec spec;
    bool train, infer, full, account, memory;
} BenchCall;

static int help(void) {
    printf(
        "Usage: harness bench [OPTIONS]\n"
        "\n"
        "Times training and inference steps on generated input, after checking one step of the\n"
        "same program against the oracle: the speed of a wrong result is never printed.\n"
        "CSV on stdout.\n"
        "\n"
        "  --model NAME          default resnet_cifar\n"
        "  --set COLUMN=VALUE,.. columns of an experiment: depth, shortcut, family, dataset, ...\n"
        "  --batch N             images a step, default 128\n"
        "  --backend NAME        cpu, gpu, ref or auto (default)\n"
        "  --threads N           CPU threads; 0, the default: all\n"
        "  --phase WHICH         train, infer or both (default)\n"
        "  --steps N             timed steps, default 20; before --account untimed ones, default "
        "1\n"
        "  --verify WHAT         compare this many images; quick (default): 4, full: the batch\n"
        "  --account             instead: bytes that a train step moves, by operation, against "
        "the\n"
        "                        least that its shapes ask for, and nodes of its graph (gpu)\n"
        "  --memory              instead: bytes that a program holds, by what they are for (cpu)\n"
        "\n"
        "Examples:\n"
        "  harness bench --model resnet_cifar --set depth=20 --batch 128 --backend cpu\n"
        "  harness bench --set depth=56,precision=bf16 --backend gpu --account\n");
    return EXIT_DONE;
}

enum {
    OPT_MODEL = 256,
    OPT_SET,
    OPT_BATCH,
    OPT_BACKEND,
    OPT_THREADS,
    OPT_PHASE,
    OPT_STEPS,
    OPT_VERIFY,
    OPT_ACCOUNT,
    OPT_MEMORY
};

static const struct option long_options[] = {
    {"model", required_argument, NULL, OPT_MODEL},
    {"set", required_argument, NULL, OPT_SET},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"backend", required_argument, NULL, OPT_BACKEND},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"phase", required_argument, NULL, OPT_PHASE},
    {"steps", required_argument, NULL, OPT_STEPS},
    {"verify", required_argument, NULL, OPT_VERIFY},
    {"account", no_argument, NULL, OPT_ACCOUNT},
    {"memory", no_argument, NULL, OPT_MEMORY},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static Status set_phase(BenchCall *call, const char *text) {
    call->train = strcmp(text, "infer") != 0;
    call->infer = strcmp(text, "train") != 0;
    if (call->train && call->infer && strcmp(text, "both") != 0)
        return status_fail(STATUS_BAD_INPUT, "--phase '%s': expected train, infer or both", text);
    return STATUS_OK;
}

static Status set_steps(BenchCall *call, const char *text) {
    long steps;
    if (!cli_int(text, 0, 100000, &steps))
        return status_fail(STATUS_BAD_INPUT, "--steps '%s': expected 0 to 100000", text);
    call->spec.steps = (int)steps;
    return STATUS_OK;
}

static Status set_verify(BenchCall *call, const char *text) {
    long count = 0;
    call->full = strcmp(text, "full") == 0;
    if (!call->full && strcmp(text, "quick") != 0 && !cli_int(text, 1, 65536, &count))
        return status_fail(STATUS_BAD_INPUT,
                           "--verify '%s': expected quick, full or a number of images", text);
    call->spec.verify_count = (int)count;
    return STATUS_OK;
}

static Status apply(BenchCall *call, int option, const char *text) {
    switch (option) {
    case OPT_MODEL:
        return config_set(&call->config, "model", text);
    case OPT_SET:
        return config_set_list(&call->config, text);
    case OPT_BATCH:
        return config_set(&call->config, "batch", text);
    case OPT_BACKEND:
        return config_set(&call->config, "backend", text);
    case OPT_THREADS:
        return config_set(&call->config, "threads", text);
    case OPT_PHASE:
        return set_phase(call, text);
    case OPT_STEPS:
        return set_steps(call, text);
    case OPT_ACCOUNT:
        call->account = true;
        return STATUS_OK;
    case OPT_MEMORY:
        call->memory = true;
        return STATUS_OK;
    default:
        return set_verify(call, text);
    }
}

static void print_row(const BenchCall *call, const Net *net, const Backend *backend,
                      const char *phase, const BenchRow *row, double worst) {
    printf("%s,%s,%s,%s,%d,%d,%s,%.3f,%.3f,%.3f,%.1f,%.1f,%.0f,%d,%.2g\n", phase,
           call->config.model, net->title, backend->ops->name, backend->info.threads,
           call->spec.batch, precision_name(call->spec.precision), row->ms_median, row->ms_min,
           row->ms_max, row->images_per_s, row->gflop_per_s, row->peak_mib, call->spec.verify_count,
           worst);
    fflush(stdout);
}

static void print_account(const Account *account) {
    AccountLine total = {.operation = "total"};
    printf("operation,launches,bytes,least_bytes,graph_nodes\n");
    for (int i = 0; i < account->line_count; i++) {
        const AccountLine *line = &account->lines[i];
        printf("%s,%d,%.0f,%.0f,\n", line->operation, line->launches, line->bytes,
               line->least_bytes);
        total.launches += line->launches;
        total.bytes += line->bytes;
        total.least_bytes += line->least_bytes;
    }
    printf("%s,%d,%.0f,%.0f,%lld\n", total.operation, total.launches, total.bytes,
           total.least_bytes, (long long)account->graph_nodes);
}

static Status account_net(const BenchCall *call, Bench *bench) {
    Account account;
    TRY(bench_account(bench, call->spec.steps, &account));
    print_account(&account);
    return STATUS_OK;
}

static const char *const phases[] = {"train", "infer"};

static Status print_memory(const BenchCall *call, Bench *bench) {
    const bool wanted[] = {call->train, call->infer};
    printf("phase,category,bytes\n");
    for (int phase = BENCH_TRAIN; phase <= BENCH_INFER; phase++) {
        Memory memory;
        int64_t total = 0;
        if (!wanted[phase])
            continue;
        TRY(bench_memory(bench, (BenchPhase)phase, &memory));
        for (int i = 0; i < MEMORY_CATEGORIES; i++) {
            printf("%s,%s,%" PRId64 "\n", phases[phase], memory_category_name((MemoryCategory)i),
                   memory.bytes[i]);
            total += memory.bytes[i];
        }
        printf("%s,total,%" PRId64 "\n", phases[phase], total);
    }
    return STATUS_OK;
}

/* Everything between an opened backend and the last row. */
static Status bench_net(BenchCall *call, const Net *net, Backend *backend) {
    const bool wanted[] = {call->train, call->infer};
    Bench *bench;
    BenchRow row;
    Verification found;
    TRY(bench_create(&call->spec, net, backend, &bench));
    Status status = STATUS_OK;
    if (call->account || call->memory) {
        status = call->account ? account_net(call, bench) : print_memory(call, bench);
        goto out;
    }
    fprintf(stderr, "checking one step of %s against the oracle (%d images) ...\n", net->title,
            call->spec.verify_count);
    CHECK(bench_verify(bench, &found));
    if (found.rounding > 0)
        fprintf(stderr,
                "%s magnifies rounding: it moves gradients of the oracle itself by up to %.2g of "
                "their norm, so three times that was allowed (at most 0.9)\n",
                net->title, found.rounding);
    printf("phase,model,net,backend,threads,batch,precision,ms_median,ms_min,ms_max,images_per_s,"
           "gflop_per_s,peak_mib,verified_images,worst_gradient_error\n");
    for (int phase = BENCH_TRAIN; phase <= BENCH_INFER; phase++)
        if (wanted[phase]) {
            CHECK(bench_time(bench, (BenchPhase)phase, &row));
            print_row(call, net, backend, phases[phase], &row, found.worst);
        }
out:
    bench_destroy(bench);
    return status;
}

static Status bench_run(BenchCall *call) {
    Shape shape;
    int classes, train_count, test_count;
    Net *net = NULL;
    Backend *backend = NULL;
    Status status = STATUS_OK;
    BackendOptions options = {.threads = (int)call->config.threads};
    CHECK(data_shape(call->config.dataset, &shape, &classes, &train_count, &test_count));
    ModelSpec model = config_model(&call->config, shape, classes);
    CHECK(model_build(&model, &net));
    CHECK(backend_open(call->config.backend, &options, &backend));
    cli_note_backend(backend->info.note, backend->ops->name);
    call->spec.batch = (int)call->config.batch;
    if (call->spec.verify_count == 0)
        call->spec.verify_count = 4;
    if (call->full || call->spec.batch < call->spec.verify_count)
        call->spec.verify_count = call->spec.batch;
    call->spec.conv = config_conv(&call->config, backend);
    call->spec.precision = backend->ops->native;
    if (strcmp(call->config.precision, "auto") != 0)
        CHECK(precision_parse(call->config.precision, &call->spec.precision));
    call->spec.seed = (uint64_t)call->config.seed;
    CHECK(bench_net(call, net, backend));
out:
    backend_close(backend);
    net_destroy(net);
    return status;
}

int cmd_bench(int argc, char **argv) {
    BenchCall call = {.spec = {.steps = -1, .warmup = 3}, .train = true, .infer = true};
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
        return cli_usage("bench", "unexpected argument '%s'", argv[optind]);
    if (call.spec.steps == 0 && !call.account)
        return cli_usage("bench", "--steps 0 leaves nothing to time");
    if (call.spec.steps < 0)
        call.spec.steps = call.account ? 1 : 20;
    Status status = bench_run(&call);
    return status == STATUS_OK ? EXIT_DONE : cli_fail(status);
}
