#include "nccl_wires.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace softgpu {

namespace {

enum { RETRY_US = 500 };

/* In the abstract name space, so no file is left behind. */
socklen_t address_of(const std::string &name, int rank, sockaddr_un *address) {
    std::string path = name + "." + std::to_string(rank);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, path.c_str(), path.size());
    return (socklen_t)(offsetof(sockaddr_un, sun_path) + 1 + path.size());
}

int listen_as(const std::string &name, int ranks, int mine) {
    sockaddr_un address;
    socklen_t size = address_of(name, mine, &address);
    int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0 || bind(socket, (sockaddr *)&address, size) || listen(socket, ranks)) {
        close(socket);
        return -1;
    }
    return socket;
}

/* Until that rank listens. */
int call(const std::string &name, int rank) {
    sockaddr_un address;
    socklen_t size = address_of(name, rank, &address);
    int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (socket >= 0 && connect(socket, (sockaddr *)&address, size) != 0) {
        if (errno != ECONNREFUSED && errno != EINTR) {
            close(socket);
            return -1;
        }
        usleep(RETRY_US);
    }
    return socket;
}

/* Every rank calls those below it, which learn from its first word who it is. */
bool meet(const std::string &name, int mine, int door, std::vector<int> *sockets) {
    int ranks = (int)sockets->size();
    for (int r = 0; r < mine; r++) {
        int32_t word = mine;
        (*sockets)[r] = call(name, r);
        if ((*sockets)[r] < 0 || write((*sockets)[r], &word, sizeof word) != sizeof word)
            return false;
    }
    for (int left = ranks - 1 - mine; left > 0; left--) {
        int32_t word = -1;
        int socket = accept(door, nullptr, nullptr);
        if (socket < 0 || recv(socket, &word, sizeof word, MSG_WAITALL) != sizeof word ||
            word <= mine || word >= ranks)
            return false;
        (*sockets)[word] = socket;
    }
    return true;
}

bool move_some(Wire *wire) {
    char *at = wire->bytes.data() + wire->done;
    size_t left = wire->bytes.size() - wire->done;
    ssize_t moved = wire->sends ? send(wire->socket, at, left, MSG_NOSIGNAL | MSG_DONTWAIT)
                                : recv(wire->socket, at, left, MSG_DONTWAIT);
    if (moved < 0)
        return errno == EAGAIN || errno == EINTR;
    wire->done += (size_t)moved;
    return moved > 0;
}

} // namespace

std::vector<int> connect_all(const std::string &name, int ranks, int mine) {
    std::vector<int> sockets((size_t)ranks, -1);
    int door = listen_as(name, ranks, mine);
    bool met = door >= 0 && meet(name, mine, door, &sockets);
    close(door);
    if (met)
        return sockets;
    for (int socket : sockets)
        close(socket);
    return {};
}

bool transfer(std::vector<Wire> *wires) {
    for (;;) {
        std::vector<pollfd> polls;
        std::vector<Wire *> waiting;
        for (Wire &wire : *wires)
            if (wire.done < wire.bytes.size()) {
                polls.push_back({wire.socket, (short)(wire.sends ? POLLOUT : POLLIN), 0});
                waiting.push_back(&wire);
            }
        if (polls.empty())
            return true;
        if (poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR)
            return false;
        for (size_t i = 0; i < polls.size(); i++)
            if (polls[i].revents && !move_some(waiting[i]))
                return false;
    }
}

} // namespace softgpu
