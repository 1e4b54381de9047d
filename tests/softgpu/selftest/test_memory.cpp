/* Memory: what is touched that must not be, what is fresh, what is left over. */
#include "testing.h"

#include <cmath>
#include <cstring>

/* 64 floats fill the granule of 256 bytes, so that one more is behind the guard; 60 do not. */
static void scale_beyond(int n) {
    Fixture f(n);
    scale_one_beyond(f.x, n, f.stream);
    cudaStreamSynchronize(f.stream);
}

static void use_after_free() {
    Fixture f(64), other(64);
    scale(f.x, 64, 2.0f, f.stream);
    cudaStreamSynchronize(f.stream);
    cudaStreamBeginCapture(f.stream, cudaStreamCaptureModeGlobal);
    scale(f.x, 64, 2.0f, f.stream);
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaStreamEndCapture(f.stream, &graph);
    cudaGraphInstantiateWithFlags(&exec, graph, 0);
    cudaFree(f.x);
    cudaGraphLaunch(exec, f.stream);
    cudaStreamSynchronize(f.stream);
}

static void host_reads() {
    Fixture f(64);
    volatile float *x = f.x;
    volatile float v = x[3];
    (void)v;
}

static void host_writes_beside_pinned() {
    Fixture f(64);
    float *p = new_pinned(60);
    ((volatile float *)p)[60] = 1.0f;
    cudaMemcpyAsync(f.x, p, 60 * sizeof(float), cudaMemcpyHostToDevice, f.stream);
    cudaStreamSynchronize(f.stream);
}

static void copy_to_freed() {
    Fixture f(64);
    float host[64] = {};
    float *x = new_floats(64);
    cudaFree(x);
    cudaMemcpyAsync(x, host, sizeof host, cudaMemcpyHostToDevice, f.stream);
}

static void copy(int to_device, int from_device, cudaMemcpyKind kind, size_t bytes) {
    Fixture f(64);
    static float host[2][64];
    float *other = new_floats(64);
    cudaMemcpyAsync(to_device ? f.x : host[0], from_device ? other : host[1], bytes, kind,
                    f.stream);
}

static void free_pinned_in_use() {
    Fixture f(64);
    float *p = new_pinned(64);
    cudaMemcpyAsync(p, f.x, 64 * sizeof(float), cudaMemcpyDeviceToHost, f.stream);
    cudaFreeHost(p);
}

std::vector<Fault> memory_faults() {
    return {
        {"one element beyond, at the guard", [] { scale_beyond(64); },
         "past the end of an allocation of 256 bytes"},
        {"one element beyond, by whom", [] { scale_beyond(64); }, "scale_kernel: touches address"},
        {"one element beyond, in the canary", [] { scale_beyond(60); },
         "scale_kernel: wrote past the end of an allocation of 240 bytes"},
        {"before the start",
         [] {
             Fixture f(64);
             read_one_before(f.x, f.stream);
             cudaStreamSynchronize(f.stream);
         },
         "before the start of an allocation of 256 bytes"},
        {"use after free", use_after_free, "scale_kernel: touches address"},
        {"use after free, why", use_after_free, "freed memory (256 bytes)"},
        {"host reads device memory", host_reads, "the host: touches address"},
        {"host reads device memory, why", host_reads, "host access to device memory"},
        {"host writes beside pinned memory", host_writes_beside_pinned,
         "wrote past the end of an allocation of 240 bytes (pinned memory"},
        {"memcpy of the host from the device",
         [] {
             Fixture f(64);
             float host[64];
             memcpy(host, f.x, sizeof host);
             scale(f.x, (int)host[1], 1.0f, f.stream);
         },
         "host access to device memory"},
        {"freed twice",
         [] {
             float *x = new_floats(4);
             cudaFree(x);
             cudaFree(x);
         },
         "was freed already"},
        {"free of what was not allocated",
         [] {
             float *x = new_floats(4);
             cudaFree(x + 1);
         },
         "was not allocated"},
        {"cudaFree of pinned memory", [] { cudaFree(new_pinned(4)); }, "was not allocated"},
        {"pinned memory freed while a copy uses it", free_pinned_in_use,
         "freed while a copy that was enqueued still uses them"},
        {"copy to freed memory", copy_to_freed, "lies in no allocation"},
        {"copy in the wrong direction", [] { copy(1, 0, cudaMemcpyDeviceToHost, 256); },
         "is to be on the host"},
        {"copy to the host named as to the device", [] { copy(0, 1, cudaMemcpyHostToDevice, 256); },
         "is to be on the device"},
        {"copy from the host named as from the device",
         [] { copy(1, 0, cudaMemcpyDeviceToDevice, 256); }, "the source"},
        {"copy beyond the allocation", [] { copy(1, 0, cudaMemcpyHostToDevice, 257); },
         "is to be on the device, but lies in no allocation there, or leaves it"},
        {"memset beyond the allocation",
         [] {
             Fixture f(60);
             cudaMemsetAsync(f.x, 0, 241, f.stream);
         },
         "cudaMemsetAsync: 241 bytes"},
        {"pageable memory given to a kernel",
         [] {
             static float host[64];
             scale(host, 64, 1.0f, new_stream());
         },
         "scale_kernel: pointer argument 1"},
    };
}

static void fresh_memory_is_nan(void **) {
    Fixture f(16);
    float *y = new_floats(16);
    for (float v : f.read(y, 16))
        assert_true(std::isnan(v));
    add(f.x, y, 16, f.stream);
    for (float v : f.read(f.x, 16))
        assert_true(std::isnan(v));
    cudaFree(y);
}

static void canary_is_nan_in_float_and_bf16(void **) {
    const unsigned char bytes[4] = {0xA5, 0x7F, 0xA5, 0x7F};
    float f;
    memcpy(&f, bytes, sizeof f);
    uint32_t upper = 0x7FA5u << 16;
    float g;
    memcpy(&g, &upper, sizeof g);
    assert_true(std::isnan(f) && std::isnan(g));
}

static void card_has_an_end(void **) {
    size_t free_bytes, total, left;
    void *p, *q = &p;
    CUDA_OK(cudaMemGetInfo(&free_bytes, &total));
    assert_int_equal(free_bytes, total);
    assert_int_equal(cudaMalloc(&q, total + 1), cudaErrorMemoryAllocation);
    assert_null(q);
    assert_int_equal(cudaGetLastError(), cudaErrorMemoryAllocation);
    CUDA_OK(cudaMalloc(&p, 1000));
    CUDA_OK(cudaMemGetInfo(&left, &total));
    assert_int_equal(free_bytes - left, 1024);
    assert_int_equal(cudaMalloc(&q, left + 1), cudaErrorMemoryAllocation);
    CUDA_OK(cudaFree(p));
    CUDA_OK(cudaMemGetInfo(&left, &total));
    assert_int_equal(left, free_bytes);
    assert_int_equal(cudaGetLastError(), cudaErrorMemoryAllocation);
}

static void allocations_are_aligned_and_known(void **) {
    for (int n : {1, 3, 64, 65, 1000, 5000}) {
        float *x = new_floats(n);
        assert_int_equal((uintptr_t)x % 256, 0);
        assert_true(softgpu_on_device(x, n * sizeof(float)));
        assert_true(softgpu_on_device(x + n / 2, 4));
        assert_false(softgpu_on_device(x, n * sizeof(float) + 1));
        assert_false(softgpu_on_device(x - 1, 4));
        CUDA_OK(cudaFree(x));
        assert_false(softgpu_on_device(x, 4));
    }
    float *p = new_pinned(4);
    assert_false(softgpu_on_device(p, 4));
    CUDA_OK(cudaFreeHost(p));
    CUDA_OK(cudaFree(nullptr));
    CUDA_OK(cudaFreeHost(nullptr));
}

static void free_waits_for_the_work(void **) {
    Fixture f(64);
    float *p = new_pinned(64), *y = new_floats(64);
    CUDA_OK(cudaMemcpyAsync(y, f.x, 256, cudaMemcpyDeviceToDevice, f.stream));
    scale(y, 64, 3.0f, f.stream);
    CUDA_OK(cudaMemcpyAsync(p, y, 256, cudaMemcpyDeviceToHost, f.stream));
    assert_true(std::isnan(p[5])); /* nothing has run */
    CUDA_OK(cudaFree(y));
    assert_true(p[5] == 15.0f);
    CUDA_OK(cudaFreeHost(p));
}

static void leaks_are_counted(void **) {
    assert_int_equal(softgpu_leaks(), 0);
    float *x = new_floats(3), *p = new_pinned(4);
    cudaStream_t stream = new_stream();
    cudaEvent_t event = new_event();
    assert_int_equal(softgpu_leaks(), 4);
    softgpu_count("descriptors", 2);
    assert_int_equal(softgpu_leaks(), 6);
    softgpu_count("descriptors", -2);
    CUDA_OK(cudaFree(x));
    CUDA_OK(cudaFreeHost(p));
    CUDA_OK(cudaStreamDestroy(stream));
    assert_int_equal(softgpu_leaks(), 1);
    CUDA_OK(cudaEventDestroy(event));
    assert_int_equal(softgpu_leaks(), 0);
}

static void device_describes_itself(void **) {
    int count, value;
    CUDA_OK(cudaGetDeviceCount(&count));
    assert_int_equal(count, 1);
    softgpu_fail("device", 1);
    assert_int_equal(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
    assert_int_equal(count, 0);
    softgpu_fail("device", 0);
    CUDA_OK(cudaSetDevice(0));
    assert_int_equal(cudaSetDevice(1), cudaErrorInvalidDevice);
    softgpu_capability(7, 5);
    CUDA_OK(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0));
    assert_int_equal(value, 7);
    CUDA_OK(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMinor, 0));
    assert_int_equal(value, 5);
    softgpu_capability(9, 0);
    cudaDeviceProp properties;
    CUDA_OK(cudaGetDeviceProperties(&properties, 0));
    assert_string_equal(properties.name, "software GPU");
    assert_string_equal(cudaGetErrorName(cudaErrorNoDevice), "cudaErrorNoDevice");
    assert_non_null(strstr(cudaGetErrorString(cudaErrorInsufficientDriver), "driver"));
    cudaGetLastError();
}

std::vector<CMUnitTest> memory_tests() {
    return {cmocka_unit_test(fresh_memory_is_nan),
            cmocka_unit_test(canary_is_nan_in_float_and_bf16),
            cmocka_unit_test(card_has_an_end),
            cmocka_unit_test(allocations_are_aligned_and_known),
            cmocka_unit_test(free_waits_for_the_work),
            cmocka_unit_test(leaks_are_counted),
            cmocka_unit_test(device_describes_itself)};
}
