/* Images of a set as a backend's Dataset. */
#ifndef HARNESS_TRAIN_IMAGE_DATA_H
#define HARNESS_TRAIN_IMAGE_DATA_H

#include "harness/data/data.h"

/* A Dataset and what has to live as long. */
typedef struct ImageData {
    Dataset *data;
    float *mean; /* NULL: the normalisation's own */
} ImageData;

/* Resized to squares of `resize`; 0: as they are. The set and the normalisation are borrowed until
 * image_data_close(), which is also due after a failure. */
Status image_data_open(Backend *backend, const ImageSet *set, const Normalization *normalization,
                       int resize, ImageData *images);
void image_data_close(ImageData *images);

#endif
