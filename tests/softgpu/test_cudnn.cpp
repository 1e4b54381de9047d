/* The software GPU's convolutions against a naive loop. */
#include <cmath>

#include "cmocka_cpp.h"
#include "dnn_case.h"

static const Shape shapes[] = {
    /* n c h w k r s pad stride dilation */
    {2, 8, 6, 5, 4, 3, 3, 1, 1, 1},   {2, 5, 7, 6, 3, 3, 3, 1, 2, 1},
    {3, 8, 4, 4, 16, 1, 1, 0, 1, 1},  {2, 6, 8, 7, 5, 1, 1, 0, 2, 1},
    {1, 8, 16, 15, 6, 7, 7, 3, 2, 1}, {1, 2, 9, 9, 3, 3, 3, 2, 1, 2},
    {2, 3, 5, 8, 2, 5, 3, 2, 1, 1},
};

/* Inputs of one convolution, and where its results go. */
struct Case {
    Case(const Shape &z_, Way way_, bool bf16_)
        : z(z_), way(way_), bf16(bf16_), x(z.x_count(), bf16), w(z.w_count(), bf16),
          y(z.y_count(), bf16) {
        Array *in[2] = {way == DATA ? &w : &x, way == FORWARD ? &w : &y};
        out = way == FORWARD ? &y : way == DATA ? &x : &w;
        a = random_values(in[0]->count, 1, bf16);
        b = random_values(in[1]->count, 2, bf16);
        in[0]->set(a);
        in[1]->set(b);
    }

    cudnnBackendDescriptor_t graph(Descriptors &d, float alpha, float beta) const {
        cudnnDataType_t type = bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
        return d.graph(z, way, type, type, alpha, beta);
    }

    void run(Descriptors &d, cudnnBackendDescriptor_t plan) {
        size_t bytes = workspace_size(plan);
        void *workspace = nullptr;
        if (bytes > 0) {
            must(cudaMalloc(&workspace, bytes));
        }
        must(cudnnBackendExecute(handle, plan,
                                 d.pack({2, 3, 1}, {w.data, y.data, x.data}, workspace)));
        must(cudaStreamSynchronize(stream));
        if (workspace) {
            must(cudaFree(workspace));
        }
    }

    /* The largest share of the allowed error: eps for each of the inputs' roundings. */
    double worst(float alpha, float beta, const std::vector<float> &before, double eps) const {
        std::vector<double> want, size;
        naive(z, way, a, b, &want, &size);
        std::vector<float> got = out->get();
        double most = 0;
        for (size_t i = 0; i < got.size(); i++) {
            double old = beta == 0 ? 0 : (double)beta * before[i];
            double value = alpha * want[i] + old;
            double scale = fabs(alpha) * size[i] + fabs(old);
            double allowed = (eps + 4096 * ldexp(1, -24)) * scale + 1e-30;
            if (bf16) {
                allowed += ldexp(fabs(value), -8);
            }
            double share = fabs(got[i] - value) / allowed;
            if (!(share <= 1e30)) {
                return INFINITY;
            }
            most = share > most ? share : most;
        }
        return most;
    }

    Shape z;
    Way way;
    bool bf16;
    Array x, w, y;
    Array *out;
    std::vector<float> a, b;
};

static void check_result(const Shape &z, Way way, bool bf16, float alpha, float beta) {
    Descriptors d;
    Case c(z, way, bf16);
    std::vector<float> before = random_values(c.out->count, 3, bf16);
    if (beta != 0) {
        c.out->set(before); /* else it is poison, and must not be read */
    }
    cudnnBackendDescriptor_t plan = choose(d, c.graph(d, alpha, beta), {true, false});
    assert_non_null(plan);
    c.run(d, plan);
    double share = c.worst(alpha, beta, before, 0);
    if (!(share <= 1)) {
        print_error("shape %d %d %d %d %d, way %d, bf16 %d: %g of the allowed error\n", z.n, z.c,
                    z.h, z.k, z.r, way, bf16, share);
    }
    assert_true(share <= 1);
}

static void test_results(void **) {
    for (const Shape &z : shapes) {
        for (Way way : {FORWARD, DATA, FILTER}) {
            check_result(z, way, false, 1, 0);
            check_result(z, way, true, 1, 0);
        }
    }
}

static void test_alpha_beta(void **) {
    for (Way way : {FORWARD, DATA, FILTER}) {
        check_result(shapes[0], way, false, 0.5f, 2);
        check_result(shapes[0], way, true, 0.5f, 2);
    }
}

/* Another comparer would take anything: one wrong element must be seen. */
static void test_comparison(void **) {
    Case c(shapes[0], FORWARD, false);
    std::vector<double> want, size;
    naive(c.z, c.way, c.a, c.b, &want, &size);
    std::vector<float> good(want.begin(), want.end());
    c.out->set(good);
    assert_true(c.worst(1, 0, good, 0) <= 1);
    good[7] += 0.01f;
    c.out->set(good);
    assert_false(c.worst(1, 0, good, 0) <= 1);
    good[7] = NAN;
    c.out->set(good);
    assert_false(c.worst(1, 0, good, 0) <= 1);
}

/* A shape for which there is a plan of this kind. */
static cudnnBackendDescriptor_t plan_for(Descriptors &d, Case **c, Way way, bool bf16, Wish wish) {
    for (const Shape &z : shapes) {
        *c = new Case(z, way, bf16);
        cudnnBackendDescriptor_t plan = choose(d, (*c)->graph(d, 1, 0), wish);
        if (plan) {
            return plan;
        }
        delete *c;
    }
    *c = nullptr;
    return nullptr;
}

static void test_tf32(void **) {
    for (Way way : {FORWARD, DATA, FILTER}) {
        Descriptors d;
        Case *c;
        cudnnBackendDescriptor_t plan = plan_for(d, &c, way, false, {true, true});
        assert_non_null(plan);
        c->run(d, plan);
        assert_true(c->worst(1, 0, {}, 2 * ldexp(1, -11)) <= 1);
        std::vector<uint32_t> rounded = c->out->bits();
        c->run(d, choose(d, c->graph(d, 1, 0), {true, false}));
        assert_true(rounded != c->out->bits()); /* that it rounds its inputs is visible */
        delete c;
    }
}

/* Deterministic engines repeat their bits, the others do not; bf16 is the same on tensor cores. */
static void test_determinism(void **) {
    for (Way way : {FORWARD, DATA, FILTER}) {
        for (bool bf16 : {false, true}) {
            for (bool cores : {false, true}) {
                Descriptors d;
                Case *c;
                cudnnBackendDescriptor_t plan = plan_for(d, &c, way, bf16, {true, cores});
                assert_non_null(plan);
                c->run(d, plan);
                std::vector<uint32_t> once = c->out->bits();
                c->run(d, plan);
                assert_true(once == c->out->bits());
                if (bf16 && cores) {
                    c->run(d, choose(d, c->graph(d, 1, 0), {true, false}));
                    assert_true(once == c->out->bits());
                }
                cudnnBackendDescriptor_t loose = choose(d, c->graph(d, 1, 0), {false, false});
                assert_non_null(loose);
                c->run(d, loose);
                once = c->out->bits();
                c->run(d, loose);
                assert_true(once != c->out->bits());
                delete c;
            }
        }
    }
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),     cmocka_unit_test(test_alpha_beta),
        cmocka_unit_test(test_comparison),  cmocka_unit_test(test_tf32),
        cmocka_unit_test(test_determinism),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
