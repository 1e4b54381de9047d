#include <atomic>
#include <cstring>

#include "bf16.h"
#include "cudnn_objects.h"

namespace softdnn {
namespace {

/* An operation on its way: the plan and the device pointers of x, w, y and the workspace. */
struct Work {
    Plan plan;
    void *x, *w, *y;
    void *workspace;
};

std::atomic<uint64_t> executions{0};

std::vector<float> read(const Tensor &t, const void *data, bool tf32) {
    std::vector<float> out(t.elements());
    for (size_t i = 0; i < out.size(); i++) {
        if (t.type == CUDNN_DATA_BFLOAT16) {
            out[i] = softgpu_from_bf16(((const uint16_t *)data)[i]);
        } else {
            float v = ((const float *)data)[i];
            out[i] = tf32 ? softgpu_tf32(v) : v;
        }
    }
    return out;
}

/* data = alpha result + beta data; data is not read when beta is 0. */
void write(const Operation &op, const std::vector<float> &result, void *data) {
    for (size_t i = 0; i < result.size(); i++) {
        float v = op.alpha * result[i];
        if (op.output().type == CUDNN_DATA_BFLOAT16) {
            uint16_t *place = (uint16_t *)data + i;
            *place = softgpu_to_bf16(op.beta == 0 ? v : v + op.beta * softgpu_from_bf16(*place));
        } else {
            float *place = (float *)data + i;
            *place = op.beta == 0 ? v : v + op.beta * *place;
        }
    }
}

/* Moves one number away from zero by some units in its last place. */
void nudge(const Tensor &t, void *data, size_t i, uint32_t units) {
    if (t.type == CUDNN_DATA_BFLOAT16) {
        uint16_t *v = (uint16_t *)data + i;
        if ((*v & 0x7fff) < 0x7f70) {
            *v = (uint16_t)(*v + units);
        }
    } else {
        float *v = (float *)data + i;
        if ((softgpu_bits(*v) & 0x7fffffffu) < 0x7f7ffff0u) {
            *v = softgpu_float(softgpu_bits(*v) + units);
        }
    }
}

/* Changes the last bits of some numbers as another order of summation could, each time others. */
void perturb(const Tensor &t, void *data, uint64_t execution) {
    uint64_t random = softgpu_random() ^ (execution * 0x9e3779b97f4a7c15u);
    uint32_t most = t.type == CUDNN_DATA_BFLOAT16 ? 2 : 8;
    for (size_t i = 0; i < t.elements(); i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t r = (uint32_t)(random >> 40);
        if (i == 0 || r % 5 == 0) {
            nudge(t, data, i, (r >> 4) % most);
        }
    }
}

void run(const Work &work) {
    const EngineInfo &engine = *work.plan.config.engine.info;
    const Operation &op = work.plan.config.engine.graph.op;
    uint64_t execution = executions++;
    /* The whole workspace is written, with NaN of any format: what else lies there is lost. */
    if (work.plan.workspace > 0) {
        memset(work.workspace, 0xff, work.plan.workspace);
    }
    bool tf32 = engine.tensor_core && op.x.type == CUDNN_DATA_FLOAT;
    std::vector<float> result(op.output().elements());
    void *out = nullptr;
    if (op.kind == Kind::forward) {
        convolve(op, read(op.x, work.x, tf32).data(), read(op.w, work.w, tf32).data(),
                 result.data());
        out = work.y;
    } else if (op.kind == Kind::backward_data) {
        convolve(op, read(op.w, work.w, tf32).data(), read(op.y, work.y, tf32).data(),
                 result.data());
        out = work.x;
    } else {
        convolve(op, read(op.x, work.x, tf32).data(), read(op.y, work.y, tf32).data(),
                 result.data());
        out = work.w;
    }
    write(op, result, out);
    if (!engine.deterministic) {
        perturb(op.output(), out, execution);
    }
}

bool overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
    uintptr_t p = (uintptr_t)a, q = (uintptr_t)b;
    return p < q + b_bytes && q < p + a_bytes;
}

/* The pack's pointer for a tensor of the plan. */
cudnnStatus_t pointer_of(const Tensor &t, const Pack &pack, void **pointer) {
    *pointer = nullptr;
    for (size_t i = 0; i < pack.uids.size(); i++) {
        if (pack.uids[i] == t.uid) {
            *pointer = pack.pointers[i];
            if (!*pointer) {
                return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "tensor %lld: pointer is NULL",
                            (long long)t.uid);
            }
        }
    }
    if (!*pointer) {
        return fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld of the plan is not in the variant pack",
                    (long long)t.uid);
    }
    if ((uintptr_t)*pointer % (uintptr_t)t.alignment != 0) {
        return fail(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                    "tensor %lld: %p is not aligned to the promised %lld bytes", (long long)t.uid,
                    *pointer, (long long)t.alignment);
    }
    if (!softgpu_on_device(*pointer, t.bytes())) {
        return fail(CUDNN_STATUS_BAD_PARAM,
                    "tensor %lld: its %zu bytes at %p do not lie in one device allocation",
                    (long long)t.uid, t.bytes(), *pointer);
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_uids(const Operation &op, const Pack &pack) {
    for (int64_t uid : pack.uids) {
        if (uid != op.x.uid && uid != op.w.uid && uid != op.y.uid) {
            return fail(CUDNN_STATUS_BAD_PARAM, "unique id %lld is not in the plan",
                        (long long)uid);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_workspace(const Work &work, void *workspace) {
    size_t bytes = work.plan.workspace;
    if (bytes == 0) {
        return CUDNN_STATUS_SUCCESS;
    }
    if (!workspace) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the plan needs %zu bytes of workspace",
                    bytes);
    }
    if (!softgpu_on_device(workspace, bytes)) {
        return fail(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
                    "the plan's %zu bytes of workspace at %p do not lie in one device allocation",
                    bytes, workspace);
    }
    const Operation &op = work.plan.config.engine.graph.op;
    if (overlap(workspace, bytes, work.x, op.x.bytes()) ||
        overlap(workspace, bytes, work.w, op.w.bytes()) ||
        overlap(workspace, bytes, work.y, op.y.bytes())) {
        return fail(CUDNN_STATUS_BAD_PARAM, "the workspace overlaps a tensor");
    }
    return CUDNN_STATUS_SUCCESS;
}

/* The output shares no byte with an input. */
cudnnStatus_t check_aliases(const Work &work) {
    const Operation &op = work.plan.config.engine.graph.op;
    const void *pointer[3] = {work.x, work.w, work.y};
    const Tensor *tensor[3] = {&op.x, &op.w, &op.y};
    int out = op.kind == Kind::forward ? 2 : op.kind == Kind::backward_data ? 0 : 1;
    for (int i = 0; i < 3; i++) {
        if (i != out &&
            overlap(pointer[i], tensor[i]->bytes(), pointer[out], op.output().bytes())) {
            return fail(CUDNN_STATUS_BAD_PARAM, "output %lld overlaps input %lld",
                        (long long)op.output().uid, (long long)tensor[i]->uid);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t prepare(const Plan &plan, const Pack &pack, Work *work) {
    const Operation &op = plan.config.engine.graph.op;
    *work = {plan, nullptr, nullptr, nullptr, pack.workspace};
    cudnnStatus_t status = check_uids(op, pack);
    if (status == CUDNN_STATUS_SUCCESS) {
        status = pointer_of(op.x, pack, &work->x);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = pointer_of(op.w, pack, &work->w);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = pointer_of(op.y, pack, &work->y);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = check_aliases(*work);
    }
    return status == CUDNN_STATUS_SUCCESS ? check_workspace(*work, pack.workspace) : status;
}

const char *node_name(Kind kind) {
    return kind == Kind::forward         ? "cudnn:forward"
           : kind == Kind::backward_data ? "cudnn:backward_data"
                                         : "cudnn:backward_filter";
}

} // namespace
} // namespace softdnn

using namespace softdnn;

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
    if (!handle || !plan || !pack) {
        return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "cudnnBackendExecute: %s is NULL",
                    !handle ? "the handle"
                    : !plan ? "the plan"
                            : "the variant pack");
    }
    cudaStream_t stream = handle_stream(handle, "cudnnBackendExecute");
    const Descriptor &p = live(plan, "cudnnBackendExecute");
    const Descriptor &v = live(pack, "cudnnBackendExecute");
    if (p.type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
        v.type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) {
        softgpu_die("cudnnBackendExecute: got a descriptor of kind '%s' and one of kind '%s'",
                    type_name(p.type), type_name(v.type));
    }
    if (!p.finalized || !v.finalized) {
        return fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "the %s is not finalised",
                    type_name(p.finalized ? v.type : p.type));
    }
    if (softgpu_fails("execute")) {
        return fail(CUDNN_STATUS_EXECUTION_FAILED, "the kernel could not be launched");
    }
    Work work;
    cudnnStatus_t status = prepare(std::get<Plan>(p.meaning), std::get<Pack>(v.meaning), &work);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    std::vector<SoftgpuRange> scratch;
    if (work.plan.workspace > 0) {
        scratch.push_back({work.workspace, work.plan.workspace});
    }
    Kind kind = work.plan.config.engine.graph.op.kind;
    cudaError_t error = softgpu_enqueue(
        stream, node_name(kind), [work] { run(work); }, scratch);
    if (error != cudaSuccess) {
        return fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "%s", cudaGetErrorString(error));
    }
    return CUDNN_STATUS_SUCCESS;
}
