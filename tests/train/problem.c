#include "tests/train/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/models.h"
#include "net/philox.h"
#include "tests/support/rig.h"

const Shape problem_shape = {1, 6, 5};
const char *problem_backend = "ref";

static ImageSet images(int count, uint32_t who, int32_t *indices) {
    ImageSet set = {.count = count, .classes = CLASSES, .shape = problem_shape};
    size_t size = shape_count(problem_shape);
    set.images = malloc((size_t)count * size);
    set.labels = malloc((size_t)count * sizeof *set.labels);
    for (int n = 0; n < count; n++) {
        set.labels[n] = n % CLASSES;
        indices[n] = n;
        for (size_t i = 0; i < size; i++)
            set.images[n * size + i] =
                (uint8_t)(40 * set.labels[n] +
                          philox_below(philox(1, STREAM_TEST, who, (uint32_t)n, (uint32_t)i).v[0],
                                       120));
    }
    return set;
}

int problem_set_up(void **state) {
    Problem *p = calloc(1, sizeof *p);
    p->train = images(IMAGES, 1, p->train_indices);
    p->test = images(TESTS, 2, p->test_indices);
    OK(normalization_make(NORMALIZE_CHANNEL, &p->train, p->train_indices, IMAGES,
                          &p->normalization));
    ModelSpec model = model_default();
    model.depth = 8;
    model.width = 2;
    model.input = problem_shape;
    model.classes = CLASSES;
    OK(model_build(&model, &p->net));
    BackendOptions options = {0};
    OK(backend_open(problem_backend, &options, &p->backend));
    p->spec = (TrainSpec){.train_set = &p->train,
                          .test_set = &p->test,
                          .train = p->train_indices,
                          .test = p->test_indices,
                          .train_count = IMAGES,
                          .test_count = TESTS,
                          .normalization = &p->normalization,
                          .crop_pad = 1,
                          .flip = true,
                          .shuffle = true,
                          .batch = BATCH,
                          .iterations = ITERATIONS,
                          .eval_every = 3,
                          .lr = 0.05,
                          .optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9},
                          .seed = 3,
                          .precision = p->backend->ops->native};
    OK(schedule_parse("4:0.1", IMAGES, BATCH, &p->spec.schedule));
    *state = p;
    return 0;
}

int problem_tear_down(void **state) {
    Problem *p = *state;
    free(p->train.images);
    free(p->train.labels);
    free(p->test.images);
    free(p->test.labels);
    normalization_free(&p->normalization);
    net_destroy(p->net);
    backend_close(p->backend);
    free(p);
    return 0;
}

void problem_use_adam(Problem *p) {
    p->spec.optimizer = (Optimizer){
        .kind = OPTIMIZER_ADAM, .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    p->spec.lr = 0.01;
}

Status problem_keep_row(void *context, const CurveRow *row) {
    Problem *p = context;
    assert_true(p->row_count < ROWS_MAX);
    p->rows[p->row_count++] = *row;
    return STATUS_OK;
}

TrainResult problem_train(Problem *p) {
    TrainHooks hooks = {.context = p, .curve = problem_keep_row};
    TrainResult result;
    p->row_count = 0;
    OK(train_run(&p->spec, p->net, p->backend, &hooks, &result));
    return result;
}
