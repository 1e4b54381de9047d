/* The device that the software GPU pretends to be, errors, injected failures, counts, randomness.
 */
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <time.h>

#include "internal.h"

namespace softgpu {

namespace {

const char *const kinds[] = {
    "alloc",        "host_alloc",  "launch",        "memcpy",    "stream",    "event",
    "capture",      "instantiate", "graph_launch",  "sync",      "plan",      "descriptor",
    "cudnn_create", "execute",     "cublas_create", "gemm",      "device",    "nccl_id",
    "nccl_init",    "nccl_group",  "nccl_send",     "nccl_recv", "nccl_async"};

struct Failure {
    std::string kind; /* empty: none is to fail */
    int n = 0;
};

struct Settings {
    uint64_t random = 1;
    Failure failure;
    std::map<std::string, int> calls;
    int major = 9, minor = 0;
    int devices = 1, device = 0; /* how many; the chosen one */
    Settings();
};

Settings::Settings() {
    const char *seed = getenv("SOFTGPU_SEED"), *fail = getenv("SOFTGPU_FAIL");
    const char *count = getenv("SOFTGPU_DEVICES");
    if (count)
        devices = atoi(count);
    if (seed)
        random = strtoull(seed, nullptr, 10);
    const char *colon = fail ? strchr(fail, ':') : nullptr;
    if (fail && !colon)
        softgpu_die("SOFTGPU_FAIL=%s: not of the form kind:n", fail);
    if (fail)
        failure = {std::string(fail, colon), atoi(colon + 1)};
}

/* Made at its first use: other files may need it before main(). */
Settings &settings() {
    static Settings s;
    return s;
}

std::map<std::string, int> &counts() {
    static std::map<std::string, int> c;
    return c;
}

cudaError_t last_error = cudaSuccess;

bool is_device(int device) {
    return device >= 0 && device < settings().devices;
}

void check_kind(const char *kind) {
    for (const char *known : kinds)
        if (!strcmp(kind, known))
            return;
    softgpu_die("no such kind of call to fail or count: %s", kind);
}

struct ErrorText {
    cudaError_t error;
    const char *name, *text;
};

const ErrorText error_texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "an argument has a value that is not allowed"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "memory is exhausted"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "CUDA could not be initialised"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "the launch asks for more than the device has"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
     "the direction of the copy is not one of those that exist"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "the CUDA driver is missing or older than the CUDA runtime needs"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "there is no device that CUDA can use"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "there is no device of this number"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
     "the handle is not valid for this call"},
    {cudaErrorIllegalState, "cudaErrorIllegalState", "the call does not fit the object's state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "the device has not finished"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "a kernel touched memory that is not its own"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "a kernel ended with a fault"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "the call is not allowed while a stream captures"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "an earlier error has spoilt the capture"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
     "the call would join two captures into one"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "the capture did not begin in this stream"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "a branch of the capture was not joined to the stream where it began"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "the capture would depend on work outside of it"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "the call would wait for the default stream during a capture"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent", "the event was last recorded in a capture"},
};

const ErrorText *find_text(cudaError_t error) {
    for (const ErrorText &text : error_texts)
        if (text.error == error)
            return &text;
    return nullptr;
}

} // namespace

cudaError_t result(cudaError_t error) {
    if (error)
        last_error = error;
    return error;
}

uint64_t below(uint64_t n) {
    return (uint64_t)(((unsigned __int128)softgpu_random() * n) >> 64);
}

double seconds_now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

} // namespace softgpu

using namespace softgpu;

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t softgpu_random(void) {
    static uint64_t &state = settings().random;
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

void softgpu_seed(uint64_t seed) {
    settings().random = seed;
}

void softgpu_fail(const char *kind, int n) {
    if (kind)
        check_kind(kind);
    settings().failure = {kind && n > 0 ? kind : "", n};
    settings().calls.clear();
}

int softgpu_calls(const char *kind) {
    check_kind(kind);
    return settings().calls[kind];
}

bool softgpu_fails(const char *kind) {
    check_kind(kind);
    const Failure &failure = settings().failure;
    int call = ++settings().calls[kind];
    return failure.kind == kind && failure.n == call;
}

void softgpu_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("softgpu: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void softgpu_count(const char *what, int change) {
    int &count = counts()[what];
    count += change;
    if (count < 0)
        softgpu_die("%s: more were destroyed than made", what);
}

int softgpu_leaks(void) {
    int total = report_memory_leaks();
    for (auto &item : counts()) {
        if (item.second)
            fprintf(stderr, "softgpu: leaked: %d of: %s\n", item.second, item.first.c_str());
        total += item.second;
    }
    return total;
}

void softgpu_capability(int major, int minor) {
    settings().major = major;
    settings().minor = minor;
}

void softgpu_devices(int count) {
    settings().devices = count;
}

int softgpu_device(void) {
    return settings().device;
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 0;
    if (softgpu_fails("device"))
        return result(cudaErrorInsufficientDriver);
    *count = settings().devices;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    if (!is_device(device))
        return result(cudaErrorInvalidDevice);
    settings().device = device;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device) {
    if (!is_device(device))
        return result(cudaErrorInvalidDevice);
    size_t free_bytes;
    memset(prop, 0, sizeof *prop);
    const char *name = getenv("SOFTGPU_NAME");
    snprintf(prop->name, sizeof prop->name, "%s", name ? name : "software GPU");
    memcpy(prop->uuid.bytes, "softgpu", 8);
    memcpy(prop->uuid.bytes + 8, &device, sizeof device);
    return cudaMemGetInfo(&free_bytes, &prop->totalGlobalMem);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device) {
    if (!is_device(device))
        return result(cudaErrorInvalidDevice);
    switch (attr) {
    case cudaDevAttrMultiProcessorCount:
        *value = 80;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = settings().major;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = settings().minor;
        return cudaSuccess;
    }
    return result(cudaErrorInvalidValue);
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

const char *cudaGetErrorName(cudaError_t error) {
    const ErrorText *text = find_text(error);
    return text ? text->name : "cudaErrorUnknown";
}

const char *cudaGetErrorString(cudaError_t error) {
    const ErrorText *text = find_text(error);
    return text ? text->text : "unknown error";
}
