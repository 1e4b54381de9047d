/* The learning rate of each iteration. */
#ifndef HARNESS_TRAIN_SCHEDULE_H
#define HARNESS_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/status.h"

enum { SCHEDULE_MAX = 16 };

/* From iteration `from` on (0 is the first) the rate is the base rate times `factor`. */
typedef struct ScheduleStep {
    int64_t from;
    double factor;
} ScheduleStep;

typedef struct Schedule {
    int count;
    ScheduleStep steps[SCHEDULE_MAX]; /* from ascending */
} Schedule;

/* Text: "32000:0.1 48000:0.01", blanks between steps; "82e:0.1" counts epochs of `epoch_images`
 * images in batches of `batch`; "" is the constant rate. */
Status schedule_parse(const char *text, int64_t epoch_images, int batch, Schedule *schedule);
double schedule_rate(const Schedule *schedule, double base, int64_t iteration);

/* A lower rate until the training error has fallen below a bound (the paper's ResNet-110: 0.01
 * until 80 %). The error is that of blocks of WARMUP_BLOCK iterations. */
enum { WARMUP_BLOCK = 50 };

typedef struct Warmup {
    double rate;      /* 0: no warm-up */
    double below_pct; /* ends after the first block whose error is below */
} Warmup;

/* Text: "0.01 until 80"; "" is none. */
Status warmup_parse(const char *text, Warmup *warmup);

/* Follows a run: feed every iteration's errors and images, ask for the next rate. */
typedef struct WarmupState {
    bool over;
    int64_t errors, images;
    int iterations;
} WarmupState;

void warmup_feed(const Warmup *warmup, WarmupState *state, int64_t errors, int64_t images);

#endif
