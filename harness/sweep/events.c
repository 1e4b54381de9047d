#include "harness/sweep/events.h"

#include <ctype.h>
#include <stdio.h>

#include "harness/sweep/progress.h"

/* "resnet-20 A, seed 1" -> "resnet-20-A-seed-1" */
static void folder_name(char *title) {
    char *to = title;
    for (const char *from = title; *from; from++) {
        if (isalnum((unsigned char)*from) || *from == '.')
            *to++ = *from;
        else if (to > title && to[-1] != '-')
            *to++ = '-';
    }
    *to = '\0';
}

enum { PATH_SIZE = 640 };

static Status log_folder(const char *folder, const RunConfig *config, const char *key,
                         char path[PATH_SIZE]) {
    char title[96];
    run_title(config, title, sizeof title);
    folder_name(title);
    if (snprintf(path, PATH_SIZE, "%s/%s-%s", folder, title, key) >= PATH_SIZE)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %s", folder);
    return STATUS_OK;
}

Status events_begin(const char *folder, const RunConfig *config, const char *key,
                    EventFile **file) {
    char path[PATH_SIZE];
    TRY(log_folder(folder, config, key, path));
    return event_file_create(path, key, file);
}

Status events_continue(const char *folder, const RunConfig *config, const char *key, int64_t size,
                       EventFile **file) {
    char path[PATH_SIZE];
    TRY(log_folder(folder, config, key, path));
    return event_file_continue(path, key, size, file);
}

Status events_curve(EventFile *file, const CurveRow *row) {
    const EventScalar scalars[] = {
        {"lr", row->lr},
        {"train_loss", row->train_loss},
        {"train_error_pct", row->train_error_pct},
        {"train_eval_loss", row->train_eval_loss},
        {"train_eval_error_pct", row->train_eval_error_pct},
        {"test_loss", row->test_loss},
        {"test_error_pct", row->test_error_pct},
        {"validation_error_pct", row->validation_error_pct},
    };
    return event_file_scalars(file, row->iteration, scalars,
                              (int)(sizeof scalars / sizeof scalars[0]));
}

Status events_progress(EventFile *file, const TrainProgress *progress) {
    const EventScalar scalars[] = {
        {"window/loss", progress->loss},
        {"window/error_pct", progress->error_pct},
        {"window/lr", progress->lr},
        {"window/images_per_s", progress->images_per_s},
    };
    return event_file_scalars(file, progress->iteration, scalars,
                              (int)(sizeof scalars / sizeof scalars[0]));
}
