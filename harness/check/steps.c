#include "harness/check/steps.h"

const Optimizer check_optimizers[CHECK_OPTIMIZERS] = {
    {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-2},
    {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-2, .nesterov = true},
    {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9, .weight_decay = 1e-2, .decay_scope = DECAY_ALL},
    {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9, .nesterov = true},
    {.kind = OPTIMIZER_ADAM, .weight_decay = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
};

double check_rate(const Optimizer *optimizer, int step) {
    double rate = optimizer->kind == OPTIMIZER_ADAM ? 1e-3 : 1e-2;
    return step < CHECK_STEPS / 2 ? rate : rate / 10;
}
