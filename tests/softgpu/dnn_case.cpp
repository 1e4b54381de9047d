#include "dnn_case.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bf16.h"

void must(cudnnStatus_t status) {
    if (status != CUDNN_STATUS_SUCCESS) {
        char text[256];
        cudnnGetLastErrorString(text, sizeof text);
        fprintf(stderr, "%s: %s\n", cudnnGetErrorString(status), text);
        abort();
    }
}

void must(cudaError_t error) {
    if (error != cudaSuccess) {
        fprintf(stderr, "%s\n", cudaGetErrorString(error));
        abort();
    }
}

cudnnHandle_t handle;
cudaStream_t stream;

int start(void **) {
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    must(cudnnCreate(&handle));
    must(cudnnSetStream(handle, stream));
    return 0;
}

int finish(void **) {
    must(cudnnDestroy(handle));
    must(cudaStreamDestroy(stream));
    return softgpu_leaks();
}

Array::Array(size_t count_, bool bf16_) : data(nullptr), count(count_), bf16(bf16_) {
    must(cudaMalloc(&data, count * (bf16 ? 2 : 4)));
}

Array::~Array() {
    must(cudaFree(data));
}

void Array::set(const std::vector<float> &values) {
    std::vector<uint16_t> shorter(values.size());
    for (size_t i = 0; i < values.size(); i++) {
        shorter[i] = softgpu_to_bf16(values[i]);
    }
    const void *from = bf16 ? (const void *)shorter.data() : values.data();
    must(cudaMemcpyAsync(data, from, values.size() * (bf16 ? 2 : 4), cudaMemcpyHostToDevice,
                         stream));
    must(cudaStreamSynchronize(stream));
}

std::vector<uint32_t> Array::bits() const {
    std::vector<uint32_t> out(count);
    std::vector<uint16_t> shorter(count);
    void *to = bf16 ? (void *)shorter.data() : out.data();
    must(cudaMemcpyAsync(to, data, count * (bf16 ? 2 : 4), cudaMemcpyDeviceToHost, stream));
    must(cudaStreamSynchronize(stream));
    for (size_t i = 0; bf16 && i < count; i++) {
        out[i] = (uint32_t)shorter[i] << 16;
    }
    return out;
}

std::vector<float> Array::get() const {
    std::vector<float> out;
    for (uint32_t u : bits()) {
        out.push_back(softgpu_float(u));
    }
    return out;
}

std::vector<float> random_values(size_t count, uint64_t seed, bool bf16) {
    std::vector<float> out(count);
    uint64_t state = seed * 2654435761u + 12345;
    for (float &v : out) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        v = (float)(int32_t)(state >> 32) / 2147483648.0f;
        v = bf16 ? softgpu_from_bf16(softgpu_to_bf16(v)) : v;
    }
    return out;
}

void naive(const Shape &z, Way way, const std::vector<float> &a, const std::vector<float> &b,
           std::vector<double> *out, std::vector<double> *size) {
    size_t count = way == FORWARD ? z.y_count() : way == DATA ? z.x_count() : z.w_count();
    out->assign(count, 0.0);
    size->assign(count, 0.0);
    for (int n = 0; n < z.n; n++)
        for (int k = 0; k < z.k; k++)
            for (int p = 0; p < z.p(); p++)
                for (int q = 0; q < z.q(); q++)
                    for (int r = 0; r < z.r; r++)
                        for (int s = 0; s < z.s; s++)
                            for (int c = 0; c < z.c; c++) {
                                int h = p * z.stride - z.pad + r * z.dilation;
                                int v = q * z.stride - z.pad + s * z.dilation;
                                if (h < 0 || h >= z.h || v < 0 || v >= z.w) {
                                    continue;
                                }
                                size_t x = (((size_t)n * z.h + h) * z.w + v) * z.c + c;
                                size_t w = (((size_t)k * z.r + r) * z.s + s) * z.c + c;
                                size_t y = (((size_t)n * z.p() + p) * z.q() + q) * z.k + k;
                                size_t first = way == DATA ? w : x, second = way == FORWARD ? w : y;
                                size_t to = way == FORWARD ? y : way == DATA ? x : w;
                                double product = (double)a[first] * b[second];
                                (*out)[to] += product;
                                (*size)[to] += fabs(product);
                            }
}

Descriptors::~Descriptors() {
    for (cudnnBackendDescriptor_t d : all) {
        must(cudnnBackendDestroyDescriptor(d));
    }
}

cudnnStatus_t set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t count, const void *elements) {
    return cudnnBackendSetAttribute(d, name, type, count, elements);
}

static void give(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                 cudnnBackendAttributeType_t type, int64_t count, const void *elements) {
    must(set(d, name, type, count, elements));
}

cudnnBackendDescriptor_t Descriptors::make(cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t d = nullptr;
    must(cudnnBackendCreateDescriptor(type, &d));
    all.push_back(d);
    return d;
}

cudnnBackendDescriptor_t Descriptors::tensor(int64_t uid, cudnnDataType_t type, int n, int c, int h,
                                             int w) {
    cudnnBackendDescriptor_t d = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    int64_t dim[4] = {n, c, h, w}, stride[4] = {(int64_t)c * h * w, 1, (int64_t)c * w, c};
    int64_t alignment = 16;
    give(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    give(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    give(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    give(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dim);
    give(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride);
    return d;
}

cudnnBackendDescriptor_t Descriptors::convolution(const Shape &z) {
    cudnnBackendDescriptor_t d = make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    int64_t dims = 2, pad[2] = {z.pad, z.pad}, stride[2] = {z.stride, z.stride};
    int64_t dilation[2] = {z.dilation, z.dilation};
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    give(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dims);
    give(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    give(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    give(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    give(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    give(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    give(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    must(cudnnBackendFinalize(d));
    return d;
}

#define GIVE_OPERATION(d, prefix, X, W, Y)                                                         \
    do {                                                                                           \
        give(d, prefix##_CONV_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &conv);                      \
        give(d, prefix##_##X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x);                               \
        give(d, prefix##_##W, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &w);                               \
        give(d, prefix##_##Y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y);                               \
        give(d, prefix##_ALPHA, CUDNN_TYPE_FLOAT, 1, &alpha);                                      \
        give(d, prefix##_BETA, CUDNN_TYPE_FLOAT, 1, &beta);                                        \
    } while (0)

cudnnBackendDescriptor_t Descriptors::operation(Way way, cudnnBackendDescriptor_t conv,
                                                cudnnBackendDescriptor_t x,
                                                cudnnBackendDescriptor_t w,
                                                cudnnBackendDescriptor_t y, float alpha,
                                                float beta) {
    cudnnBackendDescriptor_t d;
    if (way == FORWARD) {
        d = make(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
        GIVE_OPERATION(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD, X, W, Y);
    } else if (way == DATA) {
        d = make(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
        GIVE_OPERATION(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA, DX, W, DY);
    } else {
        d = make(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
        GIVE_OPERATION(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER, X, DW, DY);
    }
    return d;
}

cudnnBackendDescriptor_t Descriptors::graph(cudnnBackendDescriptor_t operation) {
    cudnnBackendDescriptor_t d = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    give(d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation);
    give(d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    must(cudnnBackendFinalize(d));
    return d;
}

cudnnBackendDescriptor_t Descriptors::graph(const Shape &z, Way way, cudnnDataType_t type,
                                            cudnnDataType_t out, float alpha, float beta) {
    cudnnBackendDescriptor_t x = tensor(1, way == DATA ? out : type, z.n, z.c, z.h, z.w);
    cudnnBackendDescriptor_t w = tensor(2, way == FILTER ? out : type, z.k, z.c, z.r, z.s);
    cudnnBackendDescriptor_t y = tensor(3, way == FORWARD ? out : type, z.n, z.k, z.p(), z.q());
    must(cudnnBackendFinalize(x));
    must(cudnnBackendFinalize(w));
    must(cudnnBackendFinalize(y));
    cudnnBackendDescriptor_t op = operation(way, convolution(z), x, w, y, alpha, beta);
    must(cudnnBackendFinalize(op));
    return graph(op);
}

std::vector<cudnnBackendDescriptor_t> Descriptors::list(cudnnBackendDescriptor_t graph_,
                                                        cudnnBackendHeurMode_t mode) {
    cudnnBackendDescriptor_t d = make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    give(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph_);
    give(d, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    must(cudnnBackendFinalize(d));
    int64_t count = 0;
    must(cudnnBackendGetAttribute(d, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                  0, &count, nullptr));
    std::vector<cudnnBackendDescriptor_t> out;
    for (int64_t i = 0; i < count; i++) {
        out.push_back(make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    }
    must(cudnnBackendGetAttribute(d, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                  count, &count, out.data()));
    out.resize((size_t)count);
    return out;
}

cudnnBackendDescriptor_t Descriptors::plan(cudnnBackendDescriptor_t config, cudnnStatus_t *status) {
    cudnnBackendDescriptor_t d = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    give(d, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    give(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
    *status = cudnnBackendFinalize(d);
    return *status == CUDNN_STATUS_SUCCESS ? d : nullptr;
}

cudnnBackendDescriptor_t Descriptors::pack(const std::vector<int64_t> &uids,
                                           const std::vector<void *> &pointers, void *workspace) {
    cudnnBackendDescriptor_t d = make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    give(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, (int64_t)uids.size(),
         uids.data());
    give(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, (int64_t)pointers.size(),
         pointers.data());
    give(d, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    must(cudnnBackendFinalize(d));
    return d;
}

static cudnnBackendDescriptor_t engine_of(Descriptors &d, cudnnBackendDescriptor_t config) {
    cudnnBackendDescriptor_t engine = d.make(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    int64_t count = 0;
    must(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &engine));
    return engine;
}

bool has_note(cudnnBackendDescriptor_t config, cudnnBackendNumericalNote_t note) {
    Descriptors d;
    cudnnBackendNumericalNote_t notes[16];
    int64_t count = 0;
    must(cudnnBackendGetAttribute(engine_of(d, config), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                  CUDNN_TYPE_NUMERICAL_NOTE, 16, &count, notes));
    for (int64_t i = 0; i < count; i++) {
        if (notes[i] == note) {
            return true;
        }
    }
    return false;
}

int64_t engine_index(cudnnBackendDescriptor_t config) {
    Descriptors d;
    int64_t index = -1, count = 0;
    must(cudnnBackendGetAttribute(engine_of(d, config), CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                  CUDNN_TYPE_INT64, 1, &count, &index));
    return index;
}

size_t workspace_size(cudnnBackendDescriptor_t plan) {
    int64_t bytes = -1, count = 0;
    must(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
                                  1, &count, &bytes));
    return (size_t)bytes;
}

cudnnBackendDescriptor_t choose(Descriptors &d, cudnnBackendDescriptor_t graph, Wish wish) {
    for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        for (cudnnBackendDescriptor_t config : d.list(graph, mode)) {
            cudnnStatus_t status;
            if (has_note(config, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) == wish.tensor_core &&
                has_note(config, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) != wish.deterministic) {
                cudnnBackendDescriptor_t plan = d.plan(config, &status);
                if (plan) {
                    return plan;
                }
            }
        }
    }
    return nullptr;
}

bool dies(const std::function<void()> &action, const char *words) {
    int ends[2];
    if (pipe(ends) != 0) {
        abort();
    }
    fflush(nullptr);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        action();
        _exit(0);
    }
    close(ends[1]);
    std::string said;
    char part[512];
    ssize_t got;
    while ((got = read(ends[0], part, sizeof part)) > 0) {
        said.append(part, (size_t)got);
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    if (!aborted || said.find(words) == std::string::npos) {
        fprintf(stderr, "expected to abort with '%s'; %s and said: %s\n", words,
                aborted ? "aborted" : "did not abort", said.c_str());
        return false;
    }
    return true;
}
