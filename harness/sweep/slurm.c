#include "harness/sweep/slurm.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/folder.h"
#include "harness/base/shell.h"
#include "harness/base/whole_file.h"
#include "harness/sweep/expect.h"

/* Everything the scripts name, by its whole path: jobs start on other machines. */
typedef struct Names {
    const Experiment *experiment;
    const SlurmPlan *plan;
    char program[PATH_MAX], here[PATH_MAX], out[PATH_MAX], data[PATH_MAX];
} Names;

/* ---- names ---- */

static Status whole_path(const char *path, char whole[PATH_MAX]) {
    if (!realpath(path, whole))
        return status_fail(STATUS_BAD_INPUT, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

static Status find_names(Names *names) {
    char folder[SLURM_PATH_SIZE];
    const SlurmPlan *plan = names->plan;
    if (snprintf(folder, sizeof folder, "%s/slurm", plan->out) >= (int)sizeof folder)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %s", plan->out);
    TRY(folder_make_writable(folder, "--out"));
    TRY(whole_path("/proc/self/exe", names->program));
    TRY(whole_path(".", names->here));
    TRY(whole_path(plan->out, names->out));
    if (plan->data)
        TRY(whole_path(plan->data, names->data));
    /* Slurm drops a backslash from the name of a job's log, and then finds no such folder. */
    if (strpbrk(names->out, "\\\n"))
        return status_fail(STATUS_BAD_INPUT,
                           "%s: Slurm cannot write its logs below a name with a backslash or a "
                           "line break; choose another folder with --out",
                           names->out);
    return STATUS_OK;
}

/* ---- parts of commands ---- */

static void put_words(FILE *file, const char *option, Words words) {
    for (int i = 0; i < words.count; i++) {
        fprintf(file, " %s", option);
        shell_put_word(file, words.words[i]);
    }
}

/* OUT/slurm/NAME as a word. */
static void put_own(FILE *file, const Names *names, const char *name) {
    char path[PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/slurm/%s", names->out, name);
    shell_put_word(file, path);
}

/* The option --output: the folder's own % are not Slurm's. */
static void put_log(FILE *file, const Names *names, const char *name) {
    char path[2 * PATH_MAX];
    size_t used = 0;
    for (const char *c = names->out; *c; c++) {
        path[used++] = *c;
        if (*c == '%')
            path[used++] = '%';
    }
    snprintf(path + used, sizeof path - used, "/slurm/%s", name);
    fputs(" --output=", file);
    shell_put_word(file, path);
}

static void put_job_name(FILE *file, const Names *names, const char *prefix) {
    char name[96];
    snprintf(name, sizeof name, "%s%s", prefix, names->experiment->name);
    fputs(" --job-name=", file);
    shell_put_word(file, name);
}

/* "1-4,7": the numbers of the selected runs, from 1. */
static void put_numbers(FILE *file, const Experiment *experiment) {
    const ExperimentRun *runs = experiment->runs;
    const char *between = "";
    for (int i = 0, last; i < experiment->count; i = last + 1) {
        last = i;
        if (!runs[i].selected)
            continue;
        while (last + 1 < experiment->count && runs[last + 1].selected)
            last++;
        fprintf(file, "%s%d", between, i + 1);
        if (last > i)
            fprintf(file, "-%d", last + 1);
        between = ",";
    }
}

/* What a run is to have: as asked; else the most that any row asks, 1 of a row that says auto. */
static int threads_of(const Names *names, bool *all_auto) {
    int most = names->plan->threads;
    *all_auto = true;
    for (int i = 0; i < names->experiment->count; i++) {
        const ExperimentRun *run = &names->experiment->runs[i];
        if (!run->selected || run->config.threads == 0)
            continue;
        *all_auto = false;
        if (!names->plan->threads && run->config.threads > most)
            most = (int)run->config.threads;
    }
    return most ? most : 1;
}

/* ---- the files ---- */

static Status write_run(FILE *file, void *context) {
    const Names *names = context;
    bool all_auto;
    int threads = threads_of(names, &all_auto);
    char name[80];
    fputs(
        "#!/bin/sh\n"
        "# One run of the sweep, by its number in the array. The program takes the shell's place, "
        "so\n"
        "# that Slurm's signals reach it.\n"
        "cd ",
        file);
    shell_put_word(file, names->here);
    fputs(" || exit 1\nexec ", file);
    shell_put_word(file, names->program);
    fputs(" run ", file);
    snprintf(name, sizeof name, "%s.csv", names->experiment->name);
    put_own(file, names, name);
    put_words(file, "", names->plan->run_options);
    put_words(file, "--set ", names->plan->sets);
    /* auto would be every CPU of the node where Slurm does not bind its jobs */
    if (names->plan->threads || all_auto)
        fprintf(file, " --threads %d", threads);
    if (names->plan->data) {
        fputs(" --data ", file);
        shell_put_word(file, names->data);
    }
    fputs(" --out ", file);
    shell_put_word(file, names->out);
    fputs(" --only \"$SLURM_ARRAY_TASK_ID\"\n", file);
    return STATUS_OK;
}

static Status write_collect(FILE *file, void *context) {
    static const char *const commands[] = {" collect ", " plot "};
    const Names *names = context;
    fputs("#!/bin/sh\n"
          "# After the last run: the rows of all that is finished, verdicts, tables and figures.\n"
          "cd ",
          file);
    shell_put_word(file, names->here);
    fputs(" || exit 1\n", file);
    for (int i = 0; i < 2; i++) {
        shell_put_word(file, names->program);
        fputs(commands[i], file);
        shell_put_word(file, names->out);
        fputs(i == 0 ? " &&\n" : "\n", file);
    }
    return STATUS_OK;
}

static Status write_submit(FILE *file, void *context) {
    const Names *names = context;
    const SlurmPlan *plan = names->plan;
    bool all_auto;
    fputs(
        "#!/bin/sh\n"
        "# Submits the runs and the job that collects them. Again for what is left: finished runs "
        "end\n"
        "# at once.\n"
        "set -e\n"
        "command -v sbatch > /dev/null || {\n"
        "    echo 'sbatch is not in PATH: is this a machine of a Slurm cluster?' >&2\n"
        "    exit 2\n"
        "}\n"
        "array=$(sbatch --parsable",
        file);
    put_job_name(file, names, "run-");
    fputs(" --array=", file);
    put_numbers(file, names->experiment);
    if (plan->at_once)
        fprintf(file, "%%%d", plan->at_once);
    fprintf(file, " --cpus-per-task=%d", threads_of(names, &all_auto));
    /* a minute before the time limit the program is told to stop, and keeps what it has */
    fputs(" --requeue --open-mode=append --signal=B:TERM@60", file);
    put_log(file, names, "run-%a.log");
    put_words(file, "", plan->sbatch);
    put_words(file, "", plan->array_sbatch);
    fputc(' ', file);
    put_own(file, names, "run.sh");
    fputs(")\narray=${array%%;*} # a cluster's name may follow\n"
          "collect=$(sbatch --parsable",
          file);
    put_job_name(file, names, "collect-");
    fputs(" --dependency=afterany:$array --cpus-per-task=1 --open-mode=append", file);
    put_log(file, names, "collect.log");
    put_words(file, "", plan->sbatch);
    fputc(' ', file);
    put_own(file, names, "collect.sh");
    fputs(")\necho \"runs: job $array; tables and figures: job ${collect%%;*}\"\n", file);
    return STATUS_OK;
}

static Status copy_of(FILE *file, void *context) {
    const char *path = context;
    char part[4096];
    size_t got;
    FILE *from = fopen(path, "rb");
    if (!from)
        return status_fail(STATUS_IO, "%s: %s", path, strerror(errno));
    while ((got = fread(part, 1, sizeof part, from)) > 0)
        fwrite(part, 1, got, file);
    Status status =
        ferror(from) ? status_fail(STATUS_IO, "%s: %s", path, strerror(errno)) : STATUS_OK;
    fclose(from);
    return status;
}

static Status put_file(const Names *names, const char *name, WriteFn *write, const void *context) {
    char path[PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/slurm/%s", names->out, name);
    return whole_file_write(path, write, (void *)context);
}

/* The experiment and the claims beside it, if there are any. */
static Status copy_experiment(const Names *names) {
    char name[96], claims[PATH_MAX + 128];
    const Experiment *experiment = names->experiment;
    snprintf(name, sizeof name, "%s.csv", experiment->name);
    TRY(put_file(names, name, copy_of, experiment->path));
    TRY(expectations_claims_path(experiment->path, claims, sizeof claims));
    snprintf(name, sizeof name, "%s.claims.csv", experiment->name);
    if (access(claims, F_OK) == 0)
        return put_file(names, name, copy_of, claims);
    snprintf(claims, sizeof claims, "%s/slurm/%s", names->out, name);
    unlink(claims); /* an earlier plan's */
    return STATUS_OK;
}

Status slurm_write(const Experiment *experiment, const SlurmPlan *plan,
                   char submit[SLURM_PATH_SIZE]) {
    Status status = STATUS_OK;
    Names *names = calloc(1, sizeof *names);
    if (!names)
        return status_fail(STATUS_NO_MEMORY, "no memory for the jobs of %s", experiment->path);
    names->experiment = experiment;
    names->plan = plan;
    CHECK(find_names(names));
    CHECK(copy_experiment(names));
    CHECK(put_file(names, "run.sh", write_run, names));
    CHECK(put_file(names, "collect.sh", write_collect, names));
    CHECK(put_file(names, "submit.sh", write_submit, names));
    if (snprintf(submit, SLURM_PATH_SIZE, "%s/slurm/submit.sh", names->out) >= SLURM_PATH_SIZE)
        status = status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %s", names->out);
out:
    free(names);
    return status;
}
