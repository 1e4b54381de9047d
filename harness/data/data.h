/* Image sets: where they are, what is in them, and what a run uses of them. */
#ifndef HARNESS_DATA_DATA_H
#define HARNESS_DATA_DATA_H

#include <stdint.h>

#include "net/backend.h"

/* Labelled byte images, N x C x H x W. Owned by whoever loaded them; data_free(). */
typedef struct ImageSet {
    int count, classes;
    Shape shape;
    uint8_t *images;
    int32_t *labels;
} ImageSet;

/* A data set as found on this machine. */
typedef struct DataSource {
    char name[32];    /* "cifar10" */
    char folder[512]; /* where its files are */
    char sha256[65];  /* over all its unpacked bytes in the order of the files; see data/locate.c */
    ImageSet train, test;
} DataSource;

typedef enum Normalize {
    NORMALIZE_PIXEL,    /* minus the mean image of the training images used, divided by 255 */
    NORMALIZE_CHANNEL,  /* per channel: minus mean, divided by standard deviation, same images */
    NORMALIZE_IMAGENET, /* the usual constants; three channels only */
    NORMALIZE_SCALE,    /* divided by 255 */
} Normalize;

/* Mean image and scale as DatasetSpec wants them; owned, free with normalization_free(). */
typedef struct Normalization {
    float *mean;  /* C x H x W, pixel units */
    float *scale; /* C */
} Normalization;

/* Names of the data sets that can be loaded; *count receives how many. */
const char *const *data_names(int *count);
/* Shape and classes without reading any file: for `show` and `--dry-run`. */
Status data_shape(const char *name, Shape *shape, int *classes, int *train_count, int *test_count);

/* Looks under `folder` (may be NULL), then $HARNESS_DATA, ./data, then the Debian package's folder;
 * loads and checks. Missing: STATUS_UNAVAILABLE; the message names the folders looked at and the
 * package or the `harness data fetch` that brings the set. Broken files: STATUS_BAD_INPUT with
 * file, offset, found, expected. */
Status data_load(const char *name, const char *folder, DataSource *source);
void data_free(DataSource *source);

/* Image numbers: the first `count` of set that keep classes balanced (equal to one), in file order.
 * count <= 0 or >= set->count: all. The caller frees *indices; *used is how many. */
Status data_subset(const ImageSet *set, int count, int32_t **indices, int *used);
/* Splits indices by seed into `held` for validation and the rest for training (each in file
 * order); class-balanced. Both arrays are the caller's to free. */
Status data_split(const ImageSet *set, const int32_t *indices, int count, int held, uint64_t seed,
                  int32_t **train, int32_t **validation);

/* Over the images named by indices. */
Status normalization_make(Normalize kind, const ImageSet *set, const int32_t *indices, int count,
                          Normalization *out);
void normalization_free(Normalization *normalization);

#endif
