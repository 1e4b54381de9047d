/* The dictionary of columns: the one place that says what an experiment may contain and what the
 * results mean. Read by config.c, `harness list columns` and experiments/README.md. */
#ifndef HARNESS_SWEEP_COLUMNS_H
#define HARNESS_SWEEP_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum ColumnType {
    COLUMN_INT,    /* int64_t from low to high; `zero` is the word for 0 */
    COLUMN_REAL,   /* finite double from low to high; `zero` is the word for 0 */
    COLUMN_SWITCH, /* int64_t 0 or 1 */
    COLUMN_CHOICE, /* int64_t: which of `choices` */
    COLUMN_WORD,   /* char[size]: one of `choices` */
    COLUMN_TEXT,   /* char[size]; config.c checks it */
    COLUMN_PATH,   /* char[size]: a file's name, taken as it is, or "none" */
} ColumnType;

/* An independent column: what the user may set. */
typedef struct Column {
    const char *name;
    ColumnType type;
    size_t offset, size; /* in RunConfig */
    double low, high;
    const char *zero;     /* word for 0, or NULL */
    const char *choices;  /* "plain|resnet" */
    const char *fallback; /* the default, as text */
    const char *help;
} Column;

/* A column of runs.csv, curves.csv or steps.csv that a run produces. */
typedef struct ResultColumn {
    const char *name;
    bool is_volatile; /* may differ between repeats on one machine: time, load, memory */
    const char *help;
} ResultColumn;

/* In the order of runs.csv. *count receives the length. */
const Column *columns_independent(int *count);
const ResultColumn *columns_result(int *count); /* of runs.csv, after the independent ones */
const ResultColumn *columns_curve(int *count);  /* of curves.csv */
const ResultColumn *columns_step(int *count);   /* of steps.csv */
const ResultColumn *columns_layer(int *count);  /* of layers.csv */
/* NULL when there is none. */
const Column *columns_find(const char *name);
/* Of a column that came after the first published results, what runs did before they could say it:
 * there it is no part of a key, so that their keys stay. NULL for any other column. */
const char *columns_unsaid(const Column *column);
/* True for a result of that name that may differ between repeats. */
bool columns_is_volatile(const char *name);
/* The name nearest to a misspelt one; NULL when none is near. */
const char *columns_nearest(const char *name);
/* "plain, resnet", "whole number from 1 to 100, or all", ... */
void columns_values(const Column *column, char *text, size_t size);
/* The tables of experiments/README.md, in Markdown. */
void columns_markdown(FILE *file);

#endif
