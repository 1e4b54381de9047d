/* The case table keeps clear of kinks: on the oracle, no input of a ReLU lies so near zero, and no
 * rival so near a max-pool's winner, that fp32 could take the other side. So a backend that differs
 * in a mask or an index is wrong, and comparisons need no allowance for it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ref/ref.h"
#include "tests/support/cases.h"
#include "tests/support/rig.h"

/* Of values of order one after up to eight layers: 80 units in the last place of fp32. */
static const double margin = 80 * 6e-8;

static double nearest_to_zero(const double *x, size_t count) {
    double nearest = INFINITY;
    for (size_t i = 0; i < count; i++)
        nearest = fmin(nearest, fabs(x[i]));
    return nearest;
}

/* The least distance between the two largest values of a window. */
static double closest_rival(const double *plane, Shape in, Shape out, Window win) {
    double closest = INFINITY;
    for (int p = 0; p < out.h; p++)
        for (int q = 0; q < out.w; q++) {
            double first = -INFINITY, second = -INFINITY;
            for (int i = 0; i < win.r * win.s; i++) {
                int h = p * win.stride + i / win.s - win.pad;
                int w = q * win.stride + i % win.s - win.pad;
                if (h < 0 || h >= in.h || w < 0 || w >= in.w)
                    continue;
                double value = plane[h * in.w + w];
                second = fmax(second, fmin(first, value));
                first = fmax(first, value);
            }
            if (first > second) /* equals are zeros that a ReLU left: the same zeros in fp32 */
                closest = fmin(closest, first - second);
        }
    return closest;
}

static double margin_of(const Program *program, int id) {
    const Net *net = program->state->net;
    const Node *node = &net->nodes[id];
    Shape in = node_in(net, id);
    double least = INFINITY;
    if (node->op != OP_RELU && node->op != OP_MAX_POOL)
        return least;
    const double *x = ref_node_value(program, node->inputs[0]);
    if (node->op == OP_RELU)
        return nearest_to_zero(x, (size_t)program->last_count * shape_count(in));
    for (int nc = 0; nc < program->last_count * in.c; nc++)
        least =
            fmin(least, closest_rival(x + (size_t)nc * in.h * in.w, in, node->out, node->window));
    return least;
}

static void stays_clear_of_kinks(void **state) {
    const Case *test = *state;
    Rig rig;
    rig_open(&rig, "ref", 1, case_net(test), test->batch, NULL);
    Program *program = rig_program(&rig, MODE_TRAIN, test->bn_group, NULL, 0);
    Batch batch = rig_batch(&rig);
    OK(program_forward(program, &batch));
    for (int id = 1; id < rig.net->node_count; id++) {
        double least = margin_of(program, id);
        if (!(least >= margin))
            fail_msg("%s, node '%s': %.3g from a kink, at least %.3g is needed: change the case's "
                     "sizes",
                     test->name, rig.net->nodes[id].name, least, margin);
    }
    program_destroy(program);
    rig_close(&rig);
}

int main(void) {
    int count;
    const Case *cases = case_table(&count);
    struct CMUnitTest tests[128] = {{0}};
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = stays_clear_of_kinks,
                                       .initial_state = (void *)&cases[i]};
    return !!_cmocka_run_group_tests("margins", tests, (size_t)count, NULL, NULL);
}
