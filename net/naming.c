#include "net/naming.h"

#include <stdarg.h>
#include <stdio.h>

#include "net/net.h"

const char *node_name(const char *format, ...) {
    static _Thread_local char name[NET_NAME_MAX + 2];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return name;
}
