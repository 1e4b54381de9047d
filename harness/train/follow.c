#include "harness/train/follow.h"

#include <stdlib.h>

#include "harness/ranks/ranks.h"
#include "harness/train/compile.h"
#include "harness/train/image_data.h"

typedef struct Follower {
    State *state;
    ImageData images;
    Program *program;
    Shares *shares;
} Follower;

static Status make_ready(Follower *f, const TrainSpec *spec, const Net *net, Backend *backend) {
    TRY(state_create(backend, net, &spec->optimizer, &f->state));
    TRY(image_data_open(backend, spec->train_set, spec->normalization, spec->resize, &f->images));
    return train_compile_steps(spec, f->state, &f->program, &f->shares);
}

/* What has failed before is told at the next order in which all take part. */
static Status obey(Follower *f, RankOrder order, const void *bytes, size_t size, Status so_far) {
    switch (order) {
    case ORDER_STATE:
        return shares_take_state(f->shares, bytes, size, so_far);
    case ORDER_STEP:
        return shares_follow(f->shares, f->images.data, bytes, size, so_far);
    default:
        return so_far;
    }
}

Status train_follow(const TrainSpec *spec, const Net *net, Backend *backend, Status so_far) {
    Follower f = {0};
    RankOrder order;
    Status status = so_far == STATUS_OK ? make_ready(&f, spec, net, backend) : so_far;
    do {
        void *bytes;
        size_t size;
        order = ranks_hear(&bytes, &size);
        status = obey(&f, order, bytes, size, status);
        free(bytes);
    } while (order != ORDER_OVER);
    shares_destroy(f.shares);
    program_destroy(f.program);
    image_data_close(&f.images);
    state_destroy(f.state);
    return status;
}
