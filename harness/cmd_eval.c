/* harness eval: loss and error of given weights on a test set. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/base/whole_file.h"
#include "harness/sweep/experiment.h"
#include "harness/sweep/images.h"
#include "harness/sweep/key.h"
#include "harness/train/evaluate.h"
#include "harness/train/image_data.h"
#include "harness/weights/weights.h"

typedef struct EvalCall {
    RunConfig config;
    const char *weights, *data, *predictions;
    bool with_logits;
} EvalCall;

/* What stays open while images pass. */
typedef struct Eval {
    const EvalCall *call;
    DataSource source;
    RunImages images;
    Net *net;
    Backend *backend;
    State *state;
    ImageData data;
    Program *program;
    int classes, done; /* images that have passed */
    float *logits;     /* test_count x classes; NULL: not asked for */
} Eval;

static int help(void) {
    printf(
        "Usage: harness eval --weights FILE [OPTIONS]\n"
        "\n"
        "Evaluates a net with the weights of a safetensors file (names as PyTorch's state_dict)\n"
        "on the test images of a data set. CSV on stdout: images,loss,errors,error_pct.\n"
        "\n"
        "  --weights FILE          what 'harness run --save-weights' writes, or PyTorch's users\n"
        "  --model NAME            default resnet_cifar; 'harness list models' names them\n"
        "  --set COLUMN=VALUE,..   columns of an experiment: depth, shortcut, dataset, ...\n"
        "  --dataset NAME, --normalize HOW, --backend NAME, --threads N, --batch N\n"
        "                          as --set with the column of that name\n"
        "  --images N              only the first N test images, classes balanced\n"
        "  --data DIR              where the data sets are; 'harness data' says what is found\n"
        "  --predictions FILE      writes index,label,prediction of every image\n"
        "  --logits                adds the logits to it\n"
        "\n"
        "Columns must be those that the weights were trained with: normalize=pixel and channel\n"
        "also go by train_size, select and seed, which say what the training images were.\n"
        "\n"
        "Example:\n"
        "  harness eval --set depth=20,shortcut=A,pad_side=both --weights resnet20.safetensors \\\n"
        "      --dataset cifar10 --normalize imagenet\n");
    return EXIT_DONE;
}

enum { OPT_WEIGHTS = 256, OPT_SET, OPT_DATA, OPT_IMAGES, OPT_PREDICTIONS, OPT_LOGITS, OPT_COLUMN };

static const struct option long_options[] = {
    {"weights", required_argument, NULL, OPT_WEIGHTS},
    {"set", required_argument, NULL, OPT_SET},
    {"data", required_argument, NULL, OPT_DATA},
    {"images", required_argument, NULL, OPT_IMAGES},
    {"predictions", required_argument, NULL, OPT_PREDICTIONS},
    {"logits", no_argument, NULL, OPT_LOGITS},
    {"model", required_argument, NULL, OPT_COLUMN},
    {"dataset", required_argument, NULL, OPT_COLUMN},
    {"normalize", required_argument, NULL, OPT_COLUMN},
    {"backend", required_argument, NULL, OPT_COLUMN},
    {"threads", required_argument, NULL, OPT_COLUMN},
    {"batch", required_argument, NULL, OPT_COLUMN},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static Status apply(EvalCall *call, int option, const char *name, const char *text) {
    switch (option) {
    case OPT_WEIGHTS:
        call->weights = text;
        return STATUS_OK;
    case OPT_SET:
        return config_set_list(&call->config, text);
    case OPT_DATA:
        call->data = text;
        return STATUS_OK;
    case OPT_IMAGES:
        return status_context(config_set(&call->config, "test_size", text), "--images");
    case OPT_PREDICTIONS:
        call->predictions = text;
        return STATUS_OK;
    case OPT_LOGITS:
        call->with_logits = true;
        return STATUS_OK;
    default:
        return config_set(&call->config, name, text);
    }
}

/* ---- predictions ---- */

/* The first of the largest, as every backend counts errors. */
static int largest(const float *logits, int count) {
    int best = 0;
    for (int k = 1; k < count; k++)
        if (logits[k] > logits[best])
            best = k;
    return best;
}

static Status keep_logits(void *context, Program *program, const Batch *batch) {
    Eval *eval = context;
    float *to = eval->logits + (size_t)eval->done * (size_t)eval->classes;
    eval->done += batch->count;
    return program_tap(program, 0, to);
}

static Status write_predictions(FILE *file, void *context) {
    const Eval *eval = context;
    fprintf(file, "index,label,prediction");
    for (int k = 0; k < eval->classes && eval->call->with_logits; k++)
        fprintf(file, ",logit_%d", k);
    fputc('\n', file);
    for (int i = 0; i < eval->images.test_count; i++) {
        const float *logits = eval->logits + (size_t)i * (size_t)eval->classes;
        int32_t index = eval->images.test[i];
        fprintf(file, "%" PRId32 ",%" PRId32 ",%d", index, eval->source.test.labels[index],
                largest(logits, eval->classes));
        for (int k = 0; k < eval->classes && eval->call->with_logits; k++)
            fprintf(file, ",%.9g", (double)logits[k]);
        fputc('\n', file);
    }
    return STATUS_OK;
}

/* ---- evaluation ---- */

static Status open_net(Eval *eval) {
    const RunConfig *config = &eval->call->config;
    Optimizer optimizer = {0};
    BackendOptions options = {.threads = (int)config->threads};
    Shape shape;
    int train, test;
    TRY(data_shape(config->dataset, &shape, &eval->classes, &train, &test));
    ModelSpec model = config_model(config, shape, eval->classes);
    TRY(model_build(&model, &eval->net));
    TRY(weights_check(eval->call->weights, eval->net)); /* before the data, which take longer */
    TRY(backend_open(config->backend, &options, &eval->backend));
    cli_note_backend(eval->backend->info.note, eval->backend->ops->name);
    TRY(state_create(eval->backend, eval->net, &optimizer, &eval->state));
    return weights_load(eval->call->weights, eval->state);
}

static Status open_data(Eval *eval) {
    const RunConfig *config = &eval->call->config;
    TRY(data_load(config->dataset, eval->call->data, &eval->source));
    TRY(run_images_choose(config, &eval->source, &eval->images));
    return image_data_open(eval->backend, &eval->source.test, &eval->images.normalization,
                           (int)config->test_resize, &eval->data);
}

static Status compile(Eval *eval) {
    const RunConfig *config = &eval->call->config;
    const Node *loss = &eval->net->nodes[eval->net->node_count - 1];
    Tap logits = {loss->inputs[0], TAP_VALUE};
    ProgramSpec spec = {.mode = config->bn_eval == BN_EVAL_BATCH ? MODE_EVAL_BATCH : MODE_EVAL,
                        .max_batch = (int)config->batch,
                        .precision = eval->backend->ops->native,
                        .conv = config_conv(config, eval->backend)};
    if (strcmp(config->precision, "auto") != 0)
        TRY(precision_parse(config->precision, &spec.precision));
    if (eval->call->predictions) {
        spec.taps = &logits;
        spec.tap_count = 1;
        size_t count = (size_t)eval->images.test_count * (size_t)eval->classes;
        eval->logits = malloc(count * sizeof *eval->logits);
        if (!eval->logits)
            return status_fail(STATUS_NO_MEMORY, "no memory for %zu logits", count);
    }
    return program_compile(eval->state, &spec, &eval->program);
}

static void close_all(Eval *eval) {
    program_destroy(eval->program);
    image_data_close(&eval->data);
    state_destroy(eval->state);
    backend_close(eval->backend);
    net_destroy(eval->net);
    run_images_free(&eval->images);
    data_free(&eval->source);
    free(eval->logits);
}

static Status run(const EvalCall *call) {
    Eval eval = {.call = call};
    Evaluation result;
    Status status = STATUS_OK;
    CHECK(open_net(&eval));
    CHECK(open_data(&eval));
    CHECK(compile(&eval));
    CHECK(evaluate_each(eval.program, eval.data.data, eval.images.test, eval.images.test_count,
                        eval.logits ? keep_logits : NULL, &eval, &result));
    if (call->predictions)
        CHECK(whole_file_write(call->predictions, write_predictions, &eval));
    printf("images,loss,errors,error_pct\n%" PRId64 ",%.9g,%" PRId64 ",%.4f\n", result.images,
           result.loss, result.errors, result.error_pct);
out:
    close_all(&eval);
    return status;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, EvalCall *call) {
    int option, index = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, &index)) != -1) {
        if (option == 'h')
            return help();
        if (option == '?' || option == ':')
            return cli_bad_option(argc, argv, option);
        Status status = apply(call, option, long_options[index].name, optarg);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    if (optind < argc)
        return cli_usage("eval", "unexpected argument '%s'", argv[optind]);
    if (!call->weights)
        return cli_usage("eval", "--weights FILE is needed");
    if (call->with_logits && !call->predictions)
        return cli_usage("eval", "--logits adds to the file of --predictions, which is not given");
    if (call->config.bn_eval != BN_EVAL_RUNNING && call->config.bn_eval != BN_EVAL_BATCH)
        return cli_usage("eval", "bn_eval: running or batch; the others are made by training");
    return -1;
}

int cmd_eval(int argc, char **argv) {
    EvalCall call = {0};
    config_default(&call.config);
    int code = parse(argc, argv, &call);
    if (code >= 0)
        return code;
    Status status = run_check(&call.config);
    if (status == STATUS_OK)
        status = run(&call);
    return status == STATUS_OK ? EXIT_DONE : cli_fail(status);
}
