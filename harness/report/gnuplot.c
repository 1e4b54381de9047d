#define _GNU_SOURCE /* posix_spawn_file_actions_addchdir_np */
#include "harness/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void gnuplot_put_string(FILE *file, const char *text) {
    fputc('\'', file);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', file);
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, file);
    }
    fputc('\'', file);
}

/* The environment with a UTF-8 locale: in the plain C locale, a fresh machine's, gnuplot complains
 * of its own degree sign. The caller frees the array; NULL when memory is out. */
static char **utf8_environment(void) {
    static char locale[] = "LC_ALL=C.UTF-8";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **all = malloc((count + 2) * sizeof(char *));
    for (size_t i = 0; all && i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            all[kept++] = environ[i];
    if (all) {
        all[kept++] = locale;
        all[kept] = NULL;
    }
    return all;
}

/* Starts gnuplot in `folder`; it reads nothing and writes its messages to `messages`. */
static int spawn(const char *folder, char **argv, int messages, pid_t *child) {
    posix_spawn_file_actions_t actions;
    char **environment = utf8_environment();
    int error = environment ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (error) {
        free(environment);
        return error;
    }
    if ((error = posix_spawn_file_actions_addchdir_np(&actions, folder)) == 0 &&
        (error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
        (error = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(&actions, messages, 2)) == 0)
        error = posix_spawnp(child, argv[0], &actions, NULL, argv, environment);
    free(environment);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Everything from the pipe; what does not fit is read and dropped, so that the child never waits.
 */
static void drain(int from, char *text, size_t size) {
    size_t used = 0;
    char rest[512] = "";
    ssize_t n;
    do {
        size_t room = size - 1 - used;
        n = read(from, room ? text + used : rest, room ? room : sizeof rest);
        if (n > 0 && room)
            used += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    text[used] = '\0';
}

/* gnuplot's messages name the script and the line; others come from the font libraries. Returns the
 * first line that is gnuplot's own, cut off there; NULL when there is none. */
static const char *complaint(char *messages) {
    char *where = strstr(messages, "\" line ");
    if (!where)
        return NULL;
    while (where > messages && where[-1] != '\n')
        where--;
    where[strcspn(where, "\n")] = '\0';
    return where;
}

/* Runs gnuplot to its end. */
static Status run(const char *folder, char **argv, char *messages, size_t size, int *result) {
    int ends[2], error;
    pid_t child;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return status_fail(STATUS_IO, "no pipe for gnuplot: %s", strerror(errno));
    error = spawn(folder, argv, ends[1], &child);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        if (error == ENOENT)
            return status_fail(STATUS_UNAVAILABLE,
                               "gnuplot is not in PATH, or the folder %s is "
                               "gone; 'apt install gnuplot-nox' brings gnuplot",
                               folder);
        return status_fail(STATUS_UNAVAILABLE, "gnuplot cannot be started: %s", strerror(error));
    }
    drain(ends[0], messages, size);
    close(ends[0]);
    while (waitpid(child, result, 0) < 0) {
        if (errno != EINTR)
            return status_fail(STATUS_IO, "waiting for gnuplot: %s", strerror(errno));
    }
    return STATUS_OK;
}

static Status render(const char *folder, const char *name, const char *format) {
    char script[NAME_MAX], choice[32], figure[PATH_MAX], messages[4096] = "";
    struct stat info;
    int result = 0;
    snprintf(script, sizeof script, "%s.gp", name);
    snprintf(choice, sizeof choice, "format = '%s'", format);
    if (snprintf(figure, sizeof figure, "%s/%s.%s", folder, name, format) >= (int)sizeof figure)
        return status_fail(STATUS_BAD_INPUT, "the folder's name is too long: %.60s...", folder);
    /* -d: no start-up files of the user, so that the same data give the same figure everywhere */
    char *argv[] = {"gnuplot", "-d", "-e", choice, script, NULL};
    TRY(run(folder, argv, messages, sizeof messages, &result));
    const char *text = complaint(messages);
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0 && !text && stat(figure, &info) == 0 &&
        info.st_size > 0)
        return STATUS_OK;
    unlink(figure);
    if (!text)
        text = messages[0] ? messages : "no message";
    return status_fail(STATUS_BACKEND, "gnuplot %s for %s/%s (status %d): %.300s",
                       WIFSIGNALED(result) ? "was ended by a signal" : "failed", folder, script,
                       WIFEXITED(result) ? WEXITSTATUS(result) : WTERMSIG(result), text);
}

Status gnuplot_render(const char *folder, const char *name) {
    TRY(render(folder, name, "svg"));
    return render(folder, name, "png");
}
