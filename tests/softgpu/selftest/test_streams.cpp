/* Streams and events: nothing runs early, what is not ordered is reordered, what is ordered is not.
 */
#include "testing.h"

#include <cmath>
#include <set>

const size_t bytes64 = 64 * sizeof(float);

/* Scratch memory in two streams, with an event between them or without. */
static void share_scratch(bool with_event) {
    float *scratch = new_floats(64);
    cudaStream_t a = new_stream(), b = new_stream();
    cudaEvent_t event = new_event();
    softgpu_enqueue(a, "first", [] {}, {{scratch, 256}});
    CUDA_OK(cudaEventRecord(event, a));
    if (with_event)
        CUDA_OK(cudaStreamWaitEvent(b, event, 0));
    softgpu_enqueue(b, "second", [] {}, {{scratch + 63, 4}});
    CUDA_OK(cudaStreamSynchronize(b));
    CUDA_OK(cudaFree(scratch));
    CUDA_OK(cudaStreamDestroy(a));
    CUDA_OK(cudaStreamDestroy(b));
    CUDA_OK(cudaEventDestroy(event));
}

std::vector<Fault> stream_faults() {
    return {
        {"scratch shared by unordered streams", [] { share_scratch(false); },
         "second: its scratch memory is that of first, and nothing orders the two"},
        {"destroyed stream",
         [] {
             cudaStream_t stream = new_stream();
             cudaStreamDestroy(stream);
             nothing(stream);
         },
         "nothing_kernel: the stream was destroyed"},
        {"destroyed event",
         [] {
             cudaEvent_t event = new_event();
             cudaEventDestroy(event);
             cudaEventRecord(event, new_stream());
         },
         "cudaEventRecord: the event was destroyed"},
        {"default stream", [] { nothing(nullptr); }, "nothing_kernel: the default stream"},
    };
}

static void scratch_may_be_shared_in_order(void **) {
    share_scratch(true);
    float *scratch = new_floats(64);
    cudaStream_t a = new_stream(), b = new_stream();
    softgpu_enqueue(a, "first", [] {}, {{scratch, 256}});
    softgpu_enqueue(a, "same stream", [] {}, {{scratch, 256}});
    softgpu_enqueue(b, "other memory", [] {}, {{scratch + 64, 4}});
    CUDA_OK(cudaStreamSynchronize(a));
    softgpu_enqueue(b, "after the host waited", [] {}, {{scratch, 256}});
    CUDA_OK(cudaFree(scratch));
    CUDA_OK(cudaStreamDestroy(a));
    CUDA_OK(cudaStreamDestroy(b));
}

/* One stream scales, another copies out what it finds. */
static float scaled_or_not(uint64_t seed, bool with_event) {
    softgpu_seed(seed);
    Fixture f(64);
    float *y = new_floats(64);
    cudaStream_t other = new_stream();
    cudaEvent_t event = new_event();
    scale(f.x, 64, 3.0f, f.stream);
    CUDA_OK(cudaEventRecord(event, f.stream));
    if (with_event)
        CUDA_OK(cudaStreamWaitEvent(other, event, 0));
    CUDA_OK(cudaMemcpyAsync(y, f.x, bytes64, cudaMemcpyDeviceToDevice, other));
    CUDA_OK(cudaStreamSynchronize(other));
    float found = f.read(y, 64)[1];
    CUDA_OK(cudaFree(y));
    CUDA_OK(cudaStreamDestroy(other));
    CUDA_OK(cudaEventDestroy(event));
    return found;
}

static void missing_event_shows(void **) {
    std::set<float> without, with;
    for (int seed = 0; seed < seeds; seed++) {
        without.insert(scaled_or_not(seed, false));
        with.insert(scaled_or_not(seed, true));
    }
    assert_true(without == (std::set<float>{1.0f, 3.0f}));
    assert_true(with == (std::set<float>{3.0f}));
}

static void same_seed_same_schedule(void **) {
    for (int seed = 0; seed < seeds; seed++)
        assert_true(scaled_or_not(seed, false) == scaled_or_not(seed, false));
}

static void nothing_runs_before_someone_waits(void **) {
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(64);
        float *p = new_pinned(64);
        CUDA_OK(cudaMemcpyAsync(p, f.x, bytes64, cudaMemcpyDeviceToHost, f.stream));
        assert_true(std::isnan(p[1]));
        CUDA_OK(cudaStreamSynchronize(f.stream));
        assert_true(p[1] == 1.0f);
        CUDA_OK(cudaFreeHost(p));
    }
}

static void waiting_for_one_stream_may_leave_the_other(void **) {
    std::set<bool> ran;
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(64);
        cudaStream_t other = new_stream();
        float *p = new_pinned(64);
        CUDA_OK(cudaMemcpyAsync(p, f.x, bytes64, cudaMemcpyDeviceToHost, other));
        scale(f.x + 32, 32, 2.0f, f.stream);
        CUDA_OK(cudaStreamSynchronize(f.stream));
        ran.insert(p[1] == 1.0f);
        CUDA_OK(cudaStreamSynchronize(other));
        assert_true(p[1] == 1.0f);
        CUDA_OK(cudaFreeHost(p));
        CUDA_OK(cudaStreamDestroy(other));
    }
    assert_int_equal(ran.size(), 2);
}

/* Host memory is read when the copy runs: changed before, it gives other numbers. */
static void host_memory_changed_too_early(float *host) {
    Fixture f(64);
    for (int i = 0; i < 64; i++)
        host[i] = 1.0f;
    CUDA_OK(cudaMemcpyAsync(f.x, host, bytes64, cudaMemcpyHostToDevice, f.stream));
    for (int i = 0; i < 64; i++)
        host[i] = 2.0f;
    CUDA_OK(cudaStreamSynchronize(f.stream));
    assert_true(f.read(f.x, 64)[7] == 2.0f);
}

static void pinned_reused_too_early_shows(void **) {
    float *p = new_pinned(64);
    host_memory_changed_too_early(p);
    CUDA_OK(cudaFreeHost(p));
}

static void pageable_is_read_late(void **) {
    static float host[64];
    host_memory_changed_too_early(host);
}

static void events_tell_when_work_is_done(void **) {
    std::set<int> polls;
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(64);
        cudaEvent_t before = new_event(), after = new_event();
        float ms;
        CUDA_OK(cudaEventQuery(after)); /* never recorded: done */
        CUDA_OK(cudaEventRecord(before, f.stream));
        for (int i = 0; i < 8; i++)
            scale(f.x, 64, 2.0f, f.stream);
        CUDA_OK(cudaEventRecord(after, f.stream));
        assert_int_equal(cudaEventElapsedTime(&ms, before, after), cudaErrorNotReady);
        int n = 0;
        while (cudaEventQuery(after) == cudaErrorNotReady)
            n++;
        polls.insert(n);
        CUDA_OK(cudaEventSynchronize(after));
        CUDA_OK(cudaEventElapsedTime(&ms, before, after));
        assert_true(ms > 0);
        assert_true(f.read(f.x, 64)[1] == 256.0f);
        CUDA_OK(cudaEventDestroy(before));
        CUDA_OK(cudaEventDestroy(after));
    }
    assert_true(polls.size() > 1);
    assert_int_equal(cudaGetLastError(), cudaErrorNotReady); /* it is remembered like an error */
}

static void untimed_event_has_no_time(void **) {
    Fixture f(4);
    cudaEvent_t event;
    float ms;
    CUDA_OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CUDA_OK(cudaEventRecord(event, f.stream));
    CUDA_OK(cudaEventSynchronize(event));
    assert_int_equal(cudaEventElapsedTime(&ms, event, event), cudaErrorInvalidResourceHandle);
    CUDA_OK(cudaEventDestroy(event));
    cudaGetLastError();
}

/* Two streams, events, both kinds of host memory: whatever the order, the same bits. */
static std::vector<float> sound_program(uint64_t seed) {
    softgpu_seed(seed);
    Fixture f(1024);
    cudaStream_t other = new_stream();
    cudaEvent_t forked = new_event(), joined = new_event();
    float *y = new_floats(1024), *out = new_floats(4), *p = new_pinned(4);
    for (int step = 0; step < 3; step++) {
        CUDA_OK(cudaEventRecord(forked, f.stream));
        CUDA_OK(cudaStreamWaitEvent(other, forked, 0));
        CUDA_OK(cudaMemcpyAsync(y, f.x, 4096, cudaMemcpyDeviceToDevice, other));
        reverse_blocks(y, 16, other);
        CUDA_OK(cudaEventRecord(joined, other));
        sum_blocks(out, f.x, 4, f.stream);
        CUDA_OK(cudaStreamWaitEvent(f.stream, joined, 0));
        scale(f.x, 1024, 0.3f, f.stream);
        add(f.x, y, 1024, f.stream);
    }
    CUDA_OK(cudaMemcpyAsync(p, out, 16, cudaMemcpyDeviceToHost, f.stream));
    std::vector<float> all = f.read(f.x, 1024);
    all.insert(all.end(), p, p + 4);
    CUDA_OK(cudaFree(y));
    CUDA_OK(cudaFree(out));
    CUDA_OK(cudaFreeHost(p));
    CUDA_OK(cudaStreamDestroy(other));
    CUDA_OK(cudaEventDestroy(forked));
    CUDA_OK(cudaEventDestroy(joined));
    return all;
}

static void sound_program_gives_the_same_bits(void **) {
    std::vector<float> first = sound_program(0);
    assert_false(std::isnan(first[3]));
    for (int seed = 1; seed < seeds; seed++)
        assert_true(sound_program(seed) == first);
}

/* The second call of a kind fails, the first and third do not. */
static void fails_at_second(const char *kind, cudaError_t error, cudaError_t (*call)()) {
    softgpu_fail(kind, 2);
    CUDA_OK(call());
    assert_string_equal(cudaGetErrorName(call()), cudaGetErrorName(error));
    assert_int_equal(cudaGetLastError(), error);
    CUDA_OK(call());
    assert_int_equal(softgpu_calls(kind), 3);
    softgpu_fail(kind, 0);
    assert_int_equal(softgpu_calls(kind), 0);
}

static cudaError_t try_alloc() {
    void *p;
    cudaError_t error = cudaMalloc(&p, 4);
    return error ? error : cudaFree(p);
}

static cudaError_t try_host_alloc() {
    void *p;
    cudaError_t error = cudaHostAlloc(&p, 4, 0);
    return error ? error : cudaFreeHost(p);
}

static cudaError_t try_stream() {
    cudaStream_t stream;
    cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    return error ? error : cudaStreamDestroy(stream);
}

static cudaError_t try_event() {
    cudaEvent_t event;
    cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventDefault);
    return error ? error : cudaEventDestroy(event);
}

static Fixture *fixture; /* for what follows */

static cudaError_t try_memcpy() {
    return cudaMemsetAsync(fixture->x, 0, 4, fixture->stream);
}

static cudaError_t try_sync() {
    return cudaStreamSynchronize(fixture->stream);
}

static cudaError_t try_device() {
    int n;
    return cudaGetDeviceCount(&n);
}

static void each_kind_of_call_can_fail(void **) {
    Fixture f(4);
    fixture = &f;
    fails_at_second("alloc", cudaErrorMemoryAllocation, try_alloc);
    fails_at_second("host_alloc", cudaErrorMemoryAllocation, try_host_alloc);
    fails_at_second("stream", cudaErrorMemoryAllocation, try_stream);
    fails_at_second("event", cudaErrorMemoryAllocation, try_event);
    fails_at_second("memcpy", cudaErrorIllegalAddress, try_memcpy);
    fails_at_second("sync", cudaErrorIllegalAddress, try_sync);
    fails_at_second("device", cudaErrorInsufficientDriver, try_device);
}

/* What waited when the device failed must not run later, into memory that is gone. */
static void nothing_runs_after_a_failed_wait(void **) {
    Fixture f(64);
    float *p = new_pinned(64);
    CUDA_OK(cudaMemcpyAsync(p, f.x, bytes64, cudaMemcpyDeviceToHost, f.stream));
    softgpu_fail("sync", 1);
    assert_int_equal(cudaStreamSynchronize(f.stream), cudaErrorIllegalAddress);
    softgpu_fail("sync", 0);
    CUDA_OK(cudaStreamSynchronize(f.stream));
    assert_true(std::isnan(p[1]));
    CUDA_OK(cudaFreeHost(p));
    cudaGetLastError();
}

std::vector<CMUnitTest> stream_tests() {
    return {cmocka_unit_test(scratch_may_be_shared_in_order),
            cmocka_unit_test(missing_event_shows),
            cmocka_unit_test(same_seed_same_schedule),
            cmocka_unit_test(nothing_runs_before_someone_waits),
            cmocka_unit_test(waiting_for_one_stream_may_leave_the_other),
            cmocka_unit_test(pinned_reused_too_early_shows),
            cmocka_unit_test(pageable_is_read_late),
            cmocka_unit_test(events_tell_when_work_is_done),
            cmocka_unit_test(untimed_event_has_no_time),
            cmocka_unit_test(sound_program_gives_the_same_bits),
            cmocka_unit_test(each_kind_of_call_can_fail),
            cmocka_unit_test(nothing_runs_after_a_failed_wait)};
}
