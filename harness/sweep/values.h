/* Values of columns as text. */
#ifndef HARNESS_SWEEP_VALUES_H
#define HARNESS_SWEEP_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where choices ("plain|resnet") hold the word; -1 when they do not. */
int64_t value_choice(const char *choices, const char *word);
/* The word at a place of the choices. */
void value_choice_name(const char *choices, int64_t index, char *text, size_t size);

/* A whole text as a number; false when it is anything else. No "inf", "nan", hexadecimals. */
bool value_real(const char *text, double *value);
bool value_int(const char *text, int64_t *value);
/* Equal as numbers ("1e-4" and "0.0001") or as text. */
bool value_same(const char *a, const char *b);
/* The shortest decimal that reads back as the same double. */
void value_put_real(double value, char *text, size_t size);

/* Blanks at the ends go, blanks between words become one: one spelling, one key. */
void value_squeeze(const char *value, char *text, size_t size);

#endif
