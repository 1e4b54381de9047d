/* Kernels: order, barriers, warps, shared memory, limits. */
#include "testing.h"

#include <algorithm>
#include <cmath>
#include <set>

static void run(void (*launch)(cudaStream_t)) {
    Fixture f(64);
    launch(f.stream);
    cudaStreamSynchronize(f.stream);
}

static void run(void (*launch)(float *, cudaStream_t)) {
    Fixture f(64);
    launch(f.x, f.stream);
    cudaStreamSynchronize(f.stream);
}

std::vector<Fault> kernel_faults() {
    return {
        {"barrier not reached by all", [] { run(barrier_not_reached_by_all); },
         "not_all_kernel: block (0,0,0)"},
        {"barrier not reached by all, why", [] { run(barrier_not_reached_by_all); },
         "not reached by all threads of the block"},
        {"barrier after a thread returned", [] { run(barrier_after_return); },
         "not reached by all threads of the block"},
        {"barriers of two places", [] { run(barriers_of_two_places); },
         "divergent __syncthreads()"},
        {"lane has returned", [] { run(lane_returned); }, "lane 5 is absent: it has returned"},
        {"lane waits at a barrier", [] { run(lane_at_barrier); },
         "is absent: it waits at a barrier"},
        {"lane not in the block", [] { run(lane_not_in_block); },
         "lane 16 is absent: the block ends before it"},
        {"lanes in two primitives", [] { run(lanes_in_two_primitives); }, "differing primitives"},
        {"lane not in its own mask", [] { run(lane_not_in_own_mask); }, "lacks the lane itself"},
        {"shuffle from outside the mask", [] { run(shuffle_from_outside_mask); },
         "which is not in the mask"},
        {"shared array, one beyond", [] { run(shared_one_beyond); },
         "past the end of the shared array s of 132 bytes"},
        {"shared array, one before", [] { run(shared_one_before); },
         "shared_before_kernel: wrote before the start of the shared array s"},
        {"shared memory beyond 48 KiB", [] { run(shared_too_large); },
         "too_large_kernel: block (0,0,0) thread"},
        {"shared memory beyond 48 KiB, why", [] { run(shared_too_large); },
         "49156 bytes of shared memory, at most 49152"},
        {"misaligned vector", [] { run(misaligned_vector); }, "misaligned_kernel: block (0,0,0)"},
        {"misaligned vector, why", [] { run(misaligned_vector); }, "is not a multiple of 16"},
        {"stack overflow", [] { run(stack_overflow); }, "a thread's stack overflows"},
        {"block of 1025 threads", [] { launch_with(1, 1, 1, 1025, 1, 1, new_stream()); },
         "nothing_kernel: launch limits"},
        {"block of 32 x 32 x 2", [] { launch_with(1, 1, 1, 32, 32, 2, new_stream()); },
         "launch limits"},
        {"block of no threads", [] { launch_with(1, 1, 1, 0, 1, 1, new_stream()); },
         "launch limits"},
        {"block with z 65", [] { launch_with(1, 1, 1, 1, 1, 65, new_stream()); }, "launch limits"},
        {"grid of no blocks", [] { launch_with(0, 1, 1, 1, 1, 1, new_stream()); }, "launch limits"},
        {"grid with x 2^31", [] { launch_with(1u << 31, 1, 1, 1, 1, 1, new_stream()); },
         "launch limits"},
        {"grid with y 65536", [] { launch_with(1, 65536, 1, 1, 1, 1, new_stream()); },
         "launch limits"},
        {"grid with z 65536", [] { launch_with(1, 1, 65536, 1, 1, 1, new_stream()); },
         "launch limits"},
    };
}

static void reverse_is_right_with_its_barrier(void **) {
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(256);
        reverse_blocks(f.x, 4, f.stream);
        std::vector<float> x = f.read(f.x, 256);
        for (int i = 0; i < 256; i++)
            assert_true(x[i] == (float)(i / 64 * 64 + 63 - i % 64));
    }
}

static void removed_barrier_gives_wrong_numbers(void **) {
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(256);
        reverse_without_barrier(f.x, 4, f.stream);
        int nans = 0;
        for (float v : f.read(f.x, 256))
            nans += std::isnan(v);
        assert_true(nans > 0);
    }
}

static void shared_memory_is_poisoned_for_every_block(void **) {
    Fixture f(32);
    shared_not_written(f.x, f.stream); /* x[0] = 0 writes nothing, the others write 1 */
    std::vector<float> first = f.read(f.x, 32);
    assert_true(std::isnan(first[0]) && first[1] == 1.0f);
    CUDA_OK(cudaMemsetAsync(f.x, 0, 32 * sizeof(float), f.stream));
    shared_not_written(f.x, f.stream);
    for (float v : f.read(f.x, 32))
        assert_true(std::isnan(v));
}

static void sums_do_not_depend_on_the_schedule(void **) {
    const int blocks = 7;
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(256 * blocks);
        float *out = new_floats(blocks);
        sum_blocks(out, f.x, blocks, f.stream);
        std::vector<float> sums = f.read(out, blocks);
        for (int b = 0; b < blocks; b++)
            assert_true(sums[b] == 256.0f * (256.0f * b + 127.5f));
        cudaFree(out);
    }
}

static void warps_exchange(void **) {
    Fixture f(32);
    shuffle_lanes(f.x, f.stream);
    std::vector<float> x = f.read(f.x, 32);
    for (int l = 0; l < 32; l++) {
        int down = l + 3 < 32 ? l + 3 : l;
        assert_true(x[l] == (float)(100 * l + down + (l ^ 5) + (l / 8 * 8 + 2) + 16));
    }
}

static void every_thread_runs_once(void **) {
    Fixture f(2 * 3 * 4 * 60);
    CUDA_OK(cudaMemsetAsync(f.x, 0, f.n * sizeof(float), f.stream));
    index_3d(f.x, f.stream);
    std::vector<float> x = f.read(f.x, f.n);
    for (int i = 0; i < f.n; i++)
        assert_true(x[i] == (float)i);
    CUDA_OK(cudaMemsetAsync(f.x, 0, sizeof(unsigned), f.stream));
    count_threads((unsigned *)f.x, 11, f.stream);
    unsigned count;
    CUDA_OK(cudaMemcpyAsync(&count, f.x, sizeof count, cudaMemcpyDeviceToHost, f.stream));
    CUDA_OK(cudaStreamSynchronize(f.stream));
    assert_int_equal(count, 11 * 96);
}

/* Which thread runs first within block 0, and which block runs first, as the seed changes. */
static void blocks_and_threads_run_in_random_order(void **) {
    std::set<unsigned> first_threads, first_blocks;
    for (int seed = 0; seed < seeds; seed++) {
        softgpu_seed(seed);
        Fixture f(8 * 32 + 1);
        unsigned when[8 * 32], *device = (unsigned *)f.x;
        CUDA_OK(cudaMemsetAsync(device + 8 * 32, 0, sizeof(unsigned), f.stream));
        note_order(device, device + 8 * 32, f.stream);
        CUDA_OK(cudaMemcpyAsync(when, device, sizeof when, cudaMemcpyDeviceToHost, f.stream));
        CUDA_OK(cudaStreamSynchronize(f.stream));
        first_threads.insert((unsigned)(std::min_element(when, when + 32) - when));
        first_blocks.insert((unsigned)(std::min_element(when, when + 8 * 32) - when) / 32);
    }
    assert_true(first_threads.size() > 4);
    assert_true(first_blocks.size() > 3);
}

/* bf16 keeps 8 significant bits: beside 1 the step is 2^-7. */
static void bf16_rounds_to_nearest_even(void **) {
    const float step = 1.0f / 128;
    float given[] = {1.0f + step / 2, 1.0f + 1.5f * step, 1.0f + 0.51f * step, -1.0f - step / 2,
                     3.4e38f,         (float)INFINITY,    (float)NAN,          0.0f};
    const float wanted[] = {1.0f,  1.0f + 2 * step, 1.0f + step,
                            -1.0f, (float)INFINITY, (float)INFINITY};
    Fixture f(8);
    CUDA_OK(cudaMemcpyAsync(f.x, given, sizeof given, cudaMemcpyHostToDevice, f.stream));
    round_to_bf16(f.x, 8, f.stream);
    std::vector<float> x = f.read(f.x, 8);
    for (int i = 0; i < 6; i++)
        assert_true(x[i] == wanted[i]);
    assert_true(std::isnan(x[6]) && x[7] == 0.0f);
}

static void failed_launch_is_in_the_last_error(void **) {
    Fixture f(4);
    CUDA_OK(cudaGetLastError());
    softgpu_fail("launch", 2);
    scale(f.x, 4, 2.0f, f.stream);
    CUDA_OK(cudaGetLastError());
    scale(f.x, 4, 2.0f, f.stream);
    assert_int_equal(cudaGetLastError(), cudaErrorLaunchFailure);
    CUDA_OK(cudaGetLastError());
    scale(f.x, 4, 2.0f, f.stream);
    assert_int_equal(softgpu_calls("launch"), 3);
    softgpu_fail(nullptr, 0);
    assert_true(f.read(f.x, 4)[3] == 12.0f);
}

std::vector<CMUnitTest> kernel_tests() {
    return {cmocka_unit_test(reverse_is_right_with_its_barrier),
            cmocka_unit_test(removed_barrier_gives_wrong_numbers),
            cmocka_unit_test(shared_memory_is_poisoned_for_every_block),
            cmocka_unit_test(sums_do_not_depend_on_the_schedule),
            cmocka_unit_test(warps_exchange),
            cmocka_unit_test(every_thread_runs_once),
            cmocka_unit_test(blocks_and_threads_run_in_random_order),
            cmocka_unit_test(bf16_rounds_to_nearest_even),
            cmocka_unit_test(failed_launch_is_in_the_last_error)};
}
