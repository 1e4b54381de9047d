/* The software GPU finds what it is there to find, and lets sound programs be. */
#include "testing.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

cudaStream_t new_stream() {
    cudaStream_t stream;
    CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}

cudaEvent_t new_event() {
    cudaEvent_t event;
    CUDA_OK(cudaEventCreateWithFlags(&event, cudaEventDefault));
    return event;
}

float *new_floats(int n) {
    void *p;
    CUDA_OK(cudaMalloc(&p, n * sizeof(float)));
    return (float *)p;
}

float *new_pinned(int n) {
    void *p;
    CUDA_OK(cudaHostAlloc(&p, n * sizeof(float), cudaHostAllocDefault));
    return (float *)p;
}

Fixture::Fixture(int count) : n(count) {
    stream = new_stream();
    x = new_floats(n);
    std::vector<float> host(n);
    for (int i = 0; i < n; i++)
        host[i] = (float)i;
    CUDA_OK(cudaMemcpyAsync(x, host.data(), n * sizeof(float), cudaMemcpyHostToDevice, stream));
    CUDA_OK(cudaStreamSynchronize(stream));
}

Fixture::~Fixture() {
    cudaFree(x);
    cudaStreamDestroy(stream);
}

std::vector<float> Fixture::read(const float *from, int count) {
    std::vector<float> host(count);
    CUDA_OK(
        cudaMemcpyAsync(host.data(), from, count * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_OK(cudaStreamSynchronize(stream));
    return host;
}

static void run_as_child(const Fault *fault, int err) {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(err, STDERR_FILENO);
    for (int s : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL})
        signal(s, SIG_DFL); /* cmocka's handlers would end the child its own way */
    fault->program();
    _exit(0);
}

static void is_caught(void **state) {
    const Fault *fault = (const Fault *)*state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(nullptr);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_as_child(fault, ends[1]);
    close(ends[1]);
    std::string said;
    char part[1024];
    for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;)
        said.append(part, got);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("not caught (status %x); it said: %s", status, said.c_str());
    if (said.find("softgpu: ") != 0 || said.find(fault->message) == std::string::npos)
        fail_msg("caught, but without \"%s\"; it said: %s", fault->message, said.c_str());
}

int main() {
    static std::vector<Fault> faults;
    std::vector<CMUnitTest> tests;
    for (auto part : {kernel_faults, memory_faults, stream_faults, capture_faults})
        for (const Fault &fault : part())
            faults.push_back(fault);
    for (Fault &fault : faults)
        tests.push_back({fault.name, is_caught, nullptr, nullptr, &fault});
    for (auto part : {kernel_tests, memory_tests, stream_tests, capture_tests})
        for (const CMUnitTest &test : part())
            tests.push_back(test);
    return _cmocka_run_group_tests("softgpu", tests.data(), tests.size(), nullptr, nullptr);
}
