/* Running steps: one by one the first time, then captured into a graph, then the graph.
 *
 * The steady state of training is: fill a slot of pinned memory, copy it to the device, launch one
 * graph. Nothing allocates and nothing waits, but for a slot that the card has not read yet: the
 * host may run CONTROL_SLOTS steps ahead. */
#include <string.h>

#include "gpu/plan.h"

/* ---- what changes from step to step ---- */

/* How much of a running statistic stays. */
static double kept(const GpuProgram *program) {
    switch (program->base.spec.mode) {
    case MODE_TRAIN:
    case MODE_EVAL_BATCH_UPDATE:
        return 1 - BN_AVERAGE;
    case MODE_RECALIBRATE: /* the plain mean of batches: the k-th weighs 1 / k */
        return 1 - 1.0 / (double)program->recalibrated;
    default:
        return 1;
    }
}

static void fill_control(const GpuProgram *program, const Batch *batch, StepControl *control) {
    const GpuDataset *data = (const GpuDataset *)batch->data;
    int divisor = batch->divisor ? batch->divisor : batch->count;
    control->count = batch->count;
    control->step = (uint32_t)batch->step;
    control->loss_gradient = (float)(1.0 / divisor);
    control->running_keep = (float)kept(program);
    control->data_h = dataset_shape(&data->base.spec).h;
    control->data_w = dataset_shape(&data->base.spec).w;
    control->stored_h = data->base.spec.shape.h;
    control->stored_w = data->base.spec.shape.w;
    control->rows = data->rows;
    control->columns = data->columns;
    control->row_stride = data->row_stride;
    control->column_stride = data->column_stride;
    control->bytes = data->bytes;
    control->floats = data->floats;
    control->labels = data->labels;
    control->mean = data->mean;
    control->scale = data->scale;
    memcpy(control->samples, batch->samples, (size_t)batch->count * sizeof(Sample));
}

/* A slot that the device has done with. */
static Status next_slot(GpuProgram *program, int *slot) {
    Status status = STATUS_OK;
    *slot = (int)(program->uploads % CONTROL_SLOTS);
    if (program->uploads >= CONTROL_SLOTS)
        CUDA_CHECK(cudaEventSynchronize(program->copied[*slot]), "waiting for the device");
    program->uploads++;
out:
    return status;
}

static Status upload_control(GpuProgram *program, const Batch *batch, const double *lr) {
    Status status = STATUS_OK;
    cudaStream_t stream = program->gpu->lane[LANE_MAIN].stream;
    int slot;
    TRY(next_slot(program, &slot));
    StepControl *control = (StepControl *)(program->slots + (size_t)slot * program->control_bytes);
    fill_control(program, batch, control);
    if (lr)
        gpu_update_control(program->state, *lr, &control->update);
    CUDA_CHECK(cudaMemcpyAsync(program->control, control, program->control_bytes,
                               cudaMemcpyHostToDevice, stream),
               "sending a batch");
    CUDA_CHECK(cudaEventRecord(program->copied[slot], stream), "sending a batch");
out:
    return status;
}

/* ---- steps ---- */

/* Lets one lane wait for what the other has been given so far. */
static Status wait_for(GpuBackend *gpu, Lane waiting, Lane first, cudaEvent_t event) {
    Status status = STATUS_OK;
    CUDA_CHECK(cudaEventRecord(event, gpu->lane[first].stream), "joining streams");
    CUDA_CHECK(cudaStreamWaitEvent(gpu->lane[waiting].stream, event, 0), "joining streams");
out:
    return status;
}

static Status run_steps(GpuProgram *program, int begin, int end) {
    bool forked = false;
    for (int i = begin; i < end; i++) {
        const Step *step = &program->steps[i];
        if (step->lane == LANE_SIDE) {
            TRY(wait_for(program->gpu, LANE_SIDE, LANE_MAIN, program->gpu->fork));
            forked = true;
        }
        TRY(step->run(program, step));
    }
    return forked ? wait_for(program->gpu, LANE_MAIN, LANE_SIDE, program->gpu->join) : STATUS_OK;
}

static Status run_eagerly(GpuProgram *program, const Sequence *sequence) {
    TRY(run_steps(program, sequence->begin, sequence->end));
    if (!sequence->update)
        return STATUS_OK;
    return gpu_update_enqueue(program->state, &program->control->update, program->half,
                              program->half);
}

/* Everything that capture met is undone when it fails: the lanes are as before. */
Status gpu_capture(GpuProgram *program, Sequence *sequence) {
    Status status = STATUS_OK;
    cudaStream_t stream = program->gpu->lane[LANE_MAIN].stream;
    cudaGraph_t graph = NULL;
    const char *what = "capturing a step";
    CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), what);
    Status ran = run_eagerly(program, sequence);
    cudaError_t ended = cudaStreamEndCapture(stream, &graph);
    if (ran != STATUS_OK)
        cudaGetLastError(); /* of the capture, which the failure spoilt */
    CHECK(ran);
    if (ended != cudaSuccess)
        CHECK(gpu_cuda_failure(ended, "cudaStreamEndCapture", what));
    CUDA_CHECK(cudaGraphGetNodes(graph, NULL, &sequence->nodes), what);
    CUDA_CHECK(cudaGraphInstantiateWithFlags(&sequence->exec, graph, 0), what);
out:
    if (graph)
        cudaGraphDestroy(graph);
    return status;
}

static Status run_sequence(GpuProgram *program, Sequence *sequence) {
    Status status = STATUS_OK;
    if (program->half)
        CHECK(gpu_state_refresh_half(program->state));
    if (sequence->runs++ == 0) /* libraries load their kernels now, not while capturing */
        return run_eagerly(program, sequence);
    if (!sequence->exec)
        CHECK(gpu_capture(program, sequence));
    CUDA_CHECK(cudaGraphLaunch(sequence->exec, program->gpu->lane[LANE_MAIN].stream),
               "launching a step");
out:
    return status;
}

/* ---- the contract ---- */

static Status start(GpuProgram *program, const Batch *batch, const double *lr) {
    if (program->base.spec.mode == MODE_RECALIBRATE)
        program->recalibrated++;
    return upload_control(program, batch, lr);
}

Status gpu_forward(Program *base, const Batch *batch) {
    GpuProgram *program = gpu_program_of(base);
    TRY(start(program, batch, NULL));
    TRY(run_sequence(program, &program->forward));
    program->images += batch->count;
    program->batches++;
    return STATUS_OK;
}

Status gpu_backward(Program *base, const float *dy) {
    GpuProgram *program = gpu_program_of(base);
    program->dy = dy;
    Status status = run_steps(program, program->forward_steps, program->step_count);
    program->dy = NULL;
    program->state->gradient_is_half = program->half;
    return status;
}

Status gpu_train_step(Program *base, const Batch *batch, double lr) {
    GpuProgram *program = gpu_program_of(base);
    GpuState *state = program->state;
    state->base.updates++;
    TRY(start(program, batch, &lr));
    TRY(run_sequence(program, &program->train));
    program->images += batch->count;
    program->batches++;
    state->gradient_is_half = program->half;
    state->version++;
    if (program->half)
        state->half_version = state->version;
    return STATUS_OK;
}

Status gpu_metrics(Program *base, Metrics *metrics) {
    Status status = STATUS_OK;
    GpuProgram *program = gpu_program_of(base);
    TRY(gpu_stage(program->gpu, sizeof(DeviceMetrics)));
    TRY(gpu_download(program->gpu, program->metrics, sizeof(DeviceMetrics), "reading the loss"));
    CUDA_CHECK(cudaMemsetAsync(program->metrics, 0, sizeof(DeviceMetrics),
                               program->gpu->lane[LANE_MAIN].stream),
               "clearing the loss");
    const DeviceMetrics *sums = program->gpu->staging;
    *metrics = (Metrics){.loss_sum = sums->loss_sum,
                         .errors = (int64_t)sums->errors,
                         .images = program->images,
                         .batches = program->batches,
                         .bad_batch = sums->bad_batch};
    program->images = program->batches = 0;
out:
    return status;
}
