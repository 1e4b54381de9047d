#include "harness/sweep/columns.h"

#include <stdint.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/sweep/config.h"
#include "harness/sweep/expect.h"

#define AT(field)      offsetof(RunConfig, field), sizeof((RunConfig *)0)->field
#define INT(low, high) low, high
#define ANY_INT        -9007199254740992.0, 9007199254740992.0 /* whole numbers a double can hold */
#define NO_RANGE       0, 0

enum { MANY = 1000000000 };

/* Defaults are the choices of the paper (He et al. 2015, section 4.2) or, where it leaves one open,
 * those that experiments/README.md argues for. */
static const Column independent[] = {
    {"model", COLUMN_WORD, AT(model), NO_RANGE, NULL,
     "resnet_cifar|resnet_imagenet|tutorial000|tutorial001|tutorial002|tutorial003|tutorial004",
     "resnet_cifar",
     "which builder makes the net; 'harness list models'. A choice left auto is the model's own"},
    {"family", COLUMN_CHOICE, AT(family), NO_RANGE, NULL, "plain|resnet", "resnet",
     "with or without shortcuts"},
    {"depth", COLUMN_INT, AT(depth), INT(1, 100000), "auto", NULL, "auto",
     "weighted layers on the main path; resnet_cifar has 6n+2 (auto: 20), with bottlenecks 9n+2 "
     "(auto: 164)"},
    {"shortcut", COLUMN_CHOICE, AT(shortcut), NO_RANGE, NULL, "auto|A|B|C|3x3|transition", "auto",
     "A: identity, zeros for new channels; B: 1x1 convolution where the size changes; C: 1x1 "
     "convolution everywhere; 3x3: such a convolution where the size changes; transition: no "
     "shortcut there. auto of resnet_cifar: A, with bottlenecks B. None at all: family plain"},
    {"pad_side", COLUMN_CHOICE, AT(pad_side), NO_RANGE, NULL, "append|both", "append",
     "where shortcut A puts its zero channels: after the others, or half on each side"},
    {"block", COLUMN_CHOICE, AT(block), NO_RANGE, NULL, "auto|basic|bottleneck|5x5", "auto",
     "what a residual function is: two 3x3 convolutions; 1x1, 3x3, 1x1; 5x5 and 3x3. auto of "
     "resnet_cifar: basic"},
    {"width", COLUMN_INT, AT(width), INT(1, 4096), "auto", NULL, "auto",
     "channels of the first stage; auto of resnet_cifar: 16"},
    {"dataset", COLUMN_WORD, AT(dataset), NO_RANGE, NULL, "mnist|fashion_mnist|cifar10|cifar100",
     "cifar10", "'harness list datasets', 'harness data'"},
    {"train_size", COLUMN_INT, AT(train_size), INT(1, MANY), "all", NULL, "all",
     "the first N training images, classes balanced"},
    {"test_size", COLUMN_INT, AT(test_size), INT(1, MANY), "all", NULL, "all",
     "the first N test images, classes balanced"},
    {"resize", COLUMN_INT, AT(resize), INT(1, 4096), "none", NULL, "none",
     "training images are first resized to this square, bilinear, as Pillow does; 'augment' then "
     "crops at random within them"},
    {"test_resize", COLUMN_INT, AT(test_resize), INT(1, 4096), "none", NULL, "none",
     "the same for test images, of which the middle is taken"},
    {"input_size", COLUMN_INT, AT(input_size), INT(1, 4096), "data", NULL, "data",
     "height and width of the net's input; data: as the images are stored"},
    {"normalize", COLUMN_CHOICE, AT(normalize), NO_RANGE, NULL, "pixel|channel|imagenet|scale",
     "pixel",
     "pixel: minus the mean training image; channel: mean and deviation per channel; imagenet: the "
     "usual constants; scale: divided by 255 only. Zeros of a crop come after it"},
    {"augment", COLUMN_CHOICE, AT(augment), NO_RANGE, NULL, "none|flip|crop|crop_flip", "crop_flip",
     "crop: padded by 4 on each side, cut at random; flip: mirrored at random"},
    {"shuffle", COLUMN_SWITCH, AT(shuffle), NO_RANGE, NULL, NULL, "1",
     "a new order of the images each epoch"},
    {"batch", COLUMN_INT, AT(batch), INT(1, 65536), NULL, NULL, "128", "images of a step"},
    {"last_batch", COLUMN_CHOICE, AT(last_batch), NO_RANGE, NULL, "exact|keep|drop", "exact",
     "exact: epochs are laid end to end, no batch is short; keep: a short one ends each epoch; "
     "drop: its images are left out"},
    {"iterations", COLUMN_INT, AT(iterations), INT(1, MANY), "epochs", NULL, "64000",
     "steps of training; 'epochs' when that column decides"},
    {"epochs", COLUMN_REAL, AT(epochs), 1e-6, 1e6, "iterations", NULL, "iterations",
     "passes over the training images, rounded up to whole steps; 'iterations' when that column "
     "decides"},
    {"optimizer", COLUMN_CHOICE, AT(optimizer), NO_RANGE, NULL, "sgd|adam", "sgd",
     "adam: beta1 is momentum, beta2 0.999, eps 1e-8"},
    {"sgd_form", COLUMN_CHOICE, AT(sgd_form), NO_RANGE, NULL, "caffe|torch", "caffe",
     "caffe: v = m v + lr g, w -= v; torch: v = m v + g, w -= lr v. They differ when lr changes"},
    {"lr", COLUMN_REAL, AT(lr), 0, 1e6, NULL, NULL, "0.1", "learning rate at the start"},
    {"schedule", COLUMN_TEXT, AT(schedule), NO_RANGE, NULL, NULL, "32000:0.1 48000:0.01",
     "'32000:0.1': from this iteration on (0 is the first) lr times the factor; '82e:0.1' counts "
     "epochs; 'none'"},
    {"warmup", COLUMN_TEXT, AT(warmup), NO_RANGE, NULL, NULL, "none",
     "'0.01 until 80': this rate until the running train error is below 80 %; 'none'"},
    {"momentum", COLUMN_REAL, AT(momentum), 0, 0.999999, NULL, NULL, "0.9", "of SGD; Adam's beta1"},
    {"nesterov", COLUMN_SWITCH, AT(nesterov), NO_RANGE, NULL, NULL, "0",
     "Nesterov's form of the momentum; SGD only"},
    {"weight_decay", COLUMN_REAL, AT(weight_decay), 0, 1e6, NULL, NULL, "0.0001",
     "added to the gradient: weight_decay times the weight"},
    {"decay_scope", COLUMN_CHOICE, AT(decay_scope), NO_RANGE, NULL, "weights|all", "weights",
     "convolution and linear weights, or every learned parameter"},
    {"init", COLUMN_CHOICE, AT(init), NO_RANGE, NULL, "he_fan_in|he_fan_out|torch", "he_fan_in",
     "He et al. 2015's normal by fan-in or fan-out; torch: PyTorch's default uniform"},
    {"init_weights", COLUMN_PATH, AT(init_weights), NO_RANGE, NULL, NULL, "none",
     "a safetensors file to start from in place of drawn values; names as PyTorch's state_dict"},
    {"bn_group", COLUMN_INT, AT(bn_group), INT(1, 65536), "batch", NULL, "batch",
     "images that share one batch norm's statistics; it divides the batch"},
    {"bn_eval", COLUMN_CHOICE, AT(bn_eval), NO_RANGE, NULL,
     "running|batch|batch_update|recalibrated", "running",
     "statistics of the evaluations: running averages; those of the batch; the same and the "
     "running averages updated by them; the mean over the training images, gathered anew"},
    {"eval_every", COLUMN_INT, AT(eval_every), INT(1, MANY), "end", NULL, "500",
     "iterations between evaluations; there is always one at the end"},
    {"seed", COLUMN_INT, AT(seed), ANY_INT, NULL, NULL, "1",
     "of initial values, order, crops, flips and splits"},
    {"backend", COLUMN_WORD, AT(backend), NO_RANGE, NULL, "auto|ref|cpu|gpu", "auto",
     "what computes; auto: gpu, else cpu. The row records which it was"},
    {"precision", COLUMN_WORD, AT(precision), NO_RANGE, NULL, "auto|fp32|tf32|bf16|fp64", "auto",
     "number format; auto: the backend's own. The row records which it was"},
    {"threads", COLUMN_INT, AT(threads), INT(1, 4096), "auto", NULL, "auto",
     "CPU threads; auto: all that the process may use. The row records how many; runs side by side "
     "(--jobs) share them"},
    {"profile", COLUMN_CHOICE, AT(profile), NO_RANGE, NULL, "auto|none|asis|fixed", "auto",
     "a tutorial's system as printed or mended; the papers' nets have none"},
    {"first_kernel", COLUMN_INT, AT(first_kernel), INT(1, 15), "auto", NULL, "auto",
     "kernel of the first convolution: odd, tutorial001's to choose"},
    {"bottleneck_stride", COLUMN_CHOICE, AT(bottleneck_stride), NO_RANGE, NULL, "auto|1x1|3x3",
     "auto",
     "which convolution of a bottleneck has the stride; auto: 1x1, as in the paper (v1); 3x3 is "
     "torchvision's (v1.5)"},
    {"select", COLUMN_CHOICE, AT(select), NO_RANGE, NULL, "last|best_validation|best_test", "last",
     "which evaluation is the result: the last; the one with the least error on a tenth of the "
     "training images, held back by seed, classes balanced; the one with the least test error "
     "(optimistic)"},
    {"activation", COLUMN_CHOICE, AT(activation), NO_RANGE, NULL,
     "original|bn_after_add|relu_before_add|relu_preact|full_preact", "original",
     "order of batch norm, ReLU and addition in a block: He et al. 2016 (arXiv 1603.05027), Fig. "
     "4 a to e"},
    {"gate", COLUMN_CHOICE, AT(gate), NO_RANGE, NULL, "none|exclusive|shortcut", "none",
     "g = sigmoid(1x1 convolution): exclusive: g times the residual and 1 - g times the shortcut; "
     "shortcut: 1 - g times the shortcut alone. arXiv 1603.05027, table 1"},
    {"gate_bias", COLUMN_REAL, AT(gate_bias), -99, 99, NULL, NULL, "0",
     "initial bias of the gates"},
    {"shortcut_scale", COLUMN_REAL, AT(shortcut_scale), 1e-6, 1e6, NULL, NULL, "1",
     "constant factor of every shortcut"},
    {"residual_scale", COLUMN_REAL, AT(residual_scale), 1e-6, 1e6, NULL, NULL, "1",
     "constant factor of every residual function"},
    {"shortcut_dropout", COLUMN_REAL, AT(shortcut_dropout), 0, 0.999999, NULL, NULL, "0",
     "dropout on every shortcut with this probability; 0: none"},
    {"blocks", COLUMN_TEXT, AT(blocks), NO_RANGE, NULL, NULL, "none",
     "tutorial001: blocks of each stage, as '3 3 3'; none: the model's own"},
    {"channels", COLUMN_TEXT, AT(channels), NO_RANGE, NULL, NULL, "none",
     "tutorial001: channels of each stage, as '16 32 64'; none: the model's own"},
    {"bottlenecks", COLUMN_TEXT, AT(bottlenecks), NO_RANGE, NULL, NULL, "none",
     "tutorial001: inner channels of each stage's bottlenecks, as '8 16 16'; none: basic blocks"},
    {"conv", COLUMN_CHOICE, AT(conv), NO_RANGE, NULL, "direct|winograd|auto", "auto",
     "how 3x3 and 5x5 convolutions of stride 1 are computed; winograd: F(4x4, 3x3) and F(2x2, "
     "5x5), faster, rounding about ten times as much; cpu only. auto: winograd on the cpu, direct "
     "elsewhere; the row records which"},
    {"shares", COLUMN_INT, AT(shares), INT(1, 4096), NULL, NULL, "1",
     "1, 2, 4, 8, ...: a step's images in so many equal shares, each computed by itself, their "
     "gradients summed over a balanced tree. Statistics of batch norm are then a share's at most: "
     "bn_group divides it, and 'batch' means a share"},
};

static const ResultColumn result[] = {
    {"key", false, "names the run: a hash of the columns before and of the data"},
    {"status", false,
     "done; diverged: a loss or a weight became NaN or infinite; failed, or crashed: there is no "
     "result, and the run's failure.txt says why"},
    {"diverged_at", false, "the iteration (from 1) in which it did; else empty"},
    {"iterations_done", false, "steps of training"},
    {"train_loss", false, "mean over the train-mode batches since the evaluation before"},
    {"train_error_pct", false, "of the same batches, in percent"},
    {"train_eval_loss", false,
     "in evaluation mode, without augmentation, on the first 5,000 of the "
     "training images, classes balanced"},
    {"train_eval_error_pct", false, "of the same"},
    {"test_loss", false, "in evaluation mode on the test images"},
    {"test_error_pct", false, "of the same: the result"},
    {"validation_error_pct", false, "of the training images held back; empty when none are"},
    {"last_test_error_pct", false, "of the last evaluation, whatever 'select' says"},
    {"validation_test_error_pct", false,
     "test error of the evaluation with the least validation error; empty when none are held back"},
    {"best_test_error_pct", false, "the least of all evaluations: an optimistic number"},
    {"best_iteration", false, "when that was"},
    {"selected_iteration", false, "the evaluation that the error and loss columns describe"},
    {"parameters", false, "learned values of the net"},
    {"macs", false, "multiply-adds of one image, forward"},
    {"train_images", false, "training images used"},
    {"test_images", false, "test images used"},
    {"dataset_sha256", false, "over the data set's unpacked bytes"},
    {"init_weights_sha256", false, "of the file init_weights; empty of none"},
    {"commit", false, "of this program"},
    {"compiler", false, "that built it"},
    {"flags", false, "of the compiler"},
    {"device", false, "processor or card that computed"},
    {"isa", false, "its instruction set in use"},
    {"libraries", false, "that computed"},
    {"algorithms", false,
     "SHA-256, its first 16 digits, of the run's algorithms.txt: which engines compute the "
     "convolutions; empty where the backend has no choice"},
    {"host", true, "name of the machine"},
    {"started", true, "when, UTC"},
    {"seconds", true, "of the whole run"},
    {"images_per_s", true, "training images by the seconds of the training steps alone"},
    {"energy_j", true,
     "joules that the processor packages (RAPL) and, of a run on the GPU, the card (NVML) used "
     "while "
     "it trained, by whatever program; empty where the machine does not tell"},
    {"host_load", true, "load average of the machine over the minute before the run ended"},
    {"peak_memory_mib", true, "largest resident memory of the process so far"},
};

static const ResultColumn curve[] = {
    {"key", false, "of the run, as in runs.csv"},
    {"model", false, "as in runs.csv"},
    {"family", false, "as in runs.csv"},
    {"depth", false, "as in runs.csv"},
    {"shortcut", false, "as in runs.csv"},
    {"seed", false, "as in runs.csv"},
    {"iteration", false, "steps of training done"},
    {"epoch", false, "the same in passes over the training images"},
    {"lr", false, "learning rate of the last step"},
    {"train_loss", false, "as in runs.csv"},
    {"train_error_pct", false, "as in runs.csv"},
    {"train_eval_loss", false, "as in runs.csv"},
    {"train_eval_error_pct", false, "as in runs.csv"},
    {"test_loss", false, "as in runs.csv"},
    {"test_error_pct", false, "as in runs.csv"},
    {"validation_error_pct", false, "as in runs.csv"},
    {"seconds", true, "since the run began"},
};

static const ResultColumn step[] = {
    {"iteration", false, "steps of training done, this one included"},
    {"lr", false, "learning rate of the step"},
    {"loss", false, "mean over the images of the steps since the row before, in train mode"},
    {"error_pct", false, "of the same images"},
};

static const ResultColumn layer[] = {
    {"key", false, "of the run, as in runs.csv"},
    {"model", false, "as in runs.csv"},
    {"family", false, "as in runs.csv"},
    {"depth", false, "as in runs.csv"},
    {"shortcut", false, "as in runs.csv"},
    {"seed", false, "as in runs.csv"},
    {"iteration", false, "steps of training done"},
    {"layer", false, "number of the convolution or linear layer, from 1, in the net's order"},
    {"name", false, "of the layer; its weight is NAME.weight"},
    {"op", false, "conv2d or linear"},
    {"kernel", false, "height of the window; 1 of a linear layer"},
    {"channels", false, "of the layer's output"},
    {"response_std", false,
     "standard deviation, over images, channels and places, of the layer's output after its batch "
     "norm and before addition and nonlinearity; without batch norm of the output itself. The "
     "first 256 clean training images, batch norm as in the evaluations"},
    {"gradient_norm", false,
     "Euclidean norm of the loss's gradient by the weight in the last step, without weight decay"},
    {"weight_norm", false, "Euclidean norm of the weight after that step"},
    {"update_ratio", false,
     "norm of the weight's change in that step by its norm before; empty where that is 0"},
};

#define LENGTH(table) ((int)(sizeof(table) / sizeof(table)[0]))

const Column *columns_independent(int *count) {
    *count = LENGTH(independent);
    return independent;
}

const ResultColumn *columns_result(int *count) {
    *count = LENGTH(result);
    return result;
}

const ResultColumn *columns_curve(int *count) {
    *count = LENGTH(curve);
    return curve;
}

const ResultColumn *columns_step(int *count) {
    *count = LENGTH(step);
    return step;
}

const ResultColumn *columns_layer(int *count) {
    *count = LENGTH(layer);
    return layer;
}

const Column *columns_find(const char *name) {
    for (int i = 0; i < LENGTH(independent); i++)
        if (strcmp(independent[i].name, name) == 0)
            return &independent[i];
    return NULL;
}

const char *columns_unsaid(const Column *column) {
    static const char *const late[] = {"resize",         "test_resize",      "input_size",
                                       "last_batch",     "activation",       "blocks",
                                       "channels",       "bottlenecks",      "conv",
                                       "gate",           "gate_bias",        "shortcut_scale",
                                       "residual_scale", "shortcut_dropout", "shares"};
    for (int i = 0; i < LENGTH(late); i++)
        if (strcmp(column->name, late[i]) == 0)
            return strcmp(column->name, "conv") == 0 ? "direct" : column->fallback;
    return NULL;
}

static bool is_volatile(const ResultColumn *columns, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return columns[i].is_volatile;
    return false;
}

bool columns_is_volatile(const char *name) {
    return is_volatile(result, LENGTH(result), name) || is_volatile(curve, LENGTH(curve), name);
}

const char *columns_nearest(const char *name) {
    const char *names[LENGTH(independent) + 1] = {NULL};
    for (int i = 0; i < LENGTH(independent); i++)
        names[i] = independent[i].name;
    return cli_nearest(name, names);
}

/* ---- description ---- */

static void spread_choices(const Column *column, char *text, size_t size) {
    size_t used = 0;
    for (const char *c = column->choices; *c && used + 3 < size; c++) {
        if (*c == '|') {
            text[used++] = ',';
            text[used++] = ' ';
        } else {
            text[used++] = *c;
        }
    }
    text[used] = '\0';
}

void columns_values(const Column *column, char *text, size_t size) {
    const char *joint = column->zero ? ", or " : "", *zero = column->zero ? column->zero : "";
    switch (column->type) {
    case COLUMN_INT:
        if (column->low < -MANY)
            snprintf(text, size, "whole number%s%s", joint, zero);
        else
            snprintf(text, size, "whole number from %.0f to %.0f%s%s", column->low, column->high,
                     joint, zero);
        return;
    case COLUMN_REAL:
        snprintf(text, size, "number from %g to %g%s%s", column->low, column->high, joint, zero);
        return;
    case COLUMN_SWITCH:
        snprintf(text, size, "0, 1");
        return;
    case COLUMN_CHOICE:
    case COLUMN_WORD:
        spread_choices(column, text, size);
        return;
    case COLUMN_TEXT:
        snprintf(text, size, "text");
        return;
    case COLUMN_PATH:
        snprintf(text, size, "none, or a file");
        return;
    }
}

static void markdown_results(FILE *file, const ResultColumn *table, int count) {
    fprintf(file, "| column | volatile | meaning |\n|---|---|---|\n");
    for (int i = 0; i < count; i++)
        fprintf(file, "| `%s` | %s | %s |\n", table[i].name, table[i].is_volatile ? "yes" : "",
                table[i].help);
}

void columns_markdown(FILE *file) {
    char values[256];
    int count;
    fprintf(file, "### What an experiment may set\n\n"
                  "| column | values | default | meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < LENGTH(independent); i++) {
        columns_values(&independent[i], values, sizeof values);
        fprintf(file, "| `%s` | %s | %s | %s |\n", independent[i].name, values,
                independent[i].fallback, independent[i].help);
    }
    fprintf(file, "\n### What it may expect of its runs\n\n| column | meaning |\n|---|---|\n");
    const ResultColumn *expected = columns_expectation(&count);
    for (int i = 0; i < count; i++)
        fprintf(file, "| `%s` | %s |\n", expected[i].name, expected[i].help);
    fprintf(file, "\n### What `runs.csv` adds to them\n\n");
    markdown_results(file, result, LENGTH(result));
    fprintf(file, "\n### What `curves.csv` holds\n\n");
    markdown_results(file, curve, LENGTH(curve));
    fprintf(file, "\n### What a run's `steps.csv` holds (`--log-every N`)\n\n");
    markdown_results(file, step, LENGTH(step));
    fprintf(file, "\n### What `layers.csv` holds (`--layers`)\n\n");
    markdown_results(file, layer, LENGTH(layer));
}
