/* cuBLAS: handles, and the general matrix product over column-major matrices. */
#include "cublas_v2.h"

#include <memory>
#include <mutex>
#include <unordered_map>

#include "bf16.h"
#include "softgpu.h"

struct cublasContext {
    cudaStream_t stream;
    void *workspace;
    size_t bytes;
    bool destroyed;
};

namespace {

std::mutex mutex;
/* Destroyed ones stay, so that a later use is recognised. */
std::unordered_map<const void *, std::unique_ptr<cublasContext>> handles;

cublasContext &live(cublasHandle_t handle, const char *call) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = handles.find(handle);
    if (found == handles.end()) {
        softgpu_die("%s: %p is no cuBLAS handle", call, (void *)handle);
    }
    if (found->second->destroyed) {
        softgpu_die("%s: the cuBLAS handle %p was destroyed", call, (void *)handle);
    }
    return *found->second;
}

/* rows x columns as they lie in memory, `stride` elements from one column to the next. */
struct Matrix {
    const void *data;
    cudaDataType type;
    int64_t rows, columns, stride;
    bool transposed;

    size_t element() const {
        return type == CUDA_R_32F ? 4 : 2;
    }
    size_t bytes() const {
        return (size_t)((columns - 1) * stride + rows) * element();
    }
    float at(int64_t row, int64_t column) const {
        int64_t i = transposed ? row * stride + column : column * stride + row;
        return type == CUDA_R_32F ? ((const float *)data)[i]
                                  : softgpu_from_bf16(((const uint16_t *)data)[i]);
    }
};

struct Gemm {
    int64_t m, n, k;
    Matrix a, b, c;
    void *out;
    float alpha, beta;
    bool tf32;
};

/* op(M) as fp32, row by row (its columns when `by_column`). */
std::vector<float> unpack(const Matrix &matrix, int64_t rows, int64_t columns, bool by_column,
                          bool tf32) {
    std::vector<float> out((size_t)(rows * columns));
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            float v = matrix.at(i, j);
            out[(size_t)(by_column ? j * rows + i : i * columns + j)] = tf32 ? softgpu_tf32(v) : v;
        }
    }
    return out;
}

void run(const Gemm &g) {
    std::vector<float> a, b;
    if (g.k > 0) {
        a = unpack(g.a, g.m, g.k, false, g.tf32);
        b = unpack(g.b, g.k, g.n, true, g.tf32);
    }
    for (int64_t j = 0; j < g.n; j++) {
        for (int64_t i = 0; i < g.m; i++) {
            double sum = 0;
            for (int64_t l = 0; l < g.k; l++) {
                sum += (double)a[(size_t)(i * g.k + l)] * b[(size_t)(j * g.k + l)];
            }
            float v = g.alpha * (float)sum;
            if (g.beta != 0) {
                v += g.beta * g.c.at(i, j);
            }
            int64_t place = j * g.c.stride + i;
            if (g.c.type == CUDA_R_32F) {
                ((float *)g.out)[place] = v;
            } else {
                ((uint16_t *)g.out)[place] = softgpu_to_bf16(v);
            }
        }
    }
}

bool overlap(const void *p, size_t p_bytes, const void *q, size_t q_bytes) {
    return (uintptr_t)p < (uintptr_t)q + q_bytes && (uintptr_t)q < (uintptr_t)p + p_bytes;
}

/* Which combinations of types exist: all fp32, or bf16 A and B with either C. */
bool supported(cudaDataType a, cudaDataType b, cudaDataType c, cublasComputeType_t compute) {
    if (a == CUDA_R_32F && b == CUDA_R_32F && c == CUDA_R_32F) {
        return compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC ||
               compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    }
    return a == CUDA_R_16BF && b == CUDA_R_16BF && (c == CUDA_R_16BF || c == CUDA_R_32F) &&
           (compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC);
}

/* A matrix that the product touches must lie in one device allocation: else the card faults. */
void check_device(const char *name, const Matrix &matrix) {
    if ((uintptr_t)matrix.data % matrix.element() != 0) {
        softgpu_die("cublasGemmEx: %s at %p is misaligned", name, matrix.data);
    }
    if (!softgpu_on_device(matrix.data, matrix.bytes())) {
        softgpu_die("cublasGemmEx: %s, %zu bytes at %p, does not lie in one device allocation",
                    name, matrix.bytes(), matrix.data);
    }
}

void check_memory(const Gemm &g, const cublasContext &context) {
    check_device("C", g.c);
    if (g.k > 0) {
        check_device("A", g.a);
        check_device("B", g.b);
        if (overlap(g.a.data, g.a.bytes(), g.c.data, g.c.bytes()) ||
            overlap(g.b.data, g.b.bytes(), g.c.data, g.c.bytes())) {
            softgpu_die("cublasGemmEx: C overlaps A or B");
        }
    }
    if (!context.workspace) {
        softgpu_die("cublasGemmEx: no workspace: none was set, or cublasSetStream dropped it; "
                    "streams would share one, and a captured graph would allocate one");
    }
    if (!softgpu_on_device(context.workspace, context.bytes)) {
        softgpu_die("cublasGemmEx: the workspace does not lie in one device allocation");
    }
    for (const Matrix *matrix : {&g.a, &g.b, &g.c}) {
        if ((g.k > 0 || matrix == &g.c) &&
            overlap(context.workspace, context.bytes, matrix->data, matrix->bytes())) {
            softgpu_die("cublasGemmEx: the workspace overlaps a matrix");
        }
    }
}

} // namespace

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
    if (!handle) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    int count = 0;
    if (softgpu_fails("cublas_create") || cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    auto made = std::make_unique<cublasContext>(cublasContext{nullptr, nullptr, 0, false});
    *handle = made.get();
    std::lock_guard<std::mutex> lock(mutex);
    handles[*handle] = std::move(made);
    softgpu_count("cuBLAS handle", 1);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    live(handle, "cublasDestroy").destroyed = true;
    softgpu_count("cuBLAS handle", -1);
    return CUBLAS_STATUS_SUCCESS;
}

/* Drops the workspace, as cuBLAS documents. */
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    cublasContext &context = live(handle, "cublasSetStream");
    context.stream = stream;
    context.workspace = nullptr;
    context.bytes = 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t bytes) {
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    cublasContext &context = live(handle, "cublasSetWorkspace");
    if (bytes == 0) {
        workspace = nullptr;
    }
    if ((uintptr_t)workspace % 256 != 0 || (bytes > 0 && !softgpu_on_device(workspace, bytes))) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    context.workspace = workspace;
    context.bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetProperty(libraryPropertyType type, int *value) {
    if (!value || type < MAJOR_VERSION || type > PATCH_LEVEL) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *value = type == MAJOR_VERSION ? 13 : 0;
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status) {
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
        return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
        return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
        return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR:
        return "CUBLAS_STATUS_LICENSE_ERROR";
    }
    return "an unknown cuBLAS status";
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa,
                            cublasOperation_t transb, int m, int n, int k, const void *alpha,
                            const void *A, cudaDataType Atype, int lda, const void *B,
                            cudaDataType Btype, int ldb, const void *beta, void *C,
                            cudaDataType Ctype, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algo) {
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    const cublasContext &context = live(handle, "cublasGemmEx");
    bool at = transa == CUBLAS_OP_T, bt = transb == CUBLAS_OP_T;
    if ((transa != CUBLAS_OP_N && !at) || (transb != CUBLAS_OP_N && !bt) || m < 0 || n < 0 ||
        k < 0 || !alpha || !beta ||
        (algo != CUBLAS_GEMM_DEFAULT && algo != CUBLAS_GEMM_DEFAULT_TENSOR_OP)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    int a_rows = at ? k : m, b_rows = bt ? n : k;
    if (lda < (a_rows > 1 ? a_rows : 1) || ldb < (b_rows > 1 ? b_rows : 1) ||
        ldc < (m > 1 ? m : 1)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (!supported(Atype, Btype, Ctype, compute)) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    if (softgpu_fails("gemm")) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (m == 0 || n == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    if (softgpu_on_device(alpha, 4) || softgpu_on_device(beta, 4)) {
        softgpu_die("cublasGemmEx: alpha and beta are read on the host, and point to the device");
    }
    Gemm g = {m,
              n,
              k,
              {A, Atype, a_rows, at ? m : k, lda, at},
              {B, Btype, b_rows, bt ? k : n, ldb, bt},
              {C, Ctype, m, n, ldc, false},
              C,
              *(const float *)alpha,
              *(const float *)beta,
              compute == CUBLAS_COMPUTE_32F_FAST_TF32};
    check_memory(g, context);
    cudaError_t error = softgpu_enqueue(context.stream, "cublas:gemm", [g] { run(g); },
                                        {{context.workspace, context.bytes}});
    return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
