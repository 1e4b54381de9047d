/* What the layers of a net do while it trains: size of the responses, gradients, weights, updates.
 *
 * A layer is a convolution or a linear node. The probe only reads: parameters and gradients, and
 * the responses by a tapped Program of its own over the same State, in a mode that updates nothing.
 * So a training with and without it has the same bits. */
#ifndef HARNESS_TRAIN_LAYERS_H
#define HARNESS_TRAIN_LAYERS_H

#include "net/backend.h"

typedef struct LayerRow {
    int layer; /* from 1, in the net's order */
    const char *name;
    OpKind op;
    int kernel, channels; /* height of the window, 1 of a linear layer; channels out */
    /* Standard deviation over images, channels and places of the output of the batch norm that
     * takes the layer's output and nobody else does; of the layer's output where none does. */
    double response_std;
    double gradient_norm; /* of the loss by the weight, in the last step; without weight decay */
    double weight_norm;   /* after that step */
    double update_ratio;  /* norm of that step's change of the weight, by the norm before it; NaN
                             where that was 0 */
} LayerRow;

typedef struct LayerProbe LayerProbe;

/* mode: MODE_EVAL or MODE_EVAL_BATCH. The State's net outlives the probe. The caller destroys,
 * before the State. */
Status layer_probe_create(State *state, Mode mode, int max_batch, Precision precision,
                          LayerProbe **probe);
void layer_probe_destroy(LayerProbe *probe);
/* Keeps the weights as they are: call it before the step whose update is to be measured. */
Status layer_probe_remember(LayerProbe *probe);
/* Measures after that step; the responses are those to the given images. The rows are the probe's,
 * until the next call. */
Status layer_probe_measure(LayerProbe *probe, const Dataset *data, const int32_t *images, int count,
                           const LayerRow **rows, int *row_count);

#endif
