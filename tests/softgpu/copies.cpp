/* Copies and memsets. Host memory, pinned or not, is read and written when the copy runs, not when
 * it is enqueued: a host that changes or leaves it too early gets wrong numbers. */
#include <cstring>

#include "internal.h"

namespace softgpu {

static bool touches_device(const void *p) {
    return softgpu_on_device(p, 1) || !describe_address(p).empty();
}

/* The end of a copy that is to be on the device, or the one that is to be on the host. */
static void check_device_end(const char *which, const void *p, size_t bytes) {
    if (!softgpu_on_device(p, bytes))
        softgpu_die("cudaMemcpyAsync: %s, %zu bytes at %p, is to be on the device, but lies in no "
                    "allocation there, or leaves it",
                    which, bytes, p);
}

static void check_host_end(const char *which, const void *p, size_t bytes) {
    if (!on_host_pinned(p, bytes) && (touches_device(p) || on_host_pinned(p, 1)))
        softgpu_die("cudaMemcpyAsync: %s, %zu bytes at %p, is to be on the host, but is device or "
                    "freed memory, or leaves its allocation",
                    which, bytes, p);
}

static cudaMemcpyKind direction(const void *to, const void *from) {
    if (softgpu_on_device(to, 1))
        return softgpu_on_device(from, 1) ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice;
    return softgpu_on_device(from, 1) ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost;
}

static const char *copy_name(cudaMemcpyKind kind) {
    switch (kind) {
    case cudaMemcpyHostToDevice:
        return "cudaMemcpyAsync (host to device)";
    case cudaMemcpyDeviceToHost:
        return "cudaMemcpyAsync (device to host)";
    case cudaMemcpyDeviceToDevice:
        return "cudaMemcpyAsync (device to device)";
    default:
        return "cudaMemcpyAsync (host to host)";
    }
}

} // namespace softgpu

using namespace softgpu;

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t count, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
    check_stream(stream, "cudaMemcpyAsync");
    if (softgpu_fails("memcpy"))
        return result(cudaErrorIllegalAddress);
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault)
        return result(cudaErrorInvalidMemcpyDirection);
    if (count == 0)
        return cudaSuccess;
    if (kind == cudaMemcpyDefault)
        kind = direction(to, from);
    bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    (to_device ? check_device_end : check_host_end)("the target", to, count);
    (from_device ? check_device_end : check_host_end)("the source", from, count);
    if (overlaps({to, count}, {from, count}))
        softgpu_die("cudaMemcpyAsync: source and target overlap");
    bool pageable = (!to_device && !on_host_pinned(to, count)) ||
                    (!from_device && !on_host_pinned(from, count));
    if (pageable && stream->capture)
        return result(invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported));
    Operation operation = {};
    operation.name = copy_name(kind);
    operation.run = [=] { memcpy(to, from, count); };
    operation.host = to_device == from_device ? SoftgpuRange{nullptr, 0}
                     : to_device              ? SoftgpuRange{from, count}
                                              : SoftgpuRange{to, count};
    return result(enqueue(stream, std::move(operation)));
}

cudaError_t cudaMemsetAsync(void *pointer, int value, size_t count, cudaStream_t stream) {
    check_stream(stream, "cudaMemsetAsync");
    if (softgpu_fails("memcpy"))
        return result(cudaErrorIllegalAddress);
    if (count == 0)
        return cudaSuccess;
    if (!softgpu_on_device(pointer, count))
        softgpu_die("cudaMemsetAsync: %zu bytes at %p lie in no allocation, or leave it", count,
                    pointer);
    Operation operation = {};
    operation.name = "cudaMemsetAsync";
    operation.run = [=] { memset(pointer, value, count); };
    return result(enqueue(stream, std::move(operation)));
}
