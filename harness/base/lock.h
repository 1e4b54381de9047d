/* Files by which processes keep out of each other's way, also over a shared file system. */
#ifndef HARNESS_BASE_LOCK_H
#define HARNESS_BASE_LOCK_H

#include <signal.h>
#include <stdbool.h>

#include "net/status.h"

/* Takes the lock of a file, which is made where it is missing. *lock receives what lock_release()
 * takes, or -1: another process has it. The system gives a lock back when its holder ends, however
 * it ends. STATUS_IO: the file cannot be made, or its file system has no locks. */
Status lock_take(const char *path, int *lock);
/* Waits until it is free. STATUS_INTERRUPTED when *stop (may be NULL) is set by a signal. */
Status lock_wait(const char *path, const volatile sig_atomic_t *stop, int *lock);
/* -1 is fine. */
void lock_release(int lock);
/* Whether some process has it; looking takes nothing. False where there is no such file. */
bool lock_is_held(const char *path);

#endif
