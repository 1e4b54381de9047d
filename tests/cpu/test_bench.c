/* That `harness bench` compares before it times: right nets pass, also where rounding alone moves
 * gradients by a tenth and more, and a wrong weight is found in every one of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/train/bench_parts.h"
#include "net/models.h"
#include "tests/support/rig.h"

static void multiply(State *state, int param, float factor) {
    size_t count = state->net->params[param].count;
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    OK(state_read(state, SECTION_VALUE, param, values));
    for (size_t i = 0; i < count; i++)
        values[i] *= factor;
    OK(state_write(state, SECTION_VALUE, param, values));
    free(values);
}

/* The verdict on a net of `depth` layers and small images, after parameter `wrong` was multiplied
 * (NULL: none). */
static Status verify(Family family, int depth, ConvAlgorithm conv, const char *wrong, float factor,
                     Verification *found) {
    ModelSpec model = model_default();
    BackendOptions options = {.threads = 2};
    BenchSpec spec = {.batch = 4, .verify_count = 4, .conv = conv, .seed = 1};
    Net *net;
    Backend *backend;
    Bench *bench;
    model.depth = depth;
    model.input = (Shape){3, 16, 16};
    model.family = family;
    OK(model_build(&model, &net));
    OK(backend_open("cpu", &options, &backend));
    spec.precision = backend->ops->native;
    OK(bench_create(&spec, net, backend, &bench));
    if (wrong)
        multiply(bench->state, net_find_param(net, wrong), factor);
    Status status = bench_verify(bench, found);
    bench_destroy(bench);
    backend_close(backend);
    net_destroy(net);
    return status;
}

static const ConvAlgorithm algorithms[] = {CONV_ALGORITHM_DIRECT, CONV_ALGORITHM_WINOGRAD};

/* fp32's rounding, some 1e-7 to 1e-6 of a convolution, through 20 layers. */
static void well_conditioned_nets_are_held_to_rounding(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        Verification found;
        assert_int_equal(verify(FAMILY_RESNET, 20, algorithms[i], NULL, 1, &found), STATUS_OK);
        assert_true(found.worst < 1e-4);
        assert_true(found.rounding == 0); /* nobody needed to ask */
    }
}

static void what_rounding_does_is_allowed(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        Verification found;
        assert_int_equal(verify(FAMILY_PLAIN, 56, algorithms[i], NULL, 1, &found), STATUS_OK);
        assert_true(found.worst > 0.03); /* or plain-56 is no example any more */
        assert_true(found.worst < 3 * found.rounding);
    }
}

static void a_wrong_weight_is_found(void **state) {
    (void)state;
    const char *const weights[] = {"conv1.weight", "layer2.1.conv1.weight", "fc.weight"};
    const float factors[] = {-1, NAN};
    Verification found;
    for (int i = 0; i < 3; i++)
        assert_int_equal(verify(FAMILY_RESNET, 20, CONV_ALGORITHM_WINOGRAD, weights[i], -1, &found),
                         STATUS_BACKEND);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            verify(FAMILY_PLAIN, 56, CONV_ALGORITHM_WINOGRAD, weights[1], factors[i], &found),
            STATUS_BACKEND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_conditioned_nets_are_held_to_rounding),
        cmocka_unit_test(what_rounding_does_is_allowed),
        cmocka_unit_test(a_wrong_weight_is_found),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
