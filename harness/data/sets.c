#include "harness/data/sets.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/digest.h"
#include "harness/data/formats.h"

#define IDX_FILES                                                                                  \
    {                                                                                              \
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",            \
            "t10k-labels-idx1-ubyte"                                                               \
    }

static const SetLayout sets[] = {
    {
        .name = "mnist",
        .format = FORMAT_IDX,
        .shape = {1, 28, 28},
        .classes = 10,
        .train_count = 60000,
        .test_count = 10000,
        .folders = {"mnist", "MNIST/raw", ""},
        .files = IDX_FILES,
        .sha256 = "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a",
    },
    {
        .name = "fashion_mnist",
        .format = FORMAT_IDX,
        .shape = {1, 28, 28},
        .classes = 10,
        .train_count = 60000,
        .test_count = 10000,
        .folders = {"fashion-mnist", "FashionMNIST/raw", ""},
        .files = IDX_FILES,
        .package = "dataset-fashion-mnist",
        .sha256 = "14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214",
    },
    {
        .name = "cifar10",
        .format = FORMAT_CIFAR,
        .shape = {3, 32, 32},
        .classes = 10,
        .train_count = 50000,
        .test_count = 10000,
        .folders = {"cifar-10-batches-bin", ""},
        .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                  "data_batch_5.bin", "test_batch.bin"},
        .train_files = 5,
        .sha256 = "1910d0f4352cf0864c4644678b5ddc7d418b5befbc0d1bb203726096b9025f6b",
    },
    {
        .name = "cifar100",
        .format = FORMAT_CIFAR,
        .shape = {3, 32, 32},
        .classes = 100,
        .train_count = 50000,
        .test_count = 10000,
        .folders = {"cifar-100-binary", ""},
        .files = {"train.bin", "test.bin"},
        .train_files = 1,
    },
};
enum { SETS = sizeof sets / sizeof *sets };

const char *const *data_names(int *count) {
    static const char *names[SETS];
    for (int i = 0; i < SETS; i++)
        names[i] = sets[i].name;
    *count = SETS;
    return names;
}

Status set_find(const char *name, const SetLayout **layout) {
    *layout = NULL;
    for (int i = 0; i < SETS; i++)
        if (strcmp(name, sets[i].name) == 0) {
            *layout = &sets[i];
            return STATUS_OK;
        }
    return status_fail(STATUS_BAD_INPUT,
                       "'%s' is not a data set; there are mnist, fashion_mnist, cifar10, cifar100",
                       name);
}

Status data_shape(const char *name, Shape *shape, int *classes, int *train_count, int *test_count) {
    const SetLayout *layout = NULL;
    TRY(set_find(name, &layout));
    *shape = layout->shape;
    *classes = layout->classes;
    *train_count = layout->train_count;
    *test_count = layout->test_count;
    return STATUS_OK;
}

int set_file_count(const SetLayout *layout) {
    int count = 0;
    while (count < SET_FILES && layout->files[count])
        count++;
    return count;
}

bool set_file_path(const SetLayout *layout, const char *folder, int i, char *path, size_t size) {
    const char *endings[] = {"", ".gz"};
    for (int k = 0; k < (layout->format == FORMAT_IDX ? 2 : 1); k++) {
        int length = snprintf(path, size, "%s/%s%s", folder, layout->files[i], endings[k]);
        if (length >= 0 && (size_t)length < size && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

void set_advice(const SetLayout *layout, char *text, size_t size) {
    if (layout->package)
        snprintf(text, size, "apt install %s", layout->package);
    else
        snprintf(text, size, "harness data fetch %s", layout->name);
}

static Status load_idx(char (*paths)[PATH_MAX], struct sha256_ctx *hash, DataSource *source) {
    TRY(idx_read(paths[0], paths[1], hash, &source->train));
    return idx_read(paths[2], paths[3], hash, &source->test);
}

/* `files` files of equally many records, one after the other. */
static Status load_cifar(char (*paths)[PATH_MAX], int files, int records, struct sha256_ctx *hash,
                         ImageSet *set) {
    size_t pixels = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    set->count = files * records;
    set->images = malloc((size_t)set->count * pixels);
    set->labels = malloc((size_t)set->count * sizeof *set->labels);
    if (!set->images || !set->labels)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory for %d images", paths[0], set->count);
    for (int i = 0; i < files; i++)
        TRY(cifar_read(paths[i], records, set->classes, hash,
                       set->images + (size_t)i * (size_t)records * pixels,
                       set->labels + (size_t)i * (size_t)records));
    return STATUS_OK;
}

static Status load_files(const SetLayout *layout, char (*paths)[PATH_MAX], struct sha256_ctx *hash,
                         DataSource *source) {
    if (layout->format == FORMAT_IDX)
        return load_idx(paths, hash, source);
    int train = layout->train_files;
    TRY(load_cifar(paths, train, layout->train_count / train, hash, &source->train));
    return load_cifar(paths + train, 1, layout->test_count, hash, &source->test);
}

/* MNIST and Fashion-MNIST have the same file names: nothing but the sum tells them apart. */
static Status check_identity(const SetLayout *layout, const DataSource *source) {
    for (int i = 0; i < SETS; i++)
        if (&sets[i] != layout && sets[i].sha256 && strcmp(sets[i].sha256, source->sha256) == 0)
            return status_fail(STATUS_BAD_INPUT,
                               "%s: asked for %s, but these files are %s (SHA-256 %s)",
                               source->folder, layout->name, sets[i].name, source->sha256);
    return STATUS_OK;
}

Status set_load(const SetLayout *layout, const char *folder, DataSource *source) {
    char paths[SET_FILES][PATH_MAX], advice[128];
    struct sha256_ctx hash;
    Status status = STATUS_OK;
    *source = (DataSource){.train = {.classes = layout->classes, .shape = layout->shape},
                           .test = {.classes = layout->classes, .shape = layout->shape}};
    set_advice(layout, advice, sizeof advice);
    snprintf(source->name, sizeof source->name, "%s", layout->name);
    if (snprintf(source->folder, sizeof source->folder, "%s", folder) >= (int)sizeof source->folder)
        return status_fail(STATUS_BAD_INPUT, "%s: the folder's path is longer than %zu bytes",
                           folder, sizeof source->folder - 1);
    for (int i = 0; i < set_file_count(layout); i++)
        if (!set_file_path(layout, folder, i, paths[i], sizeof paths[i]))
            return status_fail(STATUS_BAD_INPUT,
                               "%s/%s: missing, though other files of %s are there; complete the "
                               "folder, or move it away and '%s'",
                               folder, layout->files[i], layout->name, advice);
    sha256_init(&hash);
    status = load_files(layout, paths, &hash, source);
    if (status == STATUS_BAD_INPUT)
        status_fail(status, "%s; replace the file, or move the folder away and '%s'",
                    status_message(), advice);
    if (status == STATUS_OK) {
        digest_text(&hash, source->sha256);
        status = check_identity(layout, source);
    }
    if (status != STATUS_OK)
        data_free(source);
    return status;
}

void data_free(DataSource *source) {
    free(source->train.images);
    free(source->train.labels);
    free(source->test.images);
    free(source->test.labels);
    source->train.images = source->test.images = NULL;
    source->train.labels = source->test.labels = NULL;
    source->train.count = source->test.count = 0;
}
