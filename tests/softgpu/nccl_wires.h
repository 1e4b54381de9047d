/* What the software NCCL's communicators talk over: Unix sockets between processes of one machine.
 * Whoever waits for a process that never comes waits for ever, as with the real one. */
#ifndef SOFTGPU_NCCL_WIRES_H
#define SOFTGPU_NCCL_WIRES_H

#include <string>
#include <vector>

namespace softgpu {

/* Sockets by rank, -1 at the own one; empty: the operating system refused. The name is known to
 * these ranks alone. */
std::vector<int> connect_all(const std::string &name, int ranks, int mine);

/* A message on its way, to or from one rank. */
struct Wire {
    int socket;
    bool sends;
    std::vector<char> bytes; /* the whole message; of one to receive: room for it */
    size_t done = 0;
};
/* Moves all of them, whichever is ready first. False when a partner has gone. */
bool transfer(std::vector<Wire> *wires);

} // namespace softgpu

#endif
