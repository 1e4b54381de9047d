/* Streams and events: queues of work that nothing runs until the host waits for it. */
#include <algorithm>

#include "internal.h"

namespace softgpu {

std::vector<cudaStream_t> streams;

void check_stream(cudaStream_t stream, const char *call) {
    if (!stream)
        softgpu_die("%s: the default stream, which waits for all others, is not for use here",
                    call);
    if (!stream->live)
        softgpu_die("%s: the stream was destroyed", call);
}

static void check_event(cudaEvent_t event, const char *call) {
    if (!event)
        softgpu_die("%s: the event is NULL", call);
    if (!event->live)
        softgpu_die("%s: the event was destroyed", call);
}

cudaError_t enqueue(cudaStream_t stream, Operation operation) {
    if (stream->capture)
        return capture_operation(stream, std::move(operation));
    advance(stream);
    check_scratch(stream, operation.name, operation.scratch);
    Entry entry;
    entry.operation = std::move(operation);
    stream->queue.push_back(std::move(entry));
    return cudaSuccess;
}

/* What asking for an event's state, or waiting for it on the host, may not be done to. */
static cudaError_t host_may_ask(cudaEvent_t event) {
    if (event->capture)
        return invalidate(event->capture.get(), cudaErrorCapturedEvent);
    return forbidden_in_capture();
}

/* The device has failed: it runs nothing of what waited. */
static cudaError_t sync_fails() {
    discard_all();
    return result(cudaErrorIllegalAddress);
}

} // namespace softgpu

using namespace softgpu;

cudaError_t softgpu_enqueue(cudaStream_t stream, const char *name, std::function<void()> run,
                            const std::vector<SoftgpuRange> &scratch) {
    check_stream(stream, name);
    Operation operation = {};
    operation.name = name;
    operation.run = std::move(run);
    operation.scratch = scratch;
    return result(enqueue(stream, std::move(operation)));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags) {
    static unsigned made = 0;
    if (flags & ~(unsigned)cudaStreamNonBlocking)
        return result(cudaErrorInvalidValue);
    if (softgpu_fails("stream"))
        return result(cudaErrorMemoryAllocation);
    *stream = new CUstream_st;
    (*stream)->id = made++;
    streams.push_back(*stream);
    softgpu_count("streams", 1);
    return cudaSuccess;
}

/* What it still holds runs nevertheless. */
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    check_stream(stream, "cudaStreamDestroy");
    if (stream->capture)
        softgpu_die("cudaStreamDestroy: the stream is capturing");
    stream->live = false;
    if (stream->queue.empty())
        streams.erase(std::find(streams.begin(), streams.end(), stream));
    softgpu_count("streams", -1);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    check_stream(stream, "cudaStreamSynchronize");
    if (stream->capture)
        return result(invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported));
    cudaError_t error = forbidden_in_capture();
    if (error)
        return result(error);
    if (softgpu_fails("sync"))
        return sync_fails();
    run_until([=] { return stream->queue.empty(); }, stream);
    host_knows(stream->clock);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags) {
    check_stream(stream, "cudaStreamWaitEvent");
    check_event(event, "cudaStreamWaitEvent");
    if (flags)
        return result(cudaErrorInvalidValue);
    if (softgpu_fails("event"))
        return result(cudaErrorIllegalAddress);
    if (event->capture)
        return result(capture_wait(stream, event));
    if (!event->record)
        return cudaSuccess; /* never recorded: nothing to wait for */
    if (stream->capture)
        return result(invalidate(stream->capture.get(), cudaErrorStreamCaptureIsolation));
    advance(stream);
    merge(&stream->clock, event->record->clock);
    Entry entry;
    entry.needs.push_back(event->record);
    stream->queue.push_back(std::move(entry));
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags) {
    if (flags & ~(unsigned)cudaEventDisableTiming)
        return result(cudaErrorInvalidValue);
    if (softgpu_fails("event"))
        return result(cudaErrorMemoryAllocation);
    *event = new CUevent_st;
    (*event)->flags = flags;
    softgpu_count("events", 1);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    check_event(event, "cudaEventDestroy");
    event->live = false;
    event->record.reset();
    event->capture.reset();
    softgpu_count("events", -1);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    check_event(event, "cudaEventRecord");
    check_stream(stream, "cudaEventRecord");
    if (softgpu_fails("event"))
        return result(cudaErrorIllegalAddress);
    if (stream->capture && stream->capture->invalid)
        return result(cudaErrorStreamCaptureInvalidated);
    event->capture = stream->capture;
    event->tail = stream->tail;
    event->record.reset();
    if (stream->capture)
        return cudaSuccess;
    advance(stream);
    event->record = std::make_shared<Record>();
    event->record->clock = stream->clock;
    Entry entry;
    entry.sets = event->record;
    stream->queue.push_back(std::move(entry));
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    check_event(event, "cudaEventQuery");
    cudaError_t error = host_may_ask(event);
    if (error)
        return result(error);
    if (!event->record)
        return cudaSuccess;
    run_part();
    if (!event->record->done)
        return result(cudaErrorNotReady);
    host_knows(event->record->clock);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    check_event(event, "cudaEventSynchronize");
    cudaError_t error = host_may_ask(event);
    if (error)
        return result(error);
    if (softgpu_fails("sync"))
        return sync_fails();
    if (!event->record)
        return cudaSuccess;
    run_until([=] { return event->record->done; }, nullptr);
    host_knows(event->record->clock);
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    check_event(start, "cudaEventElapsedTime");
    check_event(end, "cudaEventElapsedTime");
    if (start->capture || end->capture)
        return result(cudaErrorCapturedEvent);
    if ((start->flags | end->flags) & cudaEventDisableTiming || !start->record || !end->record)
        return result(cudaErrorInvalidResourceHandle);
    if (!start->record->done || !end->record->done)
        return result(cudaErrorNotReady);
    *milliseconds = (float)(1e3 * (end->record->seconds - start->record->seconds));
    return cudaSuccess;
}
