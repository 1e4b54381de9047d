/* One optimiser step: a pass over the flat parameters in pieces of fixed size. */
#include <math.h>

#include "cpu/cpu.h"

enum { PIECE = 8192 };

static bool decays(const Optimizer *optimizer, ParamRole role) {
    return optimizer->decay_scope == DECAY_ALL || role == PARAM_CONV_WEIGHT ||
           role == PARAM_LINEAR_WEIGHT;
}

static void sgd_piece(CpuState *state, size_t begin, size_t n, double lr, bool decay) {
    const Optimizer *o = &state->base.optimizer;
    SgdCoef coef = {.lr = (float)lr,
                    .momentum = (float)o->momentum,
                    .decay = decay ? (float)o->weight_decay : 0,
                    .caffe = o->kind == OPTIMIZER_SGD_CAFFE,
                    .nesterov = o->nesterov};
    cpu_backend_of(state->base.backend)
        ->kernels->sgd(state->value + begin, state->momentum + begin, state->gradient + begin, n,
                       &coef);
}

static void adam_piece(CpuState *state, size_t begin, size_t n, double lr, bool decay) {
    const Optimizer *o = &state->base.optimizer;
    double t = (double)state->base.updates;
    AdamCoef coef = {.step = (float)(lr / (1 - pow(o->beta1, t))),
                     .root = (float)(1 / sqrt(1 - pow(o->beta2, t))),
                     .eps = (float)o->eps,
                     .beta1 = (float)o->beta1,
                     .beta2 = (float)o->beta2,
                     .rest1 = (float)(1 - o->beta1),
                     .rest2 = (float)(1 - o->beta2),
                     .decay = decay ? (float)o->weight_decay : 0};
    cpu_backend_of(state->base.backend)
        ->kernels->adam(state->value + begin, state->momentum + begin, state->square + begin,
                        state->gradient + begin, n, &coef);
}

static void update_param(CpuState *state, const Param *param, double lr) {
    const Optimizer *o = &state->base.optimizer;
    bool decay = decays(o, param->role);
    size_t pieces = (param->count + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(static) if (pieces > 8)
    for (size_t i = 0; i < pieces; i++) {
        size_t begin = i * PIECE;
        size_t n = param->count - begin < PIECE ? param->count - begin : PIECE;
        if (o->kind == OPTIMIZER_ADAM)
            adam_piece(state, param->offset + begin, n, lr, decay);
        else
            sgd_piece(state, param->offset + begin, n, lr, decay);
    }
}

Status cpu_update(State *base, double lr) {
    CpuState *state = cpu_state_of(base);
    TRY(cpu_state_train(base));
    int saved = cpu_threads_enter(cpu_backend_of(base->backend));
    base->updates++;
    for (int i = 0; i < base->net->param_count; i++)
        if (!param_is_statistic(&base->net->params[i]))
            update_param(state, &base->net->params[i], lr);
    state->version++;
    cpu_threads_leave(saved);
    return STATUS_OK;
}
