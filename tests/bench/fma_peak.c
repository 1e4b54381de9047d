/* What the processor could do: fused multiply-adds in registers, with nothing else to wait for.
 *
 *     gcc -O3 -march=native -fopenmp tests/bench/fma_peak.c -o fma_peak && ./fma_peak [THREADS]
 *
 * Prints GFLOP/s of single precision, the best of ten rounds; a multiply-add counts as two. Beside
 * it, `harness bench` (column gflop_per_s, FLOPs of direct convolutions) gives the share of peak.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__AVX512F__)
enum { LANES = 16, CHAINS = 24 };
#else
enum { LANES = 8, CHAINS = 12 };
#endif
enum { ROUNDS = 10, STEPS = 1 << 24 };

typedef float Vec __attribute__((vector_size(4 * LANES)));

/* The compiler takes the value for another one: nothing is merged or optimised away. */
static Vec unknown(Vec v) {
    __asm__ volatile("" : "+x"(v));
    return v;
}

static void multiply_adds(void) {
    Vec sum[CHAINS], a = unknown((Vec){0} + 1.0000001f), b = unknown((Vec){0} + 1e-9f);
    for (int k = 0; k < CHAINS; k++)
        sum[k] = unknown((Vec){0});
    for (int i = 0; i < STEPS; i++)
#pragma GCC unroll 32
        for (int k = 0; k < CHAINS; k++)
            sum[k] = sum[k] * a + b;
    for (int k = 0; k < CHAINS; k++)
        (void)unknown(sum[k]);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : omp_get_max_threads();
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = omp_get_wtime();
#pragma omp parallel num_threads(threads)
        multiply_adds();
        double rate = 2e-9 * LANES * CHAINS * (double)STEPS * threads / (omp_get_wtime() - begin);
        best = rate > best ? rate : best;
    }
    printf("%d threads: %.0f GFLOP/s\n", threads, best);
    return 0;
}
