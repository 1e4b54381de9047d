/* Names of nodes, put together from parts. */
#ifndef NET_NAMING_H
#define NET_NAMING_H

/* "layer%d.%d.conv%d" and its numbers. The text lives until the thread's next call; a name that is
 * too long is cut only where the net refuses it. */
const char *node_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
