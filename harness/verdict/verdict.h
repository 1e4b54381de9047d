/* What a sweep has shown: the expectations and claims of an output folder, judged by its runs. */
#ifndef HARNESS_VERDICT_VERDICT_H
#define HARNESS_VERDICT_VERDICT_H

#include <stdio.h>

#include "harness/verdict/decide.h"
#include "harness/verdict/groups.h"

/* How the right side is compared with the left. */
typedef enum Method { ONE_SAMPLE, PAIRED, WELCH } Method;

/* One expectation, or one claim; texts are owned by the row. */
typedef struct VerdictRow {
    bool is_claim;
    char claim[256], source[256]; /* claim: "" of an expectation */
    char metric[40];
    char relation[4];           /* ">", "<=", "="; "=" of an expectation */
    double target, margin;      /* target: the expected value; 0 of a claim */
    char left[512], right[512]; /* a group's label; a claim's selectors; right: "" of none */
    Summary left_sample, right_sample;
    int runs, diverged, repeated; /* of both sides */
    Method method;
    MeanEstimate estimate; /* of the mean, or of left minus right */
    Band band;
    Decision decision;
} VerdictRow;

/* The same runs' test error by three rules of choosing the evaluation. */
typedef struct SelectionRow {
    char group[LABEL_MAX + 16];
    Summary last, validation, best; /* best: chosen by the test error itself */
    Summary optimism;               /* last minus best of each run */
    double ci_low, ci_high;         /* of its mean */
} SelectionRow;

typedef struct Verdicts {
    Results results;
    Groups groups;
    Level level;
    VerdictRow *rows; /* expectations, then claims, in the order of their files */
    int count, capacity;
    SelectionRow *selection; /* one a group */
    int unfinished;          /* runs with an expectation that are not in runs.csv */
} Verdicts;

/* Reads DIR/runs.csv and, where they are, DIR/expectations.csv and every DIR/NAME.claims.csv, and
 * judges. STATUS_BAD_INPUT: a broken file (file, line, column). On failure nothing is to be freed.
 */
Status verdicts_read(const char *dir, Level level, Verdicts *verdicts);
void verdicts_free(Verdicts *verdicts);
/* How many have that outcome. */
int verdicts_count(const Verdicts *verdicts, Verdict outcome);
/* The verdict in words, with the diverged runs. */
void verdict_words(const VerdictRow *row, char *text, size_t size);
const char *method_name(Method method);

/* DIR/verdict.csv and DIR/selection_bias.csv, replaced at once. */
Status verdicts_write(const char *dir, const Verdicts *verdicts);
/* For a terminal. */
void verdicts_print(FILE *file, const Verdicts *verdicts);
/* The same without the selection bias. */
void verdicts_print_verdicts(FILE *file, const Verdicts *verdicts);

/* How a sweep ends: judges the folder at LEVEL_DEFAULT, replaces both files and, where something is
 * expected or claimed, prints the verdicts after an empty line. As verdicts_read(). */
Status verdicts_conclude(const char *dir);

/* Reads a file of claims without judging: what is wrong with it is told before anything trains. */
Status claims_check(const char *path);

/* Private to this folder: each appends rows. */
Status expectations_judge(const char *dir, Verdicts *verdicts);
Status claims_judge(const char *dir, Verdicts *verdicts);
Status selection_judge(Verdicts *verdicts);
Status verdicts_add(Verdicts *verdicts, const VerdictRow *row);
void verdicts_csv(FILE *file, const Verdicts *verdicts);
void selection_csv(FILE *file, const Verdicts *verdicts);

#endif
