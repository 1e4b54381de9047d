/* What identifies a run. */
#ifndef HARNESS_SWEEP_KEY_H
#define HARNESS_SWEEP_KEY_H

#include "harness/sweep/config.h"

enum { KEY_SIZE = 17, CANONICAL_SIZE = 2048 };

/* Every column as "name=value\n", in the order of the dictionary, but for late ones at their
 * unsaid value: equal texts are equal runs. */
void config_canonical(const RunConfig *config, char text[CANONICAL_SIZE]);
/* Puts in place of `auto` what the opened backend is and does. */
void config_resolve(RunConfig *config, const Backend *backend);
/* The column conv, with what `auto` is on this backend. */
ConvAlgorithm config_conv(const RunConfig *config, const Backend *backend);
/* A resolved precision column as the backends want it. */
Status precision_parse(const char *name, Precision *precision);
/* The first 16 hexadecimal digits of the SHA-256 of the canonical text, the data's sum and that of
 * the file init_weights ("": none): a run is what is in the file, not only its name. */
void run_key(const RunConfig *config, const char *dataset_sha256, const char *weights_sha256,
             char key[KEY_SIZE]);

#endif
