#include "gpu/conv_exec.h"

#include "gpu/plan.h"

ConvExec *conv_exec_own(GpuProgram *program) {
    ConvExec *exec = gpu_plan_own(program, sizeof *exec);
    if (exec) {
        exec->next = program->convolutions;
        program->convolutions = exec;
    }
    return exec;
}

void conv_exec_free_all(GpuProgram *program) {
    for (ConvExec *exec = program->convolutions; exec; exec = exec->next)
        descriptor_destroy(&exec->pack);
}

static void *weights_of(const GpuProgram *program, const Step *step, ConvDirection direction) {
    int param = node_of(program, step->node)->weight;
    if (direction != CONV_WEIGHT_GRADIENT)
        return weight_value(program, param);
    return program->half ? (void *)(program->state->half_gradient + program->state->offset[param])
                         : param_gradient(program, param);
}

static Status bind(GpuProgram *program, const Step *step, ConvExec *exec) {
    const int64_t ids[] = {CONV_UID_X, CONV_UID_W, CONV_UID_Y};
    void *pointers[] = {step_buffer(program, step, 0),
                        weights_of(program, step, exec->plan->problem.direction),
                        step_buffer(program, step, 1)};
    void *workspace = exec->plan->workspace > 0 ? program->workspace[step->lane] : NULL;
    Building pack = descriptor_begin(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, name_of(program, step));
    descriptor_set(&pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
    descriptor_set(&pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers);
    descriptor_set(&pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    return descriptor_finish(&pack, &exec->pack);
}

Status conv_exec_run(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    ConvExec *exec = step->op;
    if (!exec->pack)
        CHECK(bind(program, step, exec));
    CUDNN_CHECK(
        cudnnBackendExecute(program->gpu->lane[step->lane].cudnn, exec->plan->plan, exec->pack),
        name_of(program, step));
out:
    return status;
}
