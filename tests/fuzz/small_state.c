#include "tests/fuzz/small_state.h"

#include "tests/fuzz/fuzz.h"

static Net *small_net(void) {
    Net *net = net_create("small");
    REQUIRE(net);
    int x = net_conv2d(net, "conv1", net_input(net, (Shape){1, 2, 2}), 2, 1, 1, 0, false);
    x = net_batch_norm(net, "bn1", x);
    x = net_linear(net, "fc", net_global_avg_pool(net, "avgpool", x), 2, true);
    net_softmax_cross_entropy(net, "loss", x);
    REQUIRE(net_finish(net) == STATUS_OK);
    return net;
}

State *small_state(void) {
    static State *state;
    if (state)
        return state;
    Backend *backend;
    BackendOptions options = {.threads = 1};
    Optimizer optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9};
    REQUIRE(backend_open("ref", &options, &backend) == STATUS_OK);
    REQUIRE(state_create(backend, small_net(), &optimizer, &state) == STATUS_OK);
    REQUIRE(state_is_wide(state));
    return state;
}
