/* One run's configuration: the columns of an experiment, typed. The dictionary of columns
 * (names, types, choices, defaults, help) is in columns.c. */
#ifndef HARNESS_SWEEP_CONFIG_H
#define HARNESS_SWEEP_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "harness/data/data.h"
#include "harness/train/trainer.h"
#include "net/init.h"
#include "net/models.h"

/* Values of the choice columns; the order is that of their choices in columns.c. */
typedef enum Augment { AUGMENT_NONE, AUGMENT_FLIP, AUGMENT_CROP, AUGMENT_CROP_FLIP } Augment;
typedef enum OptimizerChoice { CHOOSE_SGD, CHOOSE_ADAM } OptimizerChoice;
enum { CONV_AUTO = CONV_ALGORITHM_WINOGRAD + 1 };
typedef enum Select { SELECT_LAST, SELECT_BEST_VALIDATION, SELECT_BEST_TEST } Select;

/* A word that stands for 0 (train_size = all) is said in brackets. */
typedef struct RunConfig {
    char model[32];
    int64_t family, depth, shortcut, pad_side, block, width; /* enums of net/models.h; [auto] */
    char dataset[32];
    int64_t train_size, test_size; /* [all] */
    int64_t resize, test_resize;   /* [none] */
    int64_t input_size;            /* [data] */
    int64_t normalize;             /* Normalize */
    int64_t augment;               /* Augment */
    int64_t shuffle;               /* 0, 1 */
    int64_t batch;
    int64_t last_batch; /* LastBatch */
    int64_t iterations; /* [epochs]: epochs decide */
    double epochs;      /* [iterations]: iterations decide */
    int64_t optimizer;  /* OptimizerChoice */
    int64_t sgd_form;   /* 0 caffe, 1 torch */
    double lr;
    char schedule[128]; /* "32000:0.1 48000:0.01": from that iteration on, lr times the factor;
                           "82e:0.1" counts epochs; "none" */
    char warmup[64];    /* "0.01 until 80": this rate until the train error is below 80 %; "none" */
    double momentum;    /* of SGD; Adam's beta1 */
    int64_t nesterov;   /* 0, 1 */
    double weight_decay;
    int64_t decay_scope;    /* DecayScope */
    int64_t init;           /* InitKind */
    char init_weights[240]; /* a file's name; "none" */
    int64_t bn_group;       /* [batch] */
    int64_t shares;
    int64_t bn_eval;    /* BnEval */
    int64_t eval_every; /* iterations [end]: at the end only */
    int64_t seed;
    char backend[16], precision[16];
    int64_t threads; /* [auto]: all */
    int64_t profile, first_kernel, bottleneck_stride;
    int64_t select;     /* Select */
    int64_t conv;       /* ConvAlgorithm, or CONV_AUTO */
    int64_t activation; /* Activation */
    int64_t gate;       /* Gate */
    double gate_bias, shortcut_scale, residual_scale, shortcut_dropout;
    char blocks[64], channels[64], bottlenecks[64]; /* "3 3 3"; "none" */
} RunConfig;

/* The paper's choices: experiments/README.md. */
void config_default(RunConfig *config);
/* Sets one column from text; STATUS_BAD_INPUT says what was found and what is allowed. Setting one
 * of iterations and epochs unsets the other. */
Status config_set(RunConfig *config, const char *column, const char *value);
/* "column=value", as --set takes it. */
Status config_set_pair(RunConfig *config, const char *pair);
/* "column=value,column=value". */
Status config_set_list(RunConfig *config, const char *pairs);
/* The canonical text of a column's value: config_set() of it gives the same value back. */
Status config_get(const RunConfig *config, const char *column, char *text, size_t size);
/* Replaces what was left to the model by the model's own choices: a row of results says what ran.
 * STATUS_BAD_INPUT for a choice that the model does not offer; the message begins with its name. */
Status config_settle(RunConfig *config);
/* Combinations that make no sense (shortcut B with family plain, ...). The message begins with the
 * name of a column. */
Status config_check(const RunConfig *config);

/* The file to start from; NULL: none. */
const char *config_init_weights(const RunConfig *config);
/* data: the shape of the stored images. A config that has not been settled gives a spec that
 * model_build() completes. */
ModelSpec config_model(const RunConfig *config, Shape data, int classes);
Optimizer config_optimizer(const RunConfig *config);

#endif
