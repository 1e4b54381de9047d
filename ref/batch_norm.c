/* Ioffe and Szegedy 2015, algorithm 1. Per channel c, over the M = N H W values of a group:
 *   mean = sum x / M,  var = sum (x - mean)^2 / M,  xhat = (x - mean) / sqrt(var + eps)
 *   y = w xhat + b
 * Its derivatives:
 *   db = sum dy,  dw = sum dy xhat
 *   dx = w / sqrt(var + eps) (dy - db / M - xhat dw / M)   statistics of this group
 *   dx = w / sqrt(var + eps) dy                            constant statistics */
#include <math.h>

#include "ref/ops.h"

static const double *plane(const double *x, int n, int c, Shape shape) {
    return x + ((size_t)n * shape.c + c) * shape.h * shape.w;
}

void ref_batch_norm_statistics(double *mean, double *var, const double *x, int N, Shape shape) {
    int area = shape.h * shape.w;
    double M = (double)N * area;
    for (int c = 0; c < shape.c; c++) {
        double sum = 0, square = 0;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < area; i++)
                sum += plane(x, n, c, shape)[i];
        mean[c] = sum / M;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < area; i++) {
                double away = plane(x, n, c, shape)[i] - mean[c];
                square += away * away;
            }
        var[c] = square / M;
    }
}

void ref_batch_norm_forward(double *y, const double *x, const double *w, const double *b,
                            const double *mean, const double *var, int N, Shape shape) {
    int area = shape.h * shape.w;
    for (int n = 0; n < N; n++)
        for (int c = 0; c < shape.c; c++) {
            double inverse = 1 / sqrt(var[c] + BN_EPS);
            const double *from = plane(x, n, c, shape);
            double *to = y + (from - x);
            for (int i = 0; i < area; i++)
                to[i] = w[c] * ((from[i] - mean[c]) * inverse) + b[c];
        }
}

void ref_batch_norm_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                             const double *w, const double *mean, const double *var, bool constant,
                             int N, Shape shape) {
    int area = shape.h * shape.w;
    double M = (double)N * area;
    for (int c = 0; c < shape.c; c++) {
        double inverse = 1 / sqrt(var[c] + BN_EPS), sum = 0, sum_xhat = 0;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < area; i++) {
                double g = plane(dy, n, c, shape)[i];
                sum += g;
                sum_xhat += g * (plane(x, n, c, shape)[i] - mean[c]) * inverse;
            }
        db[c] += sum;
        dw[c] += sum_xhat;
        if (constant)
            sum = sum_xhat = 0;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < area; i++) {
                size_t at = (size_t)(plane(x, n, c, shape) - x) + (size_t)i;
                double xhat = (x[at] - mean[c]) * inverse;
                dx[at] += w[c] * inverse * (dy[at] - sum / M - xhat * sum_xhat / M);
            }
    }
}
