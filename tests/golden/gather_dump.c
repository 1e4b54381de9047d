/* Writes real images as a backend gathers them, for gather_real.py.
 * usage: gather_dump BACKEND DATASET RESIZE INPUT train|test NORMALIZATION...
 *
 * The first images of the test set, resized to RESIZE (0: not), go into a net whose input is
 * INPUT x INPUT: under "train" cropped and flipped as the sampler draws it, under "test" by the
 * middle. Each NORMALIZATION is pixel, channel, imagenet, scale, or bytes, which leaves the values
 * 0 to 255; means and deviations are of these images. Output for each of them, int32 and float in
 * the machine's order: C H W and the number of images; then for each image dy, dx, flip, the stored
 * bytes, and the gathered C x INPUT x INPUT floats.
 * Exit status 77: no such data set or backend here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check/rig.h"
#include "harness/train/image_data.h"
#include "harness/train/sampler.h"

enum { IMAGES = 6, SKIPPED = 77 };

typedef struct Pipeline {
    int resize, input;
    bool train;
    const char *normalize; /* one of the command line's */
} Pipeline;

static Status normalization(const char *name, const ImageSet *set, const int32_t *indices,
                            Normalization *norm) {
    const char *const names[] = {"pixel", "channel", "imagenet", "scale"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return normalization_make((Normalize)i, set, indices, IMAGES, norm);
    TRY(normalization_make(NORMALIZE_SCALE, set, indices, IMAGES, norm));
    for (int c = 0; c < set->shape.c; c++)
        norm->scale[c] = 1;
    return STATUS_OK;
}

static Status choose_samples(const Pipeline *p, int stored, const int32_t *indices,
                             Sample *samples) {
    int size = p->resize ? p->resize : stored, centre = crop_centre(size, p->input);
    for (int i = 0; i < IMAGES; i++)
        samples[i] = (Sample){.index = i, .dy = (int16_t)centre, .dx = (int16_t)centre};
    if (!p->train)
        return STATUS_OK;
    SamplerSpec spec = {.indices = indices,
                        .count = IMAGES,
                        .batch = IMAGES,
                        .seed = 4,
                        .crop_centre = centre,
                        .crop_pad = size > p->input ? centre : 4,
                        .flip = true};
    Sampler *sampler;
    TRY(sampler_create(&spec, &sampler));
    Status status = sampler_batch(sampler, 0, samples);
    sampler_destroy(sampler);
    return status;
}

static void put(const ImageSet *set, const Sample *samples, const float *x, size_t values) {
    size_t size = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    int32_t head[] = {set->shape.c, set->shape.h, set->shape.w, IMAGES};
    fwrite(head, sizeof head, 1, stdout);
    for (int i = 0; i < IMAGES; i++) {
        int32_t how[] = {samples[i].dy, samples[i].dx, samples[i].flip};
        fwrite(how, sizeof how, 1, stdout);
        fwrite(set->images + (size_t)samples[i].index * size, 1, size, stdout);
        fwrite(x + (size_t)i * values / IMAGES, sizeof *x, values / IMAGES, stdout);
    }
}

static Status gather(const Pipeline *p, Rig *rig, const ImageSet *set, Normalization *norm,
                     ImageData *images) {
    int32_t indices[IMAGES];
    Sample samples[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        indices[i] = i;
    TRY(normalization(p->normalize, set, indices, norm));
    TRY(choose_samples(p, set->shape.h, indices, samples));
    TRY(image_data_open(rig->backend, set, norm, p->resize, images));
    Tap tap = {0, TAP_VALUE};
    ProgramSpec spec = {.mode = MODE_EVAL,
                        .max_batch = IMAGES,
                        .precision = rig->backend->ops->native,
                        .taps = &tap,
                        .tap_count = 1};
    Program *program;
    TRY(program_compile(rig->state, &spec, &program));
    float *x = NULL;
    size_t values;
    Batch batch = {.data = images->data, .samples = samples, .count = IMAGES};
    Status status = program_forward(program, &batch);
    if (status == STATUS_OK)
        status = rig_fetch_tap(rig, program, 0, &x, &values);
    if (status == STATUS_OK)
        put(set, samples, x, values);
    free(x);
    program_destroy(program);
    return status;
}

static Status dump(const Pipeline *p, Backend *backend, const ImageSet *set) {
    Net *net = net_create("gather");
    net_batch_norm(net, "bn", net_input(net, (Shape){set->shape.c, p->input, p->input}));
    Rig rig;
    Normalization norm = {0};
    ImageData images = {0};
    Status status = rig_begin(&rig, backend, net, IMAGES, NULL);
    if (status == STATUS_OK)
        status = gather(p, &rig, set, &norm, &images);
    image_data_close(&images);
    normalization_free(&norm);
    rig_end(&rig);
    net_destroy(net);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 7)
        return 2;
    Pipeline p = {atoi(argv[3]), atoi(argv[4]), strcmp(argv[5], "train") == 0, NULL};
    DataSource source = {0};
    Backend *backend = NULL;
    BackendOptions options = {.threads = 1};
    Status status = data_load(argv[2], NULL, &source);
    if (status == STATUS_OK)
        status = backend_open(argv[1], &options, &backend);
    for (int i = 6; i < argc && status == STATUS_OK; i++) {
        p.normalize = argv[i];
        status = dump(&p, backend, &source.test);
    }
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", status_message());
    backend_close(backend);
    data_free(&source);
    return status == STATUS_OK ? 0 : status == STATUS_UNAVAILABLE ? SKIPPED : 1;
}
