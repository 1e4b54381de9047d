#define _GNU_SOURCE
#include "harness/sweep/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/lock.h"
#include "harness/sweep/progress.h"

enum { LINE_MAX_BYTES = 4096, WAIT_MS = 200 };

typedef struct Job {
    pid_t process; /* 0: none */
    int run, pipe;
    char line[LINE_MAX_BYTES]; /* said so far, up to the end of the line */
    size_t said;
} Job;

typedef struct Jobs {
    Sweep *sweep;
    const JobsSpec *spec;
    Job *jobs;  /* spec->jobs of them */
    bool *over; /* one a run */
    int *failed;
    bool stopping;
} Jobs;

/* ---- processes ---- */

/* In the child: never returns. It ends with its parent, however that one ends. */
static void become_run(const Jobs *all, int run, int out, pid_t parent) {
    const JobsSpec *spec = all->spec;
    char number[16], **argv = calloc((size_t)spec->argc + 8, sizeof *argv);
    int count = 0;
    snprintf(number, sizeof number, "%d", spec->jobs);
    dup2(out, STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!argv || getppid() != parent)
        _exit(1);
    argv[count++] = "harness";
    argv[count++] = spec->argv[0];
    argv[count++] = "--only";
    argv[count++] = all->sweep->runs[run].key;
    argv[count++] = "--share";
    argv[count++] = number;
    for (int i = 1; i < spec->argc; i++)
        argv[count++] = spec->argv[i];
    execv("/proc/self/exe", argv);
    _exit(1);
}

static Status start(Jobs *all, Job *job, int run) {
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return status_fail(STATUS_IO, "no pipe to a run's process: %s", strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        become_run(all, run, ends[1], parent);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return status_fail(STATUS_IO, "cannot start a process for a run: %s", strerror(errno));
    }
    *job = (Job){.process = child, .run = run, .pipe = ends[0]};
    return STATUS_OK;
}

static void say(Job *job) {
    if (job->said)
        fprintf(stderr, "%.*s\n", (int)job->said, job->line);
    job->said = 0;
}

/* False at the end of what it says: it has ended. */
static bool listen_to(Job *job) {
    char bytes[LINE_MAX_BYTES];
    ssize_t got = read(job->pipe, bytes, sizeof bytes);
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] != '\n' && job->said < sizeof job->line)
            job->line[job->said++] = bytes[i];
        if (bytes[i] == '\n' || job->said == sizeof job->line)
            say(job);
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* ---- what became of a run ---- */

static Status record_crash(Jobs *all, int run, int signal_number) {
    char why[128];
    Claim claim;
    snprintf(why, sizeof why, "its process was ended by signal %d (%s)", signal_number,
             strsignal(signal_number));
    fprintf(stderr, "harness: %s: %s\n", all->sweep->runs[run].key, why);
    TRY(output_claim(&all->sweep->output, all->sweep->runs[run].key, false, &claim));
    Status status = STATUS_OK;
    if (claim.state == CLAIM_MINE) /* else somebody else has taken it over */
        status = sweep_record_failure(all->sweep, run, "crashed", why);
    output_release(&claim);
    return status;
}

/* Somebody wants the run to stop: no fault of the run, which goes on another time. */
static bool was_stopped(const Jobs *all, int state) {
    const volatile sig_atomic_t *stop = all->spec->stop;
    int number = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
    return all->stopping || (stop && *stop) || number == SIGINT || number == SIGTERM ||
           number == SIGHUP;
}

static Status settle(Jobs *all, Job *job) {
    int state = 0;
    say(job);
    close(job->pipe);
    while (waitpid(job->process, &state, 0) < 0 && errno == EINTR)
        continue;
    job->process = 0;
    all->over[job->run] = true;
    bool bad = !WIFEXITED(state) || WEXITSTATUS(state) != 0, stopped = was_stopped(all, state);
    *all->failed += bad && !all->stopping;
    if (WIFSIGNALED(state) && !stopped)
        TRY(record_crash(all, job->run, WTERMSIG(state)));
    return all->stopping ? STATUS_OK : sweep_rebuild(all->sweep);
}

/* ---- the loop ---- */

/* Left to do, and nobody else is training it. */
static bool can_start(const Jobs *all, int run) {
    char path[OUTPUT_PATH_SIZE];
    const Sweep *sweep = all->sweep;
    for (int i = 0; i < all->spec->jobs; i++)
        if (all->jobs[i].process && all->jobs[i].run == run)
            return false;
    output_path(&sweep->output, sweep->runs[run].key, OUTPUT_LOCK, path);
    return !all->over[run] && !lock_is_held(path);
}

static bool is_over(const Jobs *all, int run) {
    const Sweep *sweep = all->sweep;
    return all->over[run] || output_is_over(&sweep->output, sweep->runs[run].key, all->spec->retry);
}

static Status start_what_can(Jobs *all) {
    int run = 0, count = all->sweep->count;
    for (int i = 0; i < all->spec->jobs; i++) {
        if (all->jobs[i].process)
            continue;
        for (; run < count; run++) {
            all->over[run] = is_over(all, run);
            if (can_start(all, run))
                break;
        }
        if (run < count)
            TRY(start(all, &all->jobs[i], run++));
    }
    return STATUS_OK;
}

static void stop_all(Jobs *all) {
    all->stopping = true;
    for (int i = 0; i < all->spec->jobs; i++)
        if (all->jobs[i].process)
            kill(all->jobs[i].process, SIGTERM);
}

/* Hands on what is said, and settles what has ended. */
static Status wait_a_little(Jobs *all) {
    struct pollfd fds[JOBS_MAX];
    int jobs = all->spec->jobs;
    for (int i = 0; i < jobs; i++)
        fds[i] = (struct pollfd){all->jobs[i].process ? all->jobs[i].pipe : -1, POLLIN, 0};
    if (poll(fds, (nfds_t)jobs, WAIT_MS) <= 0)
        return STATUS_OK;
    for (int i = 0; i < jobs; i++)
        if (fds[i].revents && !listen_to(&all->jobs[i]))
            TRY(settle(all, &all->jobs[i]));
    return STATUS_OK;
}

static bool anything_left(const Jobs *all) {
    for (int i = 0; i < all->spec->jobs; i++)
        if (all->jobs[i].process)
            return true;
    for (int i = 0; i < all->sweep->count && !all->stopping; i++)
        if (!all->over[i])
            return true;
    return false;
}

static Status train_all(Jobs *all) {
    const volatile sig_atomic_t *stop = all->spec->stop;
    for (;;) {
        if (stop && *stop && !all->stopping)
            stop_all(all);
        if (!all->stopping)
            TRY(start_what_can(all));
        if (!anything_left(all))
            break;
        TRY(wait_a_little(all));
    }
    return all->stopping ? status_fail(STATUS_INTERRUPTED, "stopped") : STATUS_OK;
}

static void end_all(Jobs *all) {
    stop_all(all);
    for (int i = 0; i < all->spec->jobs; i++)
        while (all->jobs[i].process)
            if (!listen_to(&all->jobs[i]))
                settle(all, &all->jobs[i]);
}

/* A run that has failed before is told of, and counted. */
static bool was_over(Jobs *all, int run) {
    char status[32], title[96];
    const SweepRun *r = &all->sweep->runs[run];
    if (!output_is_over(&all->sweep->output, r->key, all->spec->retry))
        return false;
    output_cell(&all->sweep->output, r->key, "status", status, sizeof status);
    run_title(&r->config, title, sizeof title);
    if (strcmp(status, "failed") == 0 || strcmp(status, "crashed") == 0) {
        ++*all->failed;
        fprintf(stderr, "harness: %s: %s before, %s; --retry tries it again\n", title, status,
                r->key);
    }
    return true;
}

Status jobs_train(Sweep *sweep, const JobsSpec *spec, int *failed) {
    Jobs all = {.sweep = sweep, .spec = spec, .failed = failed};
    all.jobs = calloc((size_t)spec->jobs, sizeof *all.jobs);
    all.over = calloc((size_t)sweep->count + 1, sizeof *all.over);
    Status status = STATUS_OK;
    if (!all.jobs || !all.over) {
        status = status_fail(STATUS_NO_MEMORY, "no memory for %d jobs", spec->jobs);
        goto out;
    }
    for (int i = 0; i < sweep->count; i++)
        all.over[i] = !sweep->runs[i].selected || was_over(&all, i);
    status = train_all(&all);
    end_all(&all); /* after a failure some may still be at work */
out:
    free(all.jobs);
    free(all.over);
    return status;
}
