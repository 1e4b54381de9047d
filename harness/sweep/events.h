/* A run's TensorBoard log: DIR/NAME-KEY/events.out.tfevents.KEY, where NAME is the run's title.
 *
 * At each evaluation the columns of curves.csv under their own names; with every progress report
 * window/loss, window/error_pct, window/lr and window/images_per_s, of the iterations since the one
 * before. The step is the number of iterations done. */
#ifndef HARNESS_SWEEP_EVENTS_H
#define HARNESS_SWEEP_EVENTS_H

#include "harness/sweep/config.h"
#include "harness/tensorboard/event_file.h"
#include "harness/train/trainer.h"

/* Begins the log of a run anew; the caller ends it with event_file_close(). */
Status events_begin(const char *folder, const RunConfig *config, const char *key, EventFile **file);
/* Goes on with it after its first `size` bytes. */
Status events_continue(const char *folder, const RunConfig *config, const char *key, int64_t size,
                       EventFile **file);
Status events_curve(EventFile *file, const CurveRow *row);
Status events_progress(EventFile *file, const TrainProgress *progress);

#endif
