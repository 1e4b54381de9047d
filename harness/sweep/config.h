/* One run's configuration: the columns of an experiment, typed. The dictionary of columns
 * (names, types, choices, defaults, help) is in columns.c. */
#ifndef HARNESS_SWEEP_CONFIG_H
#define HARNESS_SWEEP_CONFIG_H

#include "harness/data/data.h"
#include "net/init.h"
#include "net/models.h"

typedef struct RunConfig {
    char model[32];
    int family, depth, shortcut, pad_side, block, width; /* enums of net/models.h */
    char dataset[32];
    int train_size, test_size; /* 0: all */
    int normalize;             /* Normalize */
    int augment;               /* AUGMENT_* of columns.c: none, flip, crop, crop_flip */
    int shuffle;               /* 0, 1 */
    int batch;
    int iterations; /* 0: epochs decide */
    double epochs;
    int optimizer, sgd_form; /* sgd, adam; caffe, torch */
    double lr;
    char schedule[128]; /* "32000:0.1 48000:0.01": from that iteration on, lr times the factor;
                           "160:..." with suffix e counts epochs: "82e:0.1" */
    char warmup[64]; /* "": none; "0.01 until 80": this rate until the train error is below 80 % */
    double momentum;
    int nesterov;
    double weight_decay;
    int decay_scope; /* DecayScope */
    int init;        /* InitKind */
    int bn_group;    /* 0: the batch */
    int bn_eval;     /* running, batch, ... */
    int eval_every;  /* iterations; 0: at the end only */
    int64_t seed;
    char backend[16], precision[16];
    int threads; /* 0: all */
    int select;  /* last, best_validation, ... */
} RunConfig;

void config_default(RunConfig *config);
/* Sets one column from text; STATUS_BAD_INPUT says what was found and what is allowed. */
Status config_set(RunConfig *config, const char *column, const char *value);
/* "column=value", as --set takes it. */
Status config_set_pair(RunConfig *config, const char *pair);
/* The canonical text of a column's value: config_set() of it gives the same value back. */
Status config_get(const RunConfig *config, const char *column, char *text, size_t size);
/* Combinations that make no sense (shortcut B with family plain, ...). */
Status config_check(const RunConfig *config);

ModelSpec config_model(const RunConfig *config, Shape input, int classes);
Optimizer config_optimizer(const RunConfig *config);

#endif
