#include "harness/report/stats.h"

#include <math.h>

Summary summarize(const double *values, int count) {
    Summary s = {0, NAN, NAN, NAN, NAN};
    double sum = 0;
    for (int i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        s.least = s.n && s.least < values[i] ? s.least : values[i];
        s.greatest = s.n && s.greatest > values[i] ? s.greatest : values[i];
        sum += values[i];
        s.n++;
    }
    if (s.n == 0)
        return s;
    s.mean = sum / s.n;
    double squares = 0;
    for (int i = 0; i < count; i++) {
        if (!isnan(values[i]))
            squares += (values[i] - s.mean) * (values[i] - s.mean);
    }
    if (s.n > 1)
        s.sd = sqrt(squares / (s.n - 1));
    return s;
}
