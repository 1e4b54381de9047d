#include "tests/data/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct Server {
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    Page pages[SERVER_PAGES];
    int count, requests;
    long long from;
};

static void send_all(int line, const void *bytes, size_t size) {
    const char *p = bytes;
    while (size > 0) {
        ssize_t sent = send(line, p, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        size -= (size_t)sent;
    }
}

static void wait_for_close(int line) {
    char rest[256];
    while (recv(line, rest, sizeof rest, 0) > 0)
        ;
}

static void send_page(int line, const Page *page, long long from) {
    char head[256];
    size_t size = page->size, begin = 0;
    if (from > 0 && page->fault != FAULT_NO_RANGES) {
        if ((size_t)from >= size) {
            const char *text = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n";
            send_all(line, text, strlen(text));
            return;
        }
        begin = (size_t)from;
        snprintf(head, sizeof head,
                 "HTTP/1.1 206 Partial Content\r\nContent-Length: %zu\r\n"
                 "Content-Range: bytes %zu-%zu/%zu\r\nConnection: close\r\n\r\n",
                 size - begin, begin, size - 1, size);
    } else {
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", size);
    }
    send_all(line, head, strlen(head));
    size_t part = size - begin;
    bool half = page->fault == FAULT_CUT || page->fault == FAULT_STALL;
    send_all(line, page->bytes + begin, half ? part / 2 : part);
    if (page->fault == FAULT_STALL)
        wait_for_close(line);
}

static void answer(Server *server, int line) {
    char request[4096], path[64] = "";
    size_t used = 0;
    long long from = 0;
    while (used < sizeof request - 1) {
        ssize_t got = recv(line, request + used, sizeof request - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        request[used] = '\0';
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    sscanf(request, "GET %63s", path);
    const char *range = strstr(request, "Range: bytes=");
    if (range)
        from = atoll(range + strlen("Range: bytes="));
    pthread_mutex_lock(&server->lock);
    server->requests++;
    server->from = from;
    const Page *page = NULL;
    for (int i = 0; i < server->count; i++)
        if (strcmp(server->pages[i].path, path) == 0)
            page = &server->pages[i];
    if (page) {
        send_page(line, page, from);
    } else {
        const char *text = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n";
        send_all(line, text, strlen(text));
    }
    pthread_mutex_unlock(&server->lock);
}

static void *serve(void *data) {
    Server *server = data;
    int line;
    while ((line = accept(server->listener, NULL, NULL)) >= 0) {
        answer(server, line);
        shutdown(line, SHUT_WR);
        wait_for_close(line);
        close(line);
    }
    return NULL;
}

Server *server_start(void) {
    Server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_non_null(server);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_mutex_init(&server->lock, NULL), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

void server_stop(Server *server) {
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int server_port(const Server *server) {
    return server->port;
}

void server_page(Server *server, const char *path, const void *bytes, size_t size, Fault fault) {
    pthread_mutex_lock(&server->lock);
    int i = 0;
    while (i < server->count && strcmp(server->pages[i].path, path) != 0)
        i++;
    assert_true(i < SERVER_PAGES);
    server->count = i < server->count ? server->count : i + 1;
    server->pages[i] = (Page){.bytes = bytes, .size = size, .fault = fault};
    snprintf(server->pages[i].path, sizeof server->pages[i].path, "%s", path);
    pthread_mutex_unlock(&server->lock);
}

int server_requests(Server *server, long long *from) {
    pthread_mutex_lock(&server->lock);
    int requests = server->requests;
    server->requests = 0;
    if (from)
        *from = server->from;
    pthread_mutex_unlock(&server->lock);
    return requests;
}
