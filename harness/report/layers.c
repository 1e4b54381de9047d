#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/report/results.h"

static Status add(Run *run, LayerPoint point) {
    if ((run->layer_count & (run->layer_count - 1)) == 0) { /* full at powers of two */
        size_t capacity = run->layer_count ? 2 * (size_t)run->layer_count : 1;
        LayerPoint *points = realloc(run->layers, capacity * sizeof *points);
        if (!points)
            return status_fail(STATUS_NO_MEMORY, "no memory for layers");
        run->layers = points;
    }
    run->layers[run->layer_count++] = point;
    return STATUS_OK;
}

static Status read_row(const CsvTable *layers, int row, Run *run) {
    LayerPoint point;
    double kernel;
    TRY(cell_number(layers, row, "kernel", true, &kernel));
    TRY(cell_number(layers, row, "iteration", true, &point.iteration));
    TRY(cell_number(layers, row, "response_std", false, &point.response_std));
    TRY(cell_number(layers, row, "gradient_norm", false, &point.gradient_norm));
    return kernel > 1 ? add(run, point) : STATUS_OK;
}

Status layers_read(const char *path, Results *results) {
    CsvTable layers;
    Status status = STATUS_OK;
    int current = 0; /* rows of one run stand together */
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return STATUS_OK;
    TRY(csv_read(path, &layers));
    for (int row = 0; row < layers.rows; row++) {
        int run = run_of_row(results, &layers, row, current);
        if (run < 0)
            continue;
        current = run;
        CHECK(read_row(&layers, row, &results->runs[run]));
    }
out:
    csv_table_free(&layers);
    return status;
}
