#include "harness/train/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double step_latest = 1e15; /* whole numbers up to here are exact in a double */

/* One step at *text; moves *text behind it. */
static Status parse_step(const char **text, int64_t epoch_images, int batch, ScheduleStep *step) {
    char *end;
    const char *start = *text;
    double from = strtod(start, &end);
    bool epochs = *end == 'e';
    end += epochs;
    if (end == start || *end != ':' || !(from >= 0) || !isfinite(from))
        return status_fail(STATUS_BAD_INPUT,
                           "schedule '%s': expected ITERATION:FACTOR or EPOCHe:FACTOR, as in "
                           "\"32000:0.1 48000:0.01\"",
                           start);
    const char *factor = end + 1;
    step->factor = strtod(factor, &end);
    if (end == factor || (*end && *end != ' ') || !(step->factor >= 0) || !isfinite(step->factor))
        return status_fail(STATUS_BAD_INPUT, "schedule '%s': the factor must be a number from 0 on",
                           start);
    from = ceil(epochs ? from * (double)epoch_images / batch : from);
    if (!(from <= step_latest))
        return status_fail(STATUS_BAD_INPUT,
                           "schedule '%s': a step may begin at iteration %.0e at the latest", start,
                           step_latest);
    step->from = (int64_t)from;
    *text = end + strspn(end, " ");
    return STATUS_OK;
}

Status schedule_parse(const char *text, int64_t epoch_images, int batch, Schedule *schedule) {
    schedule->count = 0;
    text += strspn(text, " ");
    while (*text) {
        if (schedule->count == SCHEDULE_MAX)
            return status_fail(STATUS_BAD_INPUT, "schedule: more than %d steps", SCHEDULE_MAX);
        ScheduleStep *step = &schedule->steps[schedule->count];
        TRY(parse_step(&text, epoch_images, batch, step));
        if (schedule->count && step->from <= step[-1].from)
            return status_fail(STATUS_BAD_INPUT,
                               "schedule: iteration %lld follows %lld; steps must ascend",
                               (long long)step->from, (long long)step[-1].from);
        schedule->count++;
    }
    return STATUS_OK;
}

double schedule_rate(const Schedule *schedule, double base, int64_t iteration) {
    double factor = 1;
    for (int i = 0; i < schedule->count && schedule->steps[i].from <= iteration; i++)
        factor = schedule->steps[i].factor;
    return base * factor;
}

Status warmup_parse(const char *text, Warmup *warmup) {
    *warmup = (Warmup){0};
    if (!*text)
        return STATUS_OK;
    char rest;
    if (sscanf(text, "%lf until %lf %c", &warmup->rate, &warmup->below_pct, &rest) != 2 ||
        !(warmup->rate > 0) || !(warmup->below_pct > 0 && warmup->below_pct <= 100))
        return status_fail(STATUS_BAD_INPUT,
                           "warmup '%s': expected RATE until PERCENT, as in \"0.01 until 80\"",
                           text);
    return STATUS_OK;
}

void warmup_feed(const Warmup *warmup, WarmupState *state, int64_t errors, int64_t images) {
    if (warmup->rate == 0)
        state->over = true;
    if (state->over)
        return;
    state->errors += errors;
    state->images += images;
    if (++state->iterations < WARMUP_BLOCK)
        return;
    state->over = 100.0 * (double)state->errors < warmup->below_pct * (double)state->images;
    state->errors = state->images = state->iterations = 0;
}
