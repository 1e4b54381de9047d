#include "harness/sweep/progress.h"

#include "harness/base/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PLAIN_LINE_SECONDS = 30 };

static double monotonic(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void format_duration(double seconds, char *text, size_t size) {
    long long s = isfinite(seconds) && seconds < 1e15 ? llround(seconds) : -1;
    if (s < 0)
        snprintf(text, size, "?");
    else if (s < 60)
        snprintf(text, size, "%lld s", s);
    else if (s < 3600)
        snprintf(text, size, "%lld min %02lld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, size, "%lld h %02lld min", s / 3600, s / 60 % 60);
    else
        snprintf(text, size, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

void run_title(const RunConfig *config, char *text, size_t size) {
    char family[32], shortcut[32] = "";
    config_get(config, "family", family, sizeof family);
    if (strcmp(config->model, "resnet_cifar") != 0) {
        snprintf(text, size, "%s ", config->model);
        size -= strlen(text);
        text += strlen(text);
    }
    if (config->family == FAMILY_RESNET) {
        shortcut[0] = ' ';
        config_get(config, "shortcut", shortcut + 1, sizeof shortcut - 1);
    }
    snprintf(text, size, "%s-%lld%s, seed %lld", family, (long long)config->depth, shortcut,
             (long long)config->seed);
}

/* A renewed line must not wrap: only its last row could be cleared. */
static int terminal_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

/* A line that stays; on a terminal it takes the place of the renewed one. */
__attribute__((format(printf, 2, 3))) static void line(const Progress *p, const char *format, ...) {
    va_list args;
    if (p->quiet)
        return;
    if (p->terminal) {
        fputs("\r\033[K", stderr);
    } else {
        char stamp[32];
        time_t now = time(NULL);
        struct tm local;
        localtime_r(&now, &local);
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
        fprintf(stderr, "%s ", stamp);
    }
    fprintf(stderr, "[%d/%d] %s: ", p->number, p->total, p->title);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void progress_begin(Progress *p, const Sweep *sweep, bool quiet) {
    *p = (Progress){.sweep = sweep, .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
    if (!quiet && sweep->backend)
        cli_note_backend(sweep->backend_note, sweep->backend->ops->name);
    for (int i = 0; i < sweep->count; i++) {
        p->total += sweep->runs[i].selected || sweep->only;
        if (!sweep->runs[i].selected)
            continue;
        if (!sweep_finished(sweep, i))
            p->work_left += sweep->runs[i].work;
    }
}

static void turn_to(Progress *p, int run) {
    p->run = run;
    p->number = p->sweep->only ? run + 1 : 0;
    for (int i = 0; i <= run && !p->sweep->only; i++)
        p->number += p->sweep->runs[i].selected;
    run_title(&p->sweep->runs[run].config, p->title, sizeof p->title);
}

void progress_skip(Progress *p, int run, const char *why) {
    turn_to(p, run);
    line(p, "%s, %s", why, p->sweep->runs[run].key);
}

void progress_run(Progress *p, int run) {
    turn_to(p, run);
    p->work_left -= p->sweep->runs[run].work;
    p->next_line = monotonic() + PLAIN_LINE_SECONDS;
    if (!p->terminal)
        line(p, "begins, %s", p->sweep->runs[run].key);
}

void progress_end_run(Progress *p, Status status, const TrainResult *result) {
    char took[32];
    format_duration(result->seconds, took, sizeof took);
    if (status != STATUS_OK)
        line(p, "%s", status_message());
    else if (result->diverged)
        line(p, "diverged at iteration %lld", (long long)result->iterations);
    else
        line(p, "train error %.2f %%, test error %.2f %%, %.0f images/s, %s",
             result->last.train_error_pct, result->last.test_error_pct, result->images_per_s, took);
    if (status == STATUS_OK && !result->diverged) {
        p->work_done += p->sweep->runs[p->run].work;
        p->seconds += result->seconds;
    }
}

void progress_curve(void *context, const CurveRow *row) {
    const Progress *p = context;
    if (p->terminal)
        return; /* the renewed line says enough; curves.csv has it all */
    line(p,
         "iteration %lld, epoch %.2f, lr %g, train loss %.4f, error %.2f %%, clean error %.2f %%, "
         "test loss %.4f, error %.2f %%",
         (long long)row->iteration, row->epoch, row->lr, row->train_loss, row->train_error_pct,
         row->train_eval_error_pct, row->test_loss, row->test_error_pct);
}

void progress_note(void *context, const char *text) {
    line(context, "%s", text);
}

/* Seconds until the sweep is done: what is left of this run, and the work of the runs after it at
 * the pace of the work so far. */
static double all_left(const Progress *p, const TrainProgress *step) {
    double part = (double)step->iteration / (double)step->iterations;
    double work = p->sweep->runs[p->run].work * part + p->work_done;
    double spent = step->seconds_left / (1 - part + 1e-9) * part + p->seconds;
    return step->seconds_left + (work > 0 ? p->work_left * spent / work : 0);
}

void progress_step(void *context, const TrainProgress *step) {
    Progress *p = context;
    char left[32], all[32];
    if (p->quiet || (!p->terminal && monotonic() < p->next_line))
        return;
    format_duration(step->seconds_left, left, sizeof left);
    format_duration(all_left(p, step), all, sizeof all);
    if (!p->terminal) {
        p->next_line = monotonic() + PLAIN_LINE_SECONDS;
        line(
            p,
            "iteration %lld of %lld, epoch %.2f, loss %.4f, error %.2f %%, %.0f images/s, %s left, "
            "%s for all",
            (long long)step->iteration, (long long)step->iterations, step->epoch, step->loss,
            step->error_pct, step->images_per_s, left, all);
        return;
    }
    char text[256];
    snprintf(text, sizeof text,
             "[%d/%d] %s: %lld/%lld, %s left (all: %s), error %.1f %%, loss %.3f, epoch %.1f, %.0f "
             "images/s",
             p->number, p->total, p->title, (long long)step->iteration, (long long)step->iterations,
             left, all, step->error_pct, step->loss, step->epoch, step->images_per_s);
    fprintf(stderr, "\r\033[K%.*s", terminal_width() - 1, text);
    fflush(stderr);
}
