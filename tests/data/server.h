/* A small HTTP server on 127.0.0.1 for the tests of fetching: one thread, files from memory, and
 * the faults a real server or line has. */
#ifndef TESTS_DATA_SERVER_H
#define TESTS_DATA_SERVER_H

#include <stddef.h>
#include <stdint.h>

/* What happens to a request for a page. */
typedef enum Fault {
    FAULT_NONE,      /* sent whole; a range is honoured */
    FAULT_CUT,       /* the length is announced, but the line breaks halfway */
    FAULT_STALL,     /* half of it comes, then nothing until the other side gives up */
    FAULT_NO_RANGES, /* a range is ignored: the whole page comes */
} Fault;

enum { SERVER_PAGES = 16 };

typedef struct Page {
    char path[64];        /* "/good/file"; everything else is answered with 404 */
    const uint8_t *bytes; /* borrowed */
    size_t size;
    Fault fault;
} Page;

typedef struct Server Server;

/* Listens on a free port. Fails the test when it cannot. */
Server *server_start(void);
void server_stop(Server *server);
int server_port(const Server *server);
/* Adds a page, or replaces the page of that path. Only between requests. */
void server_page(Server *server, const char *path, const void *bytes, size_t size, Fault fault);
/* Requests answered since the last call, and the first byte that the last of them asked for. */
int server_requests(Server *server, long long *from);

#endif
