#include "harness/train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "harness/train/sampler.h"

Status evaluate(Program *program, const Dataset *data, const int32_t *indices, int count,
                Evaluation *evaluation) {
    return evaluate_each(program, data, indices, count, NULL, NULL, evaluation);
}

Status evaluate_each(Program *program, const Dataset *data, const int32_t *indices, int count,
                     EvaluatedFn *each, void *context, Evaluation *evaluation) {
    int most = program->spec.max_batch;
    Shape image = dataset_shape(&data->spec), input = program->state->net->nodes[0].out;
    Status status = STATUS_OK;
    Metrics sums;
    Sample *samples = calloc((size_t)most, sizeof *samples);
    if (!samples)
        return status_fail(STATUS_NO_MEMORY, "no memory for a batch of %d", most);
    for (int first = 0; first < count; first += most) {
        Batch batch = {.data = data, .samples = samples};
        batch.count = count - first < most ? count - first : most;
        for (int i = 0; i < batch.count; i++)
            samples[i] = (Sample){.index = indices[first + i],
                                  .dy = (int16_t)crop_centre(image.h, input.h),
                                  .dx = (int16_t)crop_centre(image.w, input.w)};
        CHECK(program_forward(program, &batch));
        if (each)
            CHECK(each(context, program, &batch));
    }
    CHECK(program_metrics(program, &sums));
    evaluation->images = sums.images;
    evaluation->errors = sums.errors;
    evaluation->loss = sums.loss_sum / (double)sums.images;
    evaluation->error_pct = 100.0 * (double)sums.errors / (double)sums.images;
out:
    free(samples);
    return status;
}

Status parameters_finite(State *state, bool *finite, int *bad) {
    const Net *net = state->net;
    size_t most = 0;
    for (int i = 0; i < net->param_count; i++)
        most = net->params[i].count > most ? net->params[i].count : most;
    float *values = malloc((most + 1) * sizeof *values);
    if (!values)
        return status_fail(STATUS_NO_MEMORY, "no memory to look at parameters");
    Status status = STATUS_OK;
    *finite = true;
    for (int i = 0; i < net->param_count && *finite; i++) {
        CHECK(state_read(state, SECTION_VALUE, i, values));
        for (size_t k = 0; k < net->params[i].count; k++)
            *finite = *finite && isfinite(values[k]);
        *bad = i;
    }
out:
    free(values);
    return status;
}

Status clean_images(const ImageSet *set, const int32_t *images, int count, int wanted,
                    int32_t **chosen, int *chosen_count) {
    int share = (wanted + set->classes - 1) / set->classes;
    int *taken = calloc((size_t)set->classes, sizeof *taken);
    *chosen = malloc((size_t)count * sizeof **chosen);
    *chosen_count = 0;
    if (!taken || !*chosen) {
        free(taken);
        return status_fail(STATUS_NO_MEMORY, "no memory for %d image numbers", count);
    }
    for (int i = 0; i < count; i++)
        if (wanted >= count || taken[set->labels[images[i]]]++ < share)
            (*chosen)[(*chosen_count)++] = images[i];
    free(taken);
    return STATUS_OK;
}
