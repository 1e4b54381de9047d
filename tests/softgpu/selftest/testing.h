/* How the software GPU is tested: a fault is a program that must be stopped with a message. */
#ifndef SOFTGPU_TESTING_H
#define SOFTGPU_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

extern "C" {
#include <cmocka.h>
}

#include "faults.h"
#include "softgpu.h"

/* `program` runs in a process of its own, which must be aborted with `message` on stderr. */
struct Fault {
    const char *name;
    void (*program)();
    const char *message;
};

const int seeds = 20;

#define CUDA_OK(call) assert_string_equal(cudaGetErrorName(call), "cudaSuccess")

/* A stream and n floats 0, 1, 2 ... on the device. */
struct Fixture {
    cudaStream_t stream = nullptr;
    float *x = nullptr;
    int n;
    explicit Fixture(int count);
    ~Fixture();
    std::vector<float> read(const float *from, int count);
};

cudaStream_t new_stream();
cudaEvent_t new_event();
float *new_floats(int n);
float *new_pinned(int n);

/* The faults and tests of each file. */
std::vector<Fault> kernel_faults(), memory_faults(), stream_faults(), capture_faults();
std::vector<CMUnitTest> kernel_tests(), memory_tests(), stream_tests(), capture_tests();

#endif
