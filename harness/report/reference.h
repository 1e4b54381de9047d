/* The paper's numbers, to stand beside ours: experiments/reference/paper_tables.csv. */
#ifndef HARNESS_REPORT_REFERENCE_H
#define HARNESS_REPORT_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/report/results.h"

typedef struct PaperValue {
    double value;       /* per cent; NaN: the paper has none for this net */
    double spread;      /* as given there; NaN: none */
    const char *source; /* "He2015 arXiv:1512.03385"; owned by the table */
    const char *table;  /* "Table 6" */
    const char *note;
} PaperValue;

/* Opens the project's own copy. */
Status reference_open(CsvTable *reference);
/* The paper's value of `metric` (test_error_pct, train_error_pct) for the net and the data set of a
 * row of runs.csv; only for nets of the paper's width and block. */
PaperValue reference_find(const CsvTable *reference, const Results *results, int row,
                          const char *metric);
/* The net of a run is one of Fig. 6 of He et al. 2015: plain, or with the paper's own shortcuts, on
 * CIFAR-10, in the original order of activation. */
bool reference_is_fig6_net(const Results *results, int row);
/* "iterations 200 (64000), batch 64 (128)": each way in which the runs are not the paper's CIFAR-10
 * protocol, theirs first, the paper's in brackets. Empty when they follow it. */
void protocol_differences(const Results *results, char *text, size_t size);

#endif
