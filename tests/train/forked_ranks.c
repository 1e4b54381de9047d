#include "tests/train/forked_ranks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/ranks/ranks.h"

enum { PARTNER_GONE = 99 };

static struct {
    int count, mine;
    int to[FORKED_MAX]; /* sockets; -1: there is none */
    pid_t children[FORKED_MAX];
} ranks = {.count = 1};

static void lose(void) {
    if (ranks.mine > 0)
        _exit(PARTNER_GONE);
    fail_msg("a rank has gone");
}

static void put(int rank, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t done = send(ranks.to[rank], bytes, size, MSG_NOSIGNAL);
        if (done <= 0)
            lose();
        bytes += done;
        size -= (size_t)done;
    }
}

static void get(int rank, char *bytes, size_t size) {
    while (size > 0) {
        ssize_t done = recv(ranks.to[rank], bytes, size, 0);
        if (done <= 0)
            lose();
        bytes += done;
        size -= (size_t)done;
    }
}

void ranks_swap(int partner, const void *give, void *take, size_t size) {
    if (ranks.mine < partner)
        put(partner, give, size);
    get(partner, take, size);
    if (ranks.mine > partner)
        put(partner, give, size);
}

void ranks_broadcast(void *bytes, size_t size) {
    if (ranks.mine > 0)
        get(0, bytes, size);
    for (int r = 1; ranks.mine == 0 && r < ranks.count; r++)
        put(r, bytes, size);
}

Status ranks_join(void) {
    return STATUS_OK;
}

void ranks_leave(void) {
}

int ranks_count(void) {
    return ranks.count;
}

int ranks_mine(void) {
    return ranks.mine;
}

int ranks_here(void) {
    return ranks.count;
}

int ranks_place(void) {
    return ranks.mine;
}

void ranks_end_all(const char *message) {
    fprintf(stderr, "rank %d: %s\n", ranks.mine, message);
    if (ranks.mine == 0)
        fail_msg("%s", message);
    _exit(PARTNER_GONE);
}

/* ---- processes ---- */

/* Keeps the sockets of one rank, so that the end of another is seen. */
static void keep(int rank, int ends[FORKED_MAX][FORKED_MAX]) {
    for (int i = 0; i < ranks.count; i++)
        for (int j = 0; j < ranks.count; j++)
            if (i == rank)
                ranks.to[j] = ends[i][j];
            else if (i != j)
                close(ends[i][j]);
}

void forked_ranks_begin(int count, Status (*follow)(void *context), void *context) {
    int ends[FORKED_MAX][FORKED_MAX], pair[2];
    assert_true(count <= FORKED_MAX);
    ranks.count = count;
    for (int i = 0; i < count; i++) {
        ends[i][i] = -1;
        for (int j = 0; j < i; j++) {
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
            ends[i][j] = pair[0];
            ends[j][i] = pair[1];
        }
    }
    for (int r = 1; r < count; r++) {
        ranks.children[r] = fork();
        assert_true(ranks.children[r] >= 0);
        if (ranks.children[r] == 0) {
            ranks.mine = r;
            keep(r, ends);
            _exit((int)follow(context));
        }
    }
    keep(0, ends);
}

void forked_ranks_end(Status ended[FORKED_MAX]) {
    for (int r = 1; r < ranks.count; r++) {
        int state;
        assert_int_equal(waitpid(ranks.children[r], &state, 0), ranks.children[r]);
        assert_true(WIFEXITED(state) && WEXITSTATUS(state) != PARTNER_GONE);
        ended[r] = (Status)WEXITSTATUS(state);
        close(ranks.to[r]);
    }
    ranks.count = 1;
}
