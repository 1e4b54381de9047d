/* The software GPU's matrix product against a naive loop, and what it says of wrong calls. */
#include <cmath>

#include "cmocka_cpp.h"
#include "cublas_v2.h"
#include "dnn_case.h"

static cublasHandle_t blas;
static Array *workspace;

static void must(cublasStatus_t status) {
    if (status != CUBLAS_STATUS_SUCCESS) {
        fail_msg("%s", cublasGetStatusString(status));
    }
}

static size_t workspace_bytes() {
    return workspace->count * 4;
}

/* C = alpha op(A) op(B) + beta C with leading dimensions larger than need be. */
struct Product {
    int m, n, k;
    bool ta, tb, bf16, bf16_out;
    int lda, ldb, ldc;
    Array a, b, c;
    std::vector<float> av, bv, cv;

    Product(int m_, int n_, int k_, bool ta_, bool tb_, bool bf16_, bool bf16_out_)
        : m(m_), n(n_), k(k_), ta(ta_), tb(tb_), bf16(bf16_), bf16_out(bf16_out_),
          lda((ta ? k : m) + 3), ldb((tb ? n : k) + 2), ldc(m + 1),
          a((size_t)lda * (ta ? m : k), bf16), b((size_t)ldb * (tb ? k : n), bf16),
          c((size_t)ldc * n, bf16_out), av(random_values(a.count, 4, bf16)),
          bv(random_values(b.count, 5, bf16)), cv(random_values(c.count, 6, bf16_out)) {
        a.set(av);
        b.set(bv);
        c.set(cv);
    }

    cublasStatus_t run(float alpha, float beta, cublasComputeType_t compute) {
        cudaDataType in = bf16 ? CUDA_R_16BF : CUDA_R_32F,
                     out = bf16_out ? CUDA_R_16BF : CUDA_R_32F;
        cublasStatus_t status =
            cublasGemmEx(blas, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, m, n,
                         k, &alpha, a.data, in, lda, b.data, in, ldb, &beta, c.data, out, ldc,
                         compute, CUBLAS_GEMM_DEFAULT);
        must(cudaStreamSynchronize(stream));
        return status;
    }

    /* eps: what rounding the inputs may add. */
    void check(float alpha, float beta, double eps) {
        std::vector<float> got = c.get();
        for (int j = 0; j < n; j++) {
            for (int i = 0; i < ldc; i++) {
                size_t at = (size_t)j * ldc + i;
                if (i >= m) { /* between the columns nothing may change */
                    assert_true(got[at] == cv[at]);
                    continue;
                }
                double sum = 0, size = 0;
                for (int l = 0; l < k; l++) {
                    double product = (double)av[ta ? (size_t)i * lda + l : (size_t)l * lda + i] *
                                     bv[tb ? (size_t)l * ldb + j : (size_t)j * ldb + l];
                    sum += product;
                    size += fabs(product);
                }
                double old = beta == 0 ? 0 : (double)beta * cv[at], want = alpha * sum + old;
                double allowed = (eps + ldexp(k + 4, -24)) * (fabs(alpha) * size + fabs(old)) +
                                 (bf16_out ? ldexp(fabs(want), -8) : 0) + 1e-30;
                assert_true(fabs(got[at] - want) <= allowed);
            }
        }
    }
};

static void test_results(void **) {
    for (int types = 0; types < 3; types++) {
        for (int transposed = 0; transposed < 4; transposed++) {
            for (int beta = 0; beta < 2; beta++) {
                Product p(7, 5, 11, transposed & 1, transposed & 2, types > 0, types == 2);
                must(p.run(1.5f, (float)beta, CUBLAS_COMPUTE_32F));
                p.check(1.5f, (float)beta, 0);
            }
        }
    }
    Product empty(7, 5, 0, false, false, false, false);
    must(empty.run(1, 0.5f, CUBLAS_COMPUTE_32F_PEDANTIC));
    empty.check(1, 0.5f, 0);
}

static void test_tf32(void **) {
    Product p(7, 5, 64, false, true, false, false);
    must(p.run(1, 0, CUBLAS_COMPUTE_32F_FAST_TF32));
    p.check(1, 0, 2 * ldexp(1, -11));
    std::vector<uint32_t> rounded = p.c.bits();
    must(p.run(1, 0, CUBLAS_COMPUTE_32F_PEDANTIC));
    p.check(1, 0, 0);
    assert_true(rounded != p.c.bits());
}

/* C is not read when beta is 0: it may hold NaN. */
static void test_beta_zero(void **) {
    Product p(3, 2, 4, false, false, false, false);
    std::vector<float> poison(p.c.count, NAN);
    p.c.set(poison);
    must(p.run(1, 0, CUBLAS_COMPUTE_32F));
    assert_true(std::isfinite(p.c.get()[0]));
}

static void test_arguments(void **) {
    Product p(7, 5, 11, false, false, false, false);
    for (int *leading : {&p.lda, &p.ldb, &p.ldc}) {
        int right = *leading;
        *leading = leading == &p.ldb ? p.k - 1 : p.m - 1;
        assert_int_equal(p.run(1, 0, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_INVALID_VALUE);
        *leading = right;
    }
    p.m = -1;
    assert_int_equal(p.run(1, 0, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_INVALID_VALUE);
    Product shorter(7, 5, 11, false, false, true, false);
    assert_int_equal(shorter.run(1, 0, CUBLAS_COMPUTE_32F_FAST_TF32), CUBLAS_STATUS_NOT_SUPPORTED);
    Product mixed(7, 5, 11, false, false, false, true);
    assert_int_equal(mixed.run(1, 0, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_NOT_SUPPORTED);
    int value = -1;
    must(cublasGetProperty(MAJOR_VERSION, &value));
    assert_true(value >= 12);
}

static void test_transposed_leading_dimension(void **) {
    Product p(7, 5, 11, true, true, false, false);
    p.lda = 10; /* would do for A, but not for its transpose */
    assert_int_equal(p.run(1, 0, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_INVALID_VALUE);
}

static void gemm(const void *a, const void *b, void *c) {
    float one = 1, zero = 0;
    must(cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, a, CUDA_R_32F, 4, b,
                      CUDA_R_32F, 4, &zero, c, CUDA_R_32F, 4, CUBLAS_COMPUTE_32F,
                      CUBLAS_GEMM_DEFAULT));
}

static void test_memory(void **) {
    Array a(16), b(16), c(16), small(15);
    float host[16] = {0};
    void *end = (char *)workspace->data + workspace_bytes() - 64;
    assert_true(dies([&] { gemm(host, b.data, c.data); }, "A, 64 bytes"));
    assert_true(dies([&] { gemm(a.data, small.data, c.data); }, "B, 64 bytes"));
    assert_true(dies([&] { gemm(a.data, b.data, small.data); }, "C, 64 bytes"));
    assert_true(dies([&] { gemm(a.data, b.data, a.data); }, "C overlaps"));
    assert_true(dies([&] { gemm(a.data, b.data, b.data); }, "C overlaps"));
    assert_true(dies([&] { gemm(a.data, b.data, end); }, "the workspace overlaps"));
    assert_true(dies([&] { gemm((char *)a.data + 2, b.data, c.data); }, "misaligned"));
    gemm(a.data, a.data, c.data); /* A and B may be the same */
    must(cudaStreamSynchronize(stream));
}

static void test_workspace(void **) {
    Array a(16), b(16), c(16);
    assert_int_equal(cublasSetWorkspace(blas, (char *)workspace->data + 16, 256),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(cublasSetWorkspace(blas, workspace->data, workspace_bytes() + 1),
                     CUBLAS_STATUS_INVALID_VALUE);
    /* cublasSetStream drops the workspace: in capture that is a product without one */
    auto captured = [&] {
        must(cublasSetStream(blas, stream));
        must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        gemm(a.data, b.data, c.data);
    };
    assert_true(dies(captured, "no workspace"));
}

static void on_two_streams(Array *second, bool ordered) {
    Array a(16), b(16), c(16), d(16);
    cudaStream_t other = nullptr;
    cudaEvent_t event = nullptr;
    must(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    must(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    gemm(a.data, b.data, c.data);
    must(cudaEventRecord(event, stream));
    if (ordered) {
        must(cudaStreamWaitEvent(other, event, 0));
    }
    must(cublasSetStream(blas, other));
    must(cublasSetWorkspace(blas, second->data, second->count * 4));
    gemm(a.data, b.data, d.data);
    must(cudaStreamSynchronize(stream));
    must(cudaStreamSynchronize(other));
    must(cublasSetStream(blas, stream));
    must(cublasSetWorkspace(blas, workspace->data, workspace_bytes()));
    must(cudaEventDestroy(event));
    must(cudaStreamDestroy(other));
}

static void test_shared_workspace(void **) {
    Array another(1024);
    assert_true(
        dies([] { on_two_streams(workspace, false); }, "scratch memory is that of cublas:gemm"));
    on_two_streams(&another, false);
    on_two_streams(workspace, true);
}

static void test_handles(void **) {
    cublasHandle_t second = nullptr;
    int before = softgpu_leaks();
    must(cublasCreate(&second));
    assert_int_equal(softgpu_leaks(), before + 1);
    must(cublasDestroy(second));
    assert_int_equal(softgpu_leaks(), before);
    assert_true(dies([&] { cublasSetStream(second, stream); }, "was destroyed"));
    softgpu_fail("cublas_create", 1);
    assert_int_equal(cublasCreate(&second), CUBLAS_STATUS_NOT_INITIALIZED);
    Product p(3, 2, 4, false, false, false, false);
    softgpu_fail("gemm", 1);
    assert_int_equal(p.run(1, 0, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_EXECUTION_FAILED);
    must(p.run(1, 0, CUBLAS_COMPUTE_32F));
}

static int open(void **state) {
    start(state);
    must(cublasCreate(&blas));
    must(cublasSetStream(blas, stream));
    workspace = new Array(1024);
    must(cublasSetWorkspace(blas, workspace->data, workspace_bytes()));
    return 0;
}

static int close(void **state) {
    must(cublasDestroy(blas));
    delete workspace;
    return finish(state);
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_tf32),
        cmocka_unit_test(test_beta_zero),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_transposed_leading_dimension),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_shared_workspace),
        cmocka_unit_test(test_handles),
    };
    return cmocka_run_group_tests(tests, open, close);
}
