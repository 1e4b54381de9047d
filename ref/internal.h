/* What the files of ref/ share: the State and the Program behind the contract. */
#ifndef REF_INTERNAL_H
#define REF_INTERNAL_H

#include "net/backend.h"

enum { REF_SECTIONS = 4 }; /* as many as there are Sections */

typedef struct RefState {
    State base;
    double **values[REF_SECTIONS]; /* [section][parameter]; NULL where a statistic has none */
} RefState;

typedef struct RefProgram {
    Program base;
    double **value;    /* [node]: max_batch outputs */
    double **gradient; /* [node] */
    int **index;       /* [node]: a max-pool's winners */
    double **mean;     /* [node]: a batch norm's means, [group][C] */
    double **var;
    double **factor;       /* [node]: a dropout's, max_batch outputs */
    double *probabilities; /* of the loss node */
    int32_t *labels;
    int32_t *samples; /* numbers of the images in their data set */
    uint32_t step;
    int divisor;
    double last_loss; /* sum of the last forward */
    Metrics sums;
    int64_t batches; /* MODE_RECALIBRATE: seen so far */
} RefProgram;

double *ref_value_of(const State *state, int param);
double *ref_gradient_of(const State *state, int param);

Status ref_state_create(Backend *backend, const Net *net, const Optimizer *optimizer,
                        State **state);
void ref_state_destroy(State *state);
Status ref_state_read(State *state, Section section, int param, float *values);
Status ref_state_write(State *state, Section section, int param, const float *values);
Status ref_state_read_wide(State *state, Section section, int param, double *values);
Status ref_state_write_wide(State *state, Section section, int param, const double *values);
Status ref_update(State *state, double lr);

Status ref_dataset_create(Backend *backend, const DatasetSpec *spec, Dataset **data);
void ref_dataset_destroy(Dataset *data);
/* x: count images of the net's input shape. */
void ref_gather(double *x, int32_t *labels, const Batch *batch, Shape shape);

Status ref_compile(State *state, const ProgramSpec *spec, Program **program);
void ref_program_destroy(Program *program);
Status ref_forward(Program *program, const Batch *batch);
Status ref_backward(Program *program, const float *dy);
Status ref_train_step(Program *program, const Batch *batch, double lr);
Status ref_metrics(Program *program, Metrics *metrics);
Status ref_tap_read(Program *program, int tap, float *values);

/* ref/forward.c and ref/backward.c: all nodes, in and against topological order. */
void ref_run_forward(RefProgram *program, int count);
void ref_run_backward(RefProgram *program, int count);

#endif
