#include "tests/cpu/replayed_relu.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "ref/ops.h"

static struct {
    float *const *masks;
    const size_t *counts;
    int relus, at; /* at: of the next ReLU forward, behind the next one backward */
    bool forward_done;
    size_t turned;
} replay;

void replay_begin(float *const *masks, const size_t *counts, int relus) {
    replay.masks = masks;
    replay.counts = counts;
    replay.relus = relus;
    replay.at = 0;
    replay.forward_done = false;
    replay.turned = 0;
}

size_t replay_end(void) {
    assert_true(replay.forward_done);
    assert_int_equal(replay.at, 0);
    return replay.turned;
}

void ref_relu_forward(double *y, const double *x, size_t count) {
    assert_true(replay.at < replay.relus && count == replay.counts[replay.at]);
    const float *mask = replay.masks[replay.at++];
    for (size_t i = 0; i < count; i++) {
        y[i] = mask[i] != 0 ? x[i] : 0;
        replay.turned += (mask[i] != 0) != (x[i] > 0);
    }
    replay.forward_done = replay.at == replay.relus;
}

void ref_relu_backward(double *dx, const double *dy, const double *x, size_t count) {
    (void)x;
    assert_true(replay.forward_done && replay.at > 0 && count == replay.counts[replay.at - 1]);
    const float *mask = replay.masks[--replay.at];
    for (size_t i = 0; i < count; i++)
        dx[i] += mask[i] != 0 ? dy[i] : 0;
}
