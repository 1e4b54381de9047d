/* A rig for tests: it owns its net and its backend, and every error fails the running test. */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "harness/check/rig.h"

/* Takes the net. As rig_begin() on a backend opened by name. */
void rig_open(Rig *rig, const char *backend, int threads, Net *net, int batch,
              const Optimizer *optimizer);
void rig_close(Rig *rig);
/* After images or labels have been changed: a backend may hold a copy of them. */
void rig_reload(Rig *rig);
/* Writes the random parameters again. */
void rig_reset(Rig *rig);
Program *rig_program(Rig *rig, Mode mode, int bn_group, const Tap *taps, int tap_count);
/* What a checkpoint carries over, to a rig of the same net and optimiser: values, moments and the
 * count of updates. */
void rig_hand_over(Rig *to, const Rig *from);
/* Moves the batch norms' biases by `shift`, so that no ReLU is near its kink, where a rounding
 * error turns a mask and moves a gradient by 1 %: two channels of three are passed, one is not. */
void rig_move_apart(Rig *rig, float shift);
/* A parameter's values in a new array. */
float *rig_read(const Rig *rig, Section section, int param);
/* A tap's values in a new array, *count of them. */
float *rig_tap(const Rig *rig, Program *program, int tap, size_t *count);

/* For main(): true when the backend cannot be opened here, which is said aloud: return
 * TEST_SKIPPED. Any other failure to open is left for the tests to report. */
bool backend_is_missing(const char *backend);
enum { TEST_SKIPPED = 77 };

/* Fails the test with the recorded message. */
void rig_check(Status status, const char *what);
#define OK(call) rig_check(call, #call)

#endif
