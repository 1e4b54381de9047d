/* The paper's curves behind ours. */
#include <math.h>

#include "harness/report/fig6.h"
#include "harness/report/figure.h"

/* What the loop over the panels fills. */
typedef struct Behind {
    Lines lines;
    int first[256], last[256]; /* of a panel, from 1; first > last: none */
} Behind;

/* Test error as a broad pale line, training error as a thin one; nothing where fewer than two
 * points lie within our training. */
static Status draw_cell(Behind *behind, const CsvTable *fig6, const Results *results,
                        const Cell *cell, double end) {
    PaperCurve curve;
    int within = 0;
    TRY(fig6_curve(fig6, results, cell, &curve));
    for (int i = 0; i < curve.count; i++)
        within += curve.iterations[i] <= end;
    for (int train = 0; within >= 2 && train < 2; train++) {
        lines_begin(&behind->lines,
                    STYLE_PAPER + style_of(depth_index(results, cell->depth)) +
                        (train ? STYLE_TRAIN : 0),
                    "", "");
        for (int i = 0; i < curve.count; i++) {
            double y = (train ? curve.train : curve.test)[i];
            if (!isnan(y) && curve.iterations[i] <= end)
                lines_point(&behind->lines, curve.iterations[i], y, y, y);
        }
    }
    fig6_free(&curve);
    return STATUS_OK;
}

/* A block that no panel draws keeps the names known where the paper has no curve. */
static void put(FILE *script, Behind *behind, int panels) {
    int count = behind->lines.count;
    lines_begin(&behind->lines, style_of(0), "", "");
    lines_point(&behind->lines, 0, -1, -1, -1);
    fflush(behind->lines.data);
    fflush(behind->lines.styles);
    fprintf(script, "any_paper = %d\n$paper << EOD\n%sEOD\n", count > 0, behind->lines.data_text);
    fprintf(script, "array paper_style[%d] = [%s]\n", count + 1, behind->lines.styles_text);
    put_ints(script, "paper_first", behind->first, panels);
    put_ints(script, "paper_last", behind->last, panels);
}

Status paper_put(FILE *script, const Results *results, double end) {
    CsvTable fig6 = {0};
    Behind behind = {0};
    Status status = STATUS_OK;
    int panels = results->series_count < 256 ? results->series_count : 256;
    TRY(fig6_open(&fig6));
    CHECK(lines_open(&behind.lines));
    for (int p = 0; p < panels; p++) {
        behind.first[p] = behind.lines.count + 1;
        for (int c = 0; c < results->cell_count; c++)
            if (results->cells[c].series == p)
                CHECK(draw_cell(&behind, &fig6, results, &results->cells[c], end));
        behind.last[p] = behind.lines.count;
    }
    put(script, &behind, panels);
out:
    lines_close(&behind.lines);
    csv_table_free(&fig6);
    return status;
}
