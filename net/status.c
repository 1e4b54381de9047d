#include "net/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 2048 };

static _Thread_local char message[MESSAGE_MAX];

Status status_fail(Status status, const char *format, ...) {
    char text[MESSAGE_MAX]; /* the arguments may point into the old message */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof text);
    return status;
}

Status status_context(Status status, const char *format, ...) {
    char context[MESSAGE_MAX / 4];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    return status_fail(status, "%s: %s", context, message);
}

const char *status_message(void) {
    return message;
}
