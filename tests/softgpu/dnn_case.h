/* For the tests of cuDNN and cuBLAS: device arrays, one convolution as a program would set it up,
 * and the naive loop that its results are compared with. */
#ifndef SOFTGPU_DNN_CASE_H
#define SOFTGPU_DNN_CASE_H

#include <functional>
#include <string>
#include <vector>

#include "cudnn.h"
#include "softgpu.h"

/* What the tests share: made by start(), destroyed by finish(), which fails when something leaks.
 */
extern cudnnHandle_t handle;
extern cudaStream_t stream;
int start(void **state);
int finish(void **state);

/* A device array of numbers; bf16 or fp32. Aborts when the card refuses. */
class Array {
  public:
    explicit Array(size_t count, bool bf16 = false);
    ~Array();
    Array(const Array &) = delete;
    Array &operator=(const Array &) = delete;
    void set(const std::vector<float> &values);
    std::vector<float> get() const;
    std::vector<uint32_t> bits() const;

    void *data;
    size_t count;
    bool bf16;
};

/* Random numbers in [-1, 1), exact in the format. */
std::vector<float> random_values(size_t count, uint64_t seed, bool bf16);

enum Way { FORWARD, DATA, FILTER };

struct Shape {
    int n, c, h, w, k, r, s, pad, stride, dilation;
    int p() const {
        return (h + 2 * pad - (r - 1) * dilation - 1) / stride + 1;
    }
    int q() const {
        return (w + 2 * pad - (s - 1) * dilation - 1) / stride + 1;
    }
    size_t x_count() const {
        return (size_t)n * c * h * w;
    }
    size_t w_count() const {
        return (size_t)k * c * r * s;
    }
    size_t y_count() const {
        return (size_t)n * k * p() * q();
    }
};

/* out = the convolution or a gradient, and size = the sum of the products' absolute values, which
 * bounds the error. a, b: its inputs in the order x, w, y. */
void naive(const Shape &z, Way way, const std::vector<float> &a, const std::vector<float> &b,
           std::vector<double> *out, std::vector<double> *size);

/* Descriptors that live as long as this; all calls must succeed. */
class Descriptors {
  public:
    Descriptors() = default;
    ~Descriptors();
    Descriptors(const Descriptors &) = delete;
    Descriptors &operator=(const Descriptors &) = delete;
    cudnnBackendDescriptor_t make(cudnnBackendDescriptorType_t type);
    /* A tensor that is not finalised yet; uid 1 x, 2 w, 3 y. */
    cudnnBackendDescriptor_t tensor(int64_t uid, cudnnDataType_t type, int n, int c, int h, int w);
    cudnnBackendDescriptor_t convolution(const Shape &z);
    /* Not finalised yet. */
    cudnnBackendDescriptor_t operation(Way way, cudnnBackendDescriptor_t conv,
                                       cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                                       cudnnBackendDescriptor_t y, float alpha, float beta);
    cudnnBackendDescriptor_t graph(cudnnBackendDescriptor_t operation);
    /* From shape to finalised graph. `out`: the output's type. */
    cudnnBackendDescriptor_t graph(const Shape &z, Way way, cudnnDataType_t type,
                                   cudnnDataType_t out, float alpha, float beta);
    std::vector<cudnnBackendDescriptor_t> list(cudnnBackendDescriptor_t graph,
                                               cudnnBackendHeurMode_t mode);
    /* NULL and the status when it does not finalise. */
    cudnnBackendDescriptor_t plan(cudnnBackendDescriptor_t config, cudnnStatus_t *status);
    cudnnBackendDescriptor_t pack(const std::vector<int64_t> &uids,
                                  const std::vector<void *> &pointers, void *workspace);

  private:
    std::vector<cudnnBackendDescriptor_t> all;
};

cudnnStatus_t set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t count, const void *elements);
void must(cudnnStatus_t status);
void must(cudaError_t error);
bool has_note(cudnnBackendDescriptor_t config, cudnnBackendNumericalNote_t note);
int64_t engine_index(cudnnBackendDescriptor_t config);
size_t workspace_size(cudnnBackendDescriptor_t plan);

/* What an engine must be to be chosen. */
struct Wish {
    bool deterministic, tensor_core;
};
/* The first plan that finalises and is as wished, from mode A, then FALLBACK; NULL: none. */
cudnnBackendDescriptor_t choose(Descriptors &d, cudnnBackendDescriptor_t graph, Wish wish);

/* True when `action` aborts, and says `words` before. Runs it in a child process. */
bool dies(const std::function<void()> &action, const char *words);

#endif
