/* A State's numbers as doubles, which hold floats exactly, laid out as the net counts them: all
 * learned parameters, or all statistics, each at its offset. */
#ifndef HARNESS_TRAIN_STATE_VALUES_H
#define HARNESS_TRAIN_STATE_VALUES_H

#include "net/backend.h"

typedef struct StateValues {
    State *state;  /* borrowed */
    float *floats; /* room for one parameter's */
} StateValues;

/* The caller closes, also after a failure. */
Status state_values_open(StateValues *values, State *state);
void state_values_close(StateValues *values);
/* learned_count doubles. */
Status state_values_read(StateValues *values, Section section, double *learned);
Status state_values_write(StateValues *values, Section section, const double *learned);
/* statistic_count doubles. */
Status state_values_read_statistics(StateValues *values, double *statistics);
Status state_values_write_statistics(StateValues *values, const double *statistics);

#endif
