/* The software GPU's NCCL: what two processes send each other arrives, when the streams get there,
 * and what a card would not forgive is refused. */
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_cpp.h"
#include "dnn_case.h"
#include "nccl.h"

enum { COUNT = 5000 };

static void must(ncclResult_t result) {
    if (result != ncclSuccess)
        fail_msg("%s: %s", ncclGetErrorString(result), ncclGetLastError(nullptr));
}

/* Doubles on the device: an Array of twice as many floats, whose bits mean nothing. */
struct Doubles {
    Array array;
    explicit Doubles(size_t count) : array(2 * count) {
    }
    double *data() const {
        return (double *)array.data;
    }
    void set(double first) {
        std::vector<double> values(array.count / 2);
        for (size_t i = 0; i < values.size(); i++)
            values[i] = first + (double)i / 3;
        copy(array.data, values.data(), cudaMemcpyHostToDevice);
    }
    std::vector<double> get() const {
        std::vector<double> values(array.count / 2);
        copy(values.data(), array.data, cudaMemcpyDeviceToHost);
        return values;
    }
    void copy(void *to, const void *from, cudaMemcpyKind kind) const {
        ::must(cudaMemcpyAsync(to, from, 4 * array.count, kind, stream));
        ::must(cudaStreamSynchronize(stream));
    }
};

static ncclUniqueId new_id() {
    ncclUniqueId id;
    must(ncclGetUniqueId(&id));
    return id;
}

/* The second process of a pair, rank 1 on device 1; its exit status is what `part` returns. */
static pid_t partner(const ncclUniqueId &id, const std::function<int(ncclComm_t)> &part) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    ncclComm_t comm;
    bool joined =
        cudaSetDevice(1) == cudaSuccess && ncclCommInitRank(&comm, 2, id, 1) == ncclSuccess;
    _exit(joined ? part(comm) : 99);
}

static void ends_with(pid_t child, int expected) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
}

static ncclResult_t swap(ncclComm_t comm, Doubles &give, Doubles &take, int peer, size_t count) {
    must(ncclGroupStart());
    must(ncclSend(give.data(), count, ncclFloat64, peer, comm, stream));
    must(ncclRecv(take.data(), count, ncclFloat64, peer, comm, stream));
    return ncclGroupEnd();
}

static ncclResult_t state_of(ncclComm_t comm) {
    ncclResult_t state;
    must(ncclCommGetAsyncError(comm, &state));
    return state;
}

/* More than sockets take at once, so that both directions have to move together. */
static void pair_swaps(void **) {
    ncclUniqueId id = new_id();
    pid_t child = partner(id, [](ncclComm_t comm) {
        Doubles give(COUNT * 20), take(COUNT * 20);
        give.set(1000);
        must(swap(comm, give, take, 0, COUNT * 20));
        std::vector<double> got = take.get();
        return got[0] == 7 && got.back() == 7 + (COUNT * 20 - 1) / 3.0 ? 0 : 1;
    });
    ncclComm_t comm;
    must(ncclCommInitRank(&comm, 2, id, 0));
    Doubles give(COUNT * 20), take(COUNT * 20);
    give.set(7);
    take.set(0);
    must(swap(comm, give, take, 1, COUNT * 20));
    std::vector<double> got = take.get();
    for (size_t i = 0; i < got.size(); i++)
        assert_true(got[i] == 1000 + (double)i / 3);
    assert_int_equal(state_of(comm), ncclSuccess);
    must(ncclCommDestroy(comm));
    ends_with(child, 0);
}

static void partner_goes(void **) {
    ncclUniqueId id = new_id();
    pid_t child = partner(id, [](ncclComm_t) { return 0; });
    ncclComm_t comm;
    must(ncclCommInitRank(&comm, 2, id, 0));
    Doubles give(COUNT), take(COUNT);
    give.set(1);
    must(swap(comm, give, take, 1, COUNT));
    ::must(cudaStreamSynchronize(stream));
    assert_int_equal(state_of(comm), ncclRemoteError);
    must(ncclCommAbort(comm));
    ends_with(child, 0);
}

static void same_device(void **) {
    ncclUniqueId id = new_id();
    pid_t child = fork();
    ncclComm_t comm;
    if (child == 0)
        _exit(ncclCommInitRank(&comm, 2, id, 1));
    assert_int_equal(ncclCommInitRank(&comm, 2, id, 0), ncclInvalidUsage);
    assert_null(comm);
    ends_with(child, ncclInvalidUsage);
}

/* Each in a process that the software GPU is to end. */
static bool refuses(ncclComm_t comm) {
    Doubles give(COUNT), take(COUNT);
    double host[1];
    give.set(1);
    bool all = dies([&] { ncclSend(give.data(), COUNT, ncclFloat64, 1, comm, stream); },
                    "outside of a group");
    must(ncclGroupStart());
    all &= dies([&] { ncclSend(host, 1, ncclFloat64, 1, comm, stream); },
                "do not lie in one device allocation");
    all &= dies([&] { ncclRecv(take.data(), COUNT + 1, ncclFloat64, 1, comm, stream); },
                "do not lie in one device allocation");
    all &= dies([&] { ncclSend(give.data(), COUNT, ncclFloat32, 1, comm, stream); },
                "doubles are all there is");
    must(ncclSend(give.data(), COUNT, ncclFloat64, 1, comm, stream));
    all &= dies([&] { ncclRecv(give.data() + 9, 9, ncclFloat64, 1, comm, stream); },
                "overlaps another");
    all &= ncclRecv(take.data(), COUNT, ncclFloat64, 2, comm, stream) == ncclInvalidArgument;
    must(ncclRecv(take.data(), COUNT, ncclFloat64, 1, comm, stream));
    must(ncclGroupEnd());
    all &= dies([&] { ncclCommDestroy(comm); }, "has yet to run");
    all &= dies([&] { cudaStreamSynchronize(stream); }, "5000 elements are expected, and 4999");
    must(ncclCommAbort(comm));
    ::must(cudaStreamSynchronize(stream)); /* it runs nothing */
    return all && dies([&] { state_of(comm); }, "the communicator was destroyed");
}

/* The partner sends too little, and sees the other go. */
static void forbidden(void **) {
    ncclUniqueId id = new_id();
    pid_t child = partner(id, [](ncclComm_t comm) {
        Doubles give(COUNT), take(COUNT);
        give.set(1);
        must(ncclGroupStart());
        must(ncclSend(give.data(), COUNT - 1, ncclFloat64, 0, comm, stream));
        must(ncclRecv(take.data(), COUNT, ncclFloat64, 0, comm, stream));
        must(ncclGroupEnd());
        ::must(cudaStreamSynchronize(stream));
        return state_of(comm) == ncclRemoteError ? 0 : 1;
    });
    ncclComm_t comm;
    must(ncclCommInitRank(&comm, 2, id, 0));
    bool all = refuses(comm);
    ends_with(child, 0);
    assert_true(all);
}

static void fails_when_asked(void **) {
    ncclUniqueId id;
    ncclComm_t comm;
    softgpu_fail("nccl_id", 1);
    assert_int_equal(ncclGetUniqueId(&id), ncclSystemError);
    softgpu_fail("nccl_init", 1);
    assert_int_equal(ncclCommInitRank(&comm, 1, new_id(), 0), ncclInternalError);
    softgpu_fail("nccl_group", 2);
    must(ncclGroupStart());
    assert_int_equal(ncclGroupEnd(), ncclInternalError);
    softgpu_fail(nullptr, 0);
    assert_int_equal(ncclGroupEnd(), ncclInvalidUsage);
    must(ncclCommInitRank(&comm, 1, new_id(), 0));
    softgpu_fail("nccl_async", 1);
    assert_int_equal(state_of(comm), ncclRemoteError);
    softgpu_fail(nullptr, 0);
    assert_int_equal(softgpu_leaks() > 0, 1); /* the communicator, among others */
    must(ncclCommDestroy(comm));
}

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pair_swaps, start, finish),
        cmocka_unit_test_setup_teardown(partner_goes, start, finish),
        cmocka_unit_test_setup_teardown(same_device, start, finish),
        cmocka_unit_test_setup_teardown(forbidden, start, finish),
        cmocka_unit_test_setup_teardown(fails_when_asked, start, finish),
    };
    softgpu_devices(2);
    return cmocka_run_group_tests_name("NCCL", tests, nullptr, nullptr);
}
