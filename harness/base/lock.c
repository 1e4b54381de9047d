#define _GNU_SOURCE /* locks of open files: those of a process are lost with any close() */
#include "harness/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static Status io_error(const char *path) {
    return status_fail(STATUS_IO, "cannot lock %s: %s", path, strerror(errno));
}

Status lock_take(const char *path, int *lock) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *lock = -1;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return io_error(path);
    if (fcntl(file, F_OFD_SETLK, &whole) == 0) {
        *lock = file;
        return STATUS_OK;
    }
    bool held = errno == EAGAIN || errno == EACCES;
    Status status = held ? STATUS_OK : io_error(path);
    close(file);
    return status;
}

/* Asks again and again: a signal that comes just before a call that waits would be overslept. */
Status lock_wait(const char *path, const volatile sig_atomic_t *stop, int *lock) {
    static const struct timespec pause = {.tv_nsec = 50000000};
    for (;;) {
        TRY(lock_take(path, lock));
        if (*lock >= 0)
            return STATUS_OK;
        if (stop && *stop)
            return status_fail(STATUS_INTERRUPTED, "stopped while waiting for %s", path);
        nanosleep(&pause, NULL);
    }
}

void lock_release(int lock) {
    if (lock >= 0)
        close(lock);
}

bool lock_is_held(const char *path) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool held = fcntl(file, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    close(file);
    return held;
}
