/* The shares of a step on several cards, each a process with a software GPU of its own: the bits of
 * one process, whatever way the sums take. usage: test_gpu_ranks [PATTERN OF NAMES] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/ranks/ranks.h"
#include "harness/train/follow.h"
#include "tests/softgpu/softgpu.h"
#include "tests/support/rig.h"
#include "tests/train/forked_ranks.h"
#include "tests/train/problem.h"

enum { SHARES = 4, PER_SHARE = 4, GROUP = 2, NUMBERS_MAX = 8192, CARDS = 4 };

/* From process to process: over NCCL, through the hosts as in a build without it, or as backends
 * that sum nothing themselves do it. */
typedef enum Way { OVER_NCCL, THROUGH_HOSTS, SUMMED_ON_HOSTS, WAYS } Way;

typedef struct Story {
    Problem *problem;
    float numbers[NUMBERS_MAX]; /* rank 0's curve rows, weights, statistics and momenta */
    int count;
    Way way;
    bool same_card, bad_labels; /* on the last rank */
} Story;

static const ShareLinkOps *no_link(void) {
    return NULL;
}

static void take_way(Backend *backend, Way way) {
    static BackendOps ops;
    static ShareSumOps sums;
    ops = *backend->ops;
    sums = *ops.share_sums;
    assert_non_null(sums.link());
    if (way == THROUGH_HOSTS)
        sums.link = no_link;
    ops.share_sums = way == SUMMED_ON_HOSTS ? NULL : &sums;
    backend->ops = &ops;
}

static void keep(Story *s, double number) {
    assert_true(s->count < NUMBERS_MAX);
    s->numbers[s->count++] = (float)number;
}

static Status on_curve(void *context, const CurveRow *row) {
    keep(context, row->train_loss);
    keep(context, row->train_error_pct);
    keep(context, row->train_eval_loss);
    keep(context, row->test_loss);
    return STATUS_OK;
}

static Status on_end(void *context, State *state, int64_t iterations) {
    static const Section sections[] = {SECTION_VALUE, SECTION_MOMENTUM, SECTION_SQUARE};
    Story *s = context;
    (void)iterations;
    for (int k = 0; k < (state->optimizer.kind == OPTIMIZER_ADAM ? 3 : 2); k++)
        for (int i = 0; i < state->net->param_count; i++) {
            const Param *param = &state->net->params[i];
            if (k > 0 && param_is_statistic(param))
                continue;
            assert_true(s->count + (int)param->count <= NUMBERS_MAX);
            OK(state_read(state, sections[k], i, s->numbers + s->count));
            s->count += (int)param->count;
        }
    return STATUS_OK;
}

/* On ranks 1 and up, which have inherited rank 0's backend and leave it alone. */
static Status open_card(const Story *s, Backend **backend) {
    bool last = ranks_mine() == ranks_count() - 1;
    BackendOptions options = {.device = s->same_card && last ? 0 : ranks_place()};
    TRY(backend_open("gpu", &options, backend));
    (*backend)->ops = s->problem->backend->ops;
    return STATUS_OK;
}

static Status follow(void *context) {
    Story *s = context;
    Problem *p = s->problem;
    Backend *backend;
    TRY(open_card(s, &backend));
    for (int i = 0; s->bad_labels && ranks_mine() == ranks_count() - 1 && i < IMAGES; i++)
        p->train.labels[i] = CLASSES;
    Status status = train_follow(&p->spec, p->net, backend, STATUS_OK);
    backend_close(backend);
    return status;
}

static Status train(Story *s, int ranks, Status ended[FORKED_MAX]) {
    Problem *p = s->problem;
    TrainHooks hooks = {.context = s, .curve = on_curve, .end = on_end};
    TrainResult result;
    s->count = 0;
    forked_ranks_begin(ranks, follow, s);
    Status status = train_run(&p->spec, p->net, p->backend, &hooks, &result);
    ranks_tell(ORDER_OVER, NULL, 0);
    forked_ranks_end(ended);
    return status;
}

static Story *story_of(Problem *p, Way way) {
    Story *s = calloc(1, sizeof *s);
    s->problem = p;
    s->way = way;
    p->spec.iterations = 4 < p->spec.iterations ? 4 : p->spec.iterations;
    p->spec.shares = SHARES;
    p->spec.batch = SHARES * PER_SHARE;
    p->spec.bn_group = GROUP;
    p->backend->ops = (*backend_table(&(int){0}));
    take_way(p->backend, way);
    return s;
}

static void same_bits(Problem *p) {
    Status ended[FORKED_MAX];
    Story *first = story_of(p, OVER_NCCL);
    OK(train(first, 1, ended));
    assert_true(first->count > 1000);
    for (Way way = OVER_NCCL; way < WAYS; way++)
        for (int ranks = 1; ranks <= SHARES; ranks *= 2) {
            Story *s = story_of(p, way);
            OK(train(s, ranks, ended));
            for (int r = 1; r < ranks; r++)
                assert_int_equal(ended[r], STATUS_OK);
            assert_int_equal(s->count, first->count);
            if (memcmp(s->numbers, first->numbers, (size_t)s->count * sizeof(float)) != 0)
                fail_msg("way %d, %d ranks: not the bits of one process", way, ranks);
            free(s);
        }
    free(first);
}

static void momentum(void **state) {
    same_bits(*state);
}

static const Optimizer adam_optimizer = {.kind = OPTIMIZER_ADAM,
                                         .momentum = 0.9,
                                         .beta1 = 0.9,
                                         .beta2 = 0.999,
                                         .eps = 1e-3}; /* else signs of zero gradients decide */

/* Evaluations change rank 0's statistics only. */
static void adam(void **state) {
    Problem *p = *state;
    p->spec.optimizer = adam_optimizer;
    p->spec.lr = 0.01;
    p->spec.bn_eval = BN_EVAL_BATCH_UPDATE;
    same_bits(p);
}

static void bf16(void **state) {
    Problem *p = *state;
    p->spec.precision = PRECISION_BF16;
    p->spec.iterations = 2;
    same_bits(p);
}

/* After one step, so that rounding has not been multiplied. */
static void as_the_oracle(Problem *p) {
    Status ended[FORKED_MAX];
    BackendOptions options = {0};
    p->spec.iterations = 1;
    Story *cards = story_of(p, OVER_NCCL), *oracle = story_of(p, OVER_NCCL);
    Backend *card = p->backend;
    OK(train(cards, SHARES, ended));
    OK(backend_open("ref", &options, &p->backend));
    p->spec.precision = PRECISION_FP64;
    OK(train(oracle, 1, ended));
    backend_close(p->backend);
    p->backend = card;
    assert_int_equal(cards->count, oracle->count);
    for (int i = 0; i < cards->count; i++) {
        double error = fabs(cards->numbers[i] - oracle->numbers[i]);
        if (!(error <= 1e-4 * (1 + fabs(oracle->numbers[i]))))
            fail_msg("number %d: %.9g, the oracle's %.9g", i, cards->numbers[i],
                     oracle->numbers[i]);
    }
    free(cards);
    free(oracle);
}

static void oracle_momentum(void **state) {
    as_the_oracle(*state);
}

static void oracle_adam(void **state) {
    Problem *p = *state;
    p->spec.optimizer = adam_optimizer;
    p->spec.lr = 0.01;
    as_the_oracle(p);
}

/* ---- what fails ---- */

static void fails(Story *s, int ranks, const char *words) {
    Status ended[FORKED_MAX];
    assert_int_equal(train(s, ranks, ended), STATUS_BAD_INPUT);
    if (!strstr(status_message(), words))
        fail_msg("'%s', not '%s'", status_message(), words);
    for (int r = 1; r < ranks; r++)
        assert_int_equal(ended[r], STATUS_BAD_INPUT);
    free(s);
}

static void two_on_one_card(void **state) {
    for (Way way = OVER_NCCL; way < WAYS; way++) {
        Story *s = story_of(*state, way);
        s->same_card = true;
        fails(s, SHARES, "processes 0 and 3 would share the device GPU-");
    }
}

static void rank_fails_in_a_step(void **state) {
    for (Way way = OVER_NCCL; way < WAYS; way++) {
        Story *s = story_of(*state, way);
        s->bad_labels = true;
        fails(s, 2, "rank 1 of 2: image ");
    }
}

/* Two cards exchange a sum; what a rank finds out when the other stops half way. */
typedef struct Pair {
    Story *story;
    LinkName name;
    State *state;
    ShareSum *sum;
    const ShareSumOps *ops;
} Pair;

static Status pair_join(Pair *pair, Backend *backend, int mine) {
    Problem *p = pair->story->problem;
    pair->ops = backend->ops->share_sums;
    TRY(state_create(backend, p->net, &p->spec.optimizer, &pair->state));
    TRY(pair->ops->create(pair->state, 1, 2, &pair->sum));
    TRY(pair->ops->begin(pair->sum));
    TRY(pair->ops->take(pair->sum));
    return pair->ops->link()->join(pair->sum, &pair->name, 2, mine);
}

static void pair_part(Pair *pair) {
    if (pair->sum)
        pair->ops->destroy(pair->sum);
    state_destroy(pair->state);
    pair->sum = NULL;
    pair->state = NULL;
}

static Status partner(void *context) {
    Pair *pair = context;
    Backend *backend;
    TRY(open_card(pair->story, &backend));
    TRY(pair_join(pair, backend, 1));
    Status status = pair->ops->link()->exchange(pair->sum, 0);
    pair_part(pair);
    backend_close(backend);
    return status;
}

typedef struct Failing {
    const char *kind;
    int n;
    const char *words;
    int partner; /* how it ends; EITHER: as far as the card got is chance */
} Failing;

enum { EITHER = -1 };

static void exchange_fails(void **state) {
    static const Failing calls[] = {
        {"nccl_send", 0, "", STATUS_OK}, /* nothing does */
        {"nccl_group", 1, "ncclGroupStart: internal error", STATUS_BACKEND},
        {"nccl_send", 1, "ncclSend: internal error", STATUS_BACKEND},
        {"nccl_recv", 1, "ncclRecv: internal error", STATUS_BACKEND},
        {"nccl_group", 2, "ncclGroupEnd: internal error", STATUS_BACKEND},
        {"nccl_async", 1, "a link has broken: remote process exited", EITHER},
        {"launch", 1, "share_add: ", STATUS_BACKEND},
        {"event", 1, "cudaEventRecord: ", STATUS_BACKEND},
    };
    Story *s = story_of(*state, OVER_NCCL);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const Failing *call = &calls[i];
        Status ended[FORKED_MAX];
        Pair pair = {.story = s};
        OK(s->problem->backend->ops->share_sums->link()->name(&pair.name));
        forked_ranks_begin(2, partner, &pair);
        OK(pair_join(&pair, s->problem->backend, 0));
        softgpu_fail(call->kind, call->n);
        Status status = pair.ops->link()->exchange(pair.sum, 1);
        softgpu_fail(NULL, 0);
        assert_int_equal(status, call->n ? STATUS_BACKEND : STATUS_OK);
        if (call->n && (!strstr(status_message(), call->words) ||
                        !strstr(status_message(), "exchanging gradients between cards")))
            fail_msg("'%s', not '%s'", status_message(), call->words);
        pair_part(&pair);
        forked_ranks_end(ended);
        if (call->partner != EITHER && call->partner != (int)ended[1])
            fail_msg("%s:%d: the partner ends with %d", call->kind, call->n, ended[1]);
    }
    free(s);
}

static void joining_fails(void **state) {
    Story *s = story_of(*state, OVER_NCCL);
    Pair pair = {.story = s};
    const ShareLinkOps *link = s->problem->backend->ops->share_sums->link();
    softgpu_fail("nccl_id", 1);
    assert_int_equal(link->name(&pair.name), STATUS_BACKEND);
    assert_non_null(strstr(status_message(), "ncclGetUniqueId: unhandled system error"));
    softgpu_fail("nccl_init", 1);
    assert_int_equal(pair_join(&pair, s->problem->backend, 0), STATUS_BACKEND);
    assert_non_null(strstr(status_message(), "ncclCommInitRank: internal error"));
    softgpu_fail(NULL, 0);
    pair_part(&pair);
    free(s);
}

/* The two vectors and the copies of the statistics. */
static void no_memory(void **state) {
    Problem *p = *state;
    const ShareSumOps *ops = p->backend->ops->share_sums;
    State *net_state;
    ShareSum *sum;
    OK(state_create(p->backend, p->net, &p->spec.optimizer, &net_state));
    for (int n = 1; n <= 4; n++) {
        softgpu_fail("alloc", n);
        assert_int_equal(ops->create(net_state, 1, 2, &sum), STATUS_NO_MEMORY);
        assert_non_null(strstr(status_message(), "sums of shares"));
        assert_int_equal(softgpu_calls("alloc"), n);
    }
    softgpu_fail(NULL, 0);
    assert_int_equal(ops->create(net_state, 3, 6, &sum), STATUS_BAD_INPUT);
    state_destroy(net_state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, problem_set_up, problem_tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(momentum),
        TEST(adam),
        TEST(bf16),
        TEST(oracle_momentum),
        TEST(oracle_adam),
        TEST(two_on_one_card),
        TEST(rank_fails_in_a_step),
        TEST(exchange_fails),
        TEST(joining_fails),
        TEST(no_memory),
    };
    problem_backend = "gpu";
    softgpu_devices(CARDS);
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    int failed = cmocka_run_group_tests_name("ranks on cards", tests, NULL, NULL);
    return failed ? failed : softgpu_leaks();
}
