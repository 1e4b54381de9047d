/* Errors: every library function that can fail returns a Status and leaves a message.
 *
 * The message says what was asked, of which file, line, node or column, what was found, and what to
 * do next. It belongs to the calling thread and lives until that thread's next failure. Library
 * code never exits and never prints. */
#ifndef NET_STATUS_H
#define NET_STATUS_H

typedef enum Status {
    STATUS_OK = 0,
    STATUS_BAD_INPUT,   /* wrong arguments, files or combinations: the user can mend it */
    STATUS_UNAVAILABLE, /* a device, library or data set that is not on this machine */
    STATUS_IO,          /* the operating system refused: disk full, no permission */
    STATUS_NO_MEMORY,
    STATUS_BACKEND,     /* a numerical library failed */
    STATUS_DIVERGED,    /* a loss or a weight became NaN or infinite */
    STATUS_INTERRUPTED, /* the user asked to stop */
} Status;

/* Records the message (printf format) and returns `status`. */
Status status_fail(Status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the recorded message; returns `status`. */
Status status_context(Status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The calling thread's last message; never NULL. */
const char *status_message(void);

/* Inside a function with `Status status = STATUS_OK;` and a label `out`: run, leave on failure. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != STATUS_OK)                                                                   \
            goto out;                                                                              \
    } while (0)

/* Inside a function that has nothing to clean up: run, return on failure. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        Status try_status_ = (call);                                                               \
        if (try_status_ != STATUS_OK)                                                              \
            return try_status_;                                                                    \
    } while (0)

#endif
