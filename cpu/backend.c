/* Opening the CPU: threads, oneDNN's engine, the kernels that fit the processor. */
#define _GNU_SOURCE
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/cpu.h"
#include "cpu/dnnl_check.h"
#include "cpu/engine.h"

enum { HUGE_PAGE = 2 << 20 };

/* Processors that this process may run on: a container or taskset may allow fewer than there are.
 */
static int usable_processors(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : omp_get_num_procs();
    return count > 0 ? count : 1;
}

/* Follows oneDNN's choice, which honours ONEDNN_MAX_CPU_ISA: its convolutions want the same B. */
static const Kernels *choose_kernels(void) {
#if defined(__x86_64__)
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    if ((isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core)
        return &kernels_avx512;
    if ((isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2)
        return &kernels_avx2;
#endif
    return &kernels_baseline;
}

static void read_cpu_model(char *text, size_t size) {
    snprintf(text, size, "unknown CPU");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[strcspn(colon, "\n")] = '\0';
            snprintf(text, size, "%s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
    }
    if (file)
        fclose(file);
}

static void fill_info(CpuBackend *cpu) {
    BackendInfo *info = &cpu->base.info;
    const dnnl_version_t *version = dnnl_version();
    read_cpu_model(info->device, sizeof info->device);
    snprintf(info->libraries, sizeof info->libraries, "oneDNN %d.%d.%d", version->major,
             version->minor, version->patch);
    snprintf(info->isa, sizeof info->isa, "%s", cpu->kernels->isa);
    info->threads = cpu->threads;
}

static void cpu_close(Backend *backend) {
    CpuBackend *cpu = cpu_backend_of(backend);
    for (int i = 0; cpu->stream && i < cpu->threads; i++)
        if (cpu->stream[i])
            dnnl_stream_destroy(cpu->stream[i]);
    free(cpu->stream);
    if (cpu->engine)
        dnnl_engine_destroy(cpu->engine);
    free(cpu);
}

static Status cpu_open(const BackendOptions *options, Backend **backend) {
    Status status = STATUS_OK;
    int threads = options ? options->threads : 0;
    if (threads < 0)
        return status_fail(STATUS_BAD_INPUT, "threads %d: give a number, or 0 for all %d", threads,
                           usable_processors());
    CpuBackend *cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        return status_fail(STATUS_NO_MEMORY, "no memory for the cpu backend");
    cpu->base.ops = &cpu_backend;
    cpu->threads = threads ? threads : usable_processors();
    cpu->kernels = choose_kernels();
    cpu->block = cpu->kernels->block;
    fill_info(cpu);
    DNNL_CHECK(dnnl_engine_create(&cpu->engine, dnnl_cpu, 0), "opening the CPU");
    cpu->stream = calloc((unsigned)cpu->threads, sizeof *cpu->stream);
    if (!cpu->stream)
        CHECK(status_fail(STATUS_NO_MEMORY, "no memory for %d threads", cpu->threads));
    for (int i = 0; i < cpu->threads; i++)
        DNNL_CHECK(dnnl_stream_create(&cpu->stream[i], cpu->engine, dnnl_stream_default_flags),
                   "opening the CPU");
out:
    if (status == STATUS_OK)
        *backend = &cpu->base;
    else
        cpu_close(&cpu->base);
    return status;
}

int cpu_threads_enter(const CpuBackend *backend) {
    int saved = omp_get_max_threads();
    omp_set_num_threads(backend->threads);
    return saved;
}

void cpu_threads_leave(int saved) {
    omp_set_num_threads(saved);
}

float *cpu_floats(size_t n) {
    size_t bytes = n * sizeof(float), align = bytes >= 8 * HUGE_PAGE ? HUGE_PAGE : 64;
    bytes = (bytes / align + 1) * align;
    float *values = aligned_alloc(align, bytes);
    if (!values)
        return NULL;
    if (align == HUGE_PAGE) /* fewer misses of the address cache; the system may decline */
        (void)madvise(values, bytes, MADV_HUGEPAGE);
    memset(values, 0, bytes);
    return values;
}

const BackendOps cpu_backend = {
    .name = "cpu",
    .summary = "oneDNN convolutions and fused loops on CPUs, fp32",
    .native = PRECISION_FP32,
    .conv = CONV_ALGORITHM_WINOGRAD,
    .open = cpu_open,
    .close = cpu_close,
    .state_create = cpu_state_create,
    .state_destroy = cpu_state_destroy,
    .state_read = cpu_state_read,
    .state_write = cpu_state_write,
    .update = cpu_update,
    .dataset_create = cpu_dataset_create,
    .dataset_destroy = cpu_dataset_destroy,
    .compile = cpu_compile,
    .program_destroy = cpu_program_destroy,
    .forward = cpu_forward,
    .backward = cpu_backward,
    .train_step = cpu_train_step,
    .metrics = cpu_metrics,
    .tap_read = cpu_tap_read,
    .memory = cpu_memory,
    .describe = engine_describe,
};
