/* Every call of CUDA, cuDNN and cuBLAS that the GPU backend makes can fail: it must then end with
 * an error that names the call, and leave nothing behind. usage: test_gpu_failures fast|full */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/softgpu/gpu_case.h"
#include "tests/softgpu/softgpu.h"
#include "tests/support/rig.h"

typedef struct Failure {
    const char *kind;
    const char *names[3]; /* the message has one of these */
} Failure;

static const Failure failures[] = {
    {"device", {"no usable device", "cudnnCreate", "cublasCreate"}},
    {"stream", {"cudaStreamCreateWithFlags"}},
    {"event", {"cudaEventCreateWithFlags", "cudaEventRecord", "cudaStreamWaitEvent"}},
    {"alloc", {"of device memory asked"}},
    {"host_alloc", {"cudaHostAlloc"}},
    {"launch", {"cudaErrorLaunchFailure"}},
    {"memcpy", {"cudaMemcpyAsync", "cudaMemsetAsync"}},
    {"sync", {"cudaStreamSynchronize", "cudaEventSynchronize"}},
    {"capture", {"cudaStreamBeginCapture", "cudaStreamEndCapture"}},
    {"instantiate", {"cudaGraphInstantiateWithFlags"}},
    {"graph_launch", {"cudaGraphLaunch"}},
    {"cudnn_create", {"cudnnCreate"}},
    {"descriptor", {"cudnnBackend"}},
    {"plan", {"cudnnBackendFinalize"}}, /* for want of memory: no reason to try another engine */
    {"execute", {"cudnnBackendExecute"}},
    {"cublas_create", {"cublasCreate"}},
    {"gemm", {"cublas"}},
};

static bool full; /* every call; else every early one and some of the later ones */

static bool names_the_call(const Failure *failure) {
    for (int i = 0; i < 3 && failure->names[i]; i++)
        if (strstr(status_message(), failure->names[i]))
            return true;
    return false;
}

/* What went wrong with the nth call; NULL: nothing. In *reached, whether there was an nth call. */
static const char *fail_at(const Failure *failure, int n, const Case *test, Precision precision,
                           bool *reached) {
    GpuCase run;
    const char *wrong = NULL;
    softgpu_fail(failure->kind, n);
    Status status = gpu_case_run(&run, test, precision);
    *reached = softgpu_calls(failure->kind) >= n;
    if (*reached && status == STATUS_OK)
        wrong = "it failed, and nobody noticed";
    if (!*reached && status != STATUS_OK)
        wrong = "nothing failed, but the run did";
    if (!wrong && *reached && !names_the_call(failure))
        wrong = "the message does not name the call";
    gpu_case_end(&run); /* here too the call may fail: then without a status */
    free(run.bits);
    *reached = softgpu_calls(failure->kind) >= n;
    softgpu_fail(NULL, 0);
    if (!wrong && softgpu_leaks() != 0)
        wrong = "something is left";
    return wrong;
}

static int following(int n) {
    return full || n < 12 ? n + 1 : n + 1 + n / 4;
}

/* In a process of its own, which the software GPU may abort. */
static int fail_each(const Failure *failure, const char *name, Precision precision) {
    bool reached = true;
    int n = 1, reached_count = 0;
    while (true) {
        const char *wrong = fail_at(failure, n, gpu_case_named(name), precision, &reached);
        if (wrong) {
            fprintf(stderr, "%s, call %d: %s; message: %s\n", failure->kind, n, wrong,
                    status_message());
            return 1;
        }
        if (!reached)
            break;
        reached_count++;
        n = following(n);
    }
    printf("%s: %d of its calls failed\n", failure->kind, reached_count);
    return reached_count > 0 ? 0 : 1; /* no such call: nothing was tested */
}

static void every_failure_is_told(const Failure *failure, const char *name, Precision precision) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int code = fail_each(failure, name, precision);
        fflush(NULL);
        _exit(code);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void in_fp32(void **state) {
    every_failure_is_told(*state, "resnet_8_a", PRECISION_FP32);
}

static void in_bf16(void **state) {
    every_failure_is_told(*state, "stem", PRECISION_BF16);
}

static Status compile_for(GpuCase *run, int batch) {
    ProgramSpec spec = {.mode = MODE_TRAIN, .max_batch = batch, .precision = PRECISION_FP32};
    program_destroy(run->train);
    run->train = NULL;
    return program_compile(run->rig.state, &spec, &run->train);
}

/* The message says what was asked and free, and its advice holds. */
static void out_of_memory_advises(void **state) {
    (void)state;
    GpuCase run;
    softgpu_card((size_t)64 << 20);
    OK(gpu_case_run(&run, gpu_case_named("resnet_8_a"), PRECISION_FP32));
    assert_int_equal(compile_for(&run, 20000), STATUS_NO_MEMORY);
    const char *message = status_message(), *advice = strstr(message, "; a batch of ");
    size_t asked, available, total;
    const char *numbers = strrchr(message, ':');
    assert_non_null(numbers);
    assert_int_equal(sscanf(numbers, ": %zu MiB of device memory asked, %zu of %zu free", &asked,
                            &available, &total),
                     3);
    assert_true(asked > available && available < total && total == 64);
    assert_non_null(advice);
    int fits = atoi(advice + strlen("; a batch of "));
    assert_true(fits > 1000 && fits < 20000);
    OK(compile_for(&run, fits));
    gpu_case_end(&run);
    free(run.bits);
    assert_int_equal(softgpu_leaks(), 0);
    softgpu_card((size_t)4 << 30);
}

int main(int argc, char **argv) {
    if (argc < 2 || (strcmp(argv[1], "fast") != 0 && strcmp(argv[1], "full") != 0)) {
        fprintf(stderr, "usage: test_gpu_failures fast|full\n");
        return 2;
    }
    full = strcmp(argv[1], "full") == 0;
    enum { KINDS = sizeof failures / sizeof failures[0] };
    struct CMUnitTest tests[2 * KINDS + 4] = {{0}};
    static char names[2 * KINDS][64];
    int n = 0;
    for (int i = 0; i < KINDS; i++)
        for (int half = 0; half < 2; half++, n++) {
            snprintf(names[n], sizeof names[n], "%s in %s", failures[i].kind,
                     half ? "bf16" : "fp32");
            tests[n] = (struct CMUnitTest){.name = names[n],
                                           .test_func = half ? in_bf16 : in_fp32,
                                           .initial_state = (void *)&failures[i]};
        }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(out_of_memory_advises);
    return !!_cmocka_run_group_tests("failures", tests, (size_t)n, NULL, NULL);
}
