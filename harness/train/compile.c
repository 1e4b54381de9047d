#include "harness/train/compile.h"

Status train_compile(const TrainSpec *spec, State *state, Mode mode, int batch, int bn_group,
                     Program **program) {
    ProgramSpec wanted = {.mode = mode,
                          .max_batch = batch,
                          .precision = spec->precision,
                          .conv = spec->conv,
                          .bn_group = bn_group,
                          .seed = spec->seed};
    return program_compile(state, &wanted, program);
}

Status train_compile_steps(const TrainSpec *spec, State *state, Program **program,
                           Shares **shares) {
    int count = spec->shares > 1 ? spec->shares : 1;
    TRY(train_compile(spec, state, MODE_TRAIN, spec->batch / count, spec->bn_group, program));
    return count > 1 ? shares_create(*program, count, shares) : STATUS_OK;
}
