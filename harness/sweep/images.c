#include "harness/sweep/images.h"

#include <stdlib.h>

int run_held_back(const RunConfig *config, int train_count) {
    return config->select == SELECT_BEST_VALIDATION ? train_count / 10 : 0; /* 5,000 of 50,000 */
}

static Status choose(const RunConfig *config, const DataSource *source, RunImages *images) {
    int count;
    TRY(data_subset(&source->train, (int)config->train_size, &images->all, &count));
    TRY(data_subset(&source->test, (int)config->test_size, &images->test, &images->test_count));
    images->validation_count = run_held_back(config, count);
    images->train_count = count - images->validation_count;
    if (images->validation_count) {
        TRY(data_split(&source->train, images->all, count, images->validation_count,
                       (uint64_t)config->seed, &images->train, &images->validation));
    } else {
        images->train = images->all;
        images->all = NULL;
    }
    return normalization_make((Normalize)config->normalize, &source->train, images->train,
                              images->train_count, &images->normalization);
}

Status run_images_choose(const RunConfig *config, const DataSource *source, RunImages *images) {
    *images = (RunImages){0};
    Status status = choose(config, source, images);
    if (status != STATUS_OK)
        run_images_free(images);
    return status;
}

void run_images_free(RunImages *images) {
    normalization_free(&images->normalization);
    free(images->all);
    free(images->train);
    free(images->validation);
    free(images->test);
    *images = (RunImages){0};
}
