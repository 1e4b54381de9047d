#!/usr/bin/env python3
"""Golden values from PyTorch for small nets: what finite differences cannot see.

    python3 tests/golden/make_golden.py [OUTPUT_FOLDER]     (Debian: python3-torch)

Everything is float64 in PyTorch; inputs and parameters are float32 numbers drawn with Philox, keyed
by name, so that the C test makes the very same ones and only results are stored. Each file has
tensors as `tensor NAME COUNT` and then COUNT numbers; of a large one only the norm and some entries.
The networks are in nets.py.
"""
import math
import os
import sys

import torch
from torch.nn import functional as F

import nets

SEED, STREAM_TEST, STREAM_DROPOUT = 2015, 5, 6
DRAW = 0  # of parameters and batch
DROPOUT_SEED = 0x9E3779B97F4A7C15  # harness/check/rig.h
BATCH, CLASSES = 6, 10
SAMPLES = 32  # of a tensor that is not stored whole
STEPS, RATE, DROP_AT, MOMENTUM, DECAY = 10, 0.05, 5, 0.9, 1e-2
DEEP = 2e-8  # the rate of deep nets


# ---- Philox4x32-10, as net/philox.h ----
def philox(key, counter):
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    c = list(counter)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def name_hash(name):
    h = 2166136261
    for byte in name.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def words(name, count):
    """Of the draw that DRAW says."""
    who = name_hash(name)
    return [w for block in range((count + 3) // 4)
            for w in philox(SEED, (STREAM_TEST, DRAW, block, who))][:count]


def uniform(name, count, low, high):
    """float32 numbers in (low, high), as doubles."""
    draws = [low + (high - low) * ((w + 0.5) * (1.0 / 4294967296.0)) for w in words(name, count)]
    return torch.tensor(draws, dtype=torch.float64).to(torch.float32).to(torch.float64)


# ---- the nets: one instance of each family, shortcut kind and order of activation ----
EVERY = ("caffe", "torch", "nesterov", "adam")
CIFAR = dict(blocks=(1, 1, 1), width=4)
BOTTLENECKS = dict(blocks=(1, 1, 1), width=4, bottleneck=True, shortcut="B")
IMAGENET = dict(imagenet=True, cin=3)
STAGES_18, STAGES_34, STAGES_50 = (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 6, 3)
SMALL, LARGE, MNIST = (3, 9, 8), (3, 43, 33), (1, 13, 12)


class PhiloxDropout:
    """Dropout by the masks of net/dropout.h; `node` is the node's place in `harness show`."""

    def __init__(self, node, probability):
        self.node, self.probability = node, probability
        self.step, self.training = 0, True

    def __call__(self, x):
        if not self.training:
            return x
        n, c, h, w = x.shape
        quads, threshold = (c + 3) // 4, int(self.probability * 4294967296)
        factor = torch.empty_like(x)
        for image in range(n):
            for pixel in range(h * w):
                for quad in range(quads):
                    draw = philox(DROPOUT_SEED, (STREAM_DROPOUT + (self.node << 8), self.step, image,
                                      pixel * quads + quad))
                    for k in range(4 * quad, min(4 * quad + 4, c)):
                        kept = draw[k % 4] >= threshold
                        factor[image, k, pixel // w, pixel % w] = kept / (1 - self.probability)
        return factor * x


class DropoutNet(nets.ResNet):
    """Its dropouts follow train(), eval() and the step of the training."""

    def __init__(self, nodes, probability, **choices):
        self.drops = [PhiloxDropout(node, probability) for node in nodes]
        super().__init__(dropouts=self.drops, **choices)

    def train(self, mode=True):
        for drop in self.drops:
            drop.training = mode
        return super().train(mode)

    def set_step(self, step):
        for drop in self.drops:
            drop.step = step


class Instance:
    """make() gives the module; shape is that of an image; the optimisers train it; tensors of at most
    `whole` values are stored whole.
    Deep nets of few channels need a low rate, or fp32 would lose the way in ten steps."""

    def __init__(self, make, shape=SMALL, optimizers=("caffe",), whole=256,
                 rate=RATE):
        self.make, self.shape, self.optimizers = make, shape, optimizers
        self.whole, self.rate = whole, rate


def resnet(shape=SMALL, rate=RATE, **choices):
    return Instance(lambda: nets.ResNet(**choices), shape, rate=rate)


def resnet_in_full(**choices):
    return Instance(lambda: nets.ResNet(**choices), SMALL, EVERY, 4096)


INSTANCES = {
    "plain8": resnet_in_full(**CIFAR, shortcut="plain"),
    "resnet8_A": resnet_in_full(**CIFAR, shortcut="A"),
    "resnet8_A_both": resnet_in_full(**CIFAR, shortcut="A_both"),
    "resnet8_B": resnet_in_full(**CIFAR, shortcut="B"),
    "resnet8_C": resnet_in_full(**CIFAR, shortcut="C"),
    "resnet8_3x3": resnet(**CIFAR, shortcut="3x3"),
    "resnet8_transition": resnet(**CIFAR, shortcut="transition"),
    "bn_after_add": resnet(**CIFAR, shortcut="B", order="bn_after_add"),
    "relu_before_add": resnet(**CIFAR, shortcut="A", order="relu_before_add"),
    "relu_preact": resnet(**CIFAR, shortcut="B", order="relu_preact"),
    "full_preact": resnet(**CIFAR, shortcut="A", order="full_preact"),
    "scaled": resnet(**CIFAR, shortcut="A", scales=(0.5, 0.7)),
    "gate_exclusive": resnet(**CIFAR, shortcut="A", gate="exclusive"),
    "gate_shortcut": resnet(**CIFAR, shortcut="B", gate="shortcut"),
    "shortcut_dropout": Instance(
        lambda: DropoutNet((9, 18, 27), 0.5, **CIFAR, shortcut="A")),
    "bottleneck11": resnet(**BOTTLENECKS),
    "bottleneck11_preact": resnet(**BOTTLENECKS, order="full_preact"),
    "imagenet18_A": resnet(LARGE, **IMAGENET, blocks=STAGES_18, width=2, shortcut="A"),
    "imagenet34_plain": resnet(LARGE, DEEP, **IMAGENET, blocks=STAGES_34, width=2, shortcut="plain"),
    "imagenet18_C": resnet(LARGE, **IMAGENET, blocks=STAGES_18, width=2, shortcut="C"),
    "imagenet50_v1": resnet(LARGE, DEEP, **IMAGENET, blocks=STAGES_50, width=2, bottleneck=True,
                            shortcut="B"),
    "imagenet50_v1.5": resnet(LARGE, DEEP, **IMAGENET, blocks=STAGES_50, width=2, bottleneck=True,
                              shortcut="B", stride_at="3x3"),
    "tutorial000": Instance(lambda: nets.Tutorial000(width=3), (3, 19, 17), ("torch",)),
    "tutorial001_asis": Instance(
        lambda: nets.tutorial001((2, 1), (3, 5), first_kernel=5), SMALL, ("adam",)),
    "tutorial001_fixed": Instance(
        lambda: nets.tutorial001((1, 2), (6, 9), (4, 5), fixed=True), SMALL, ("adam",)),
    "tutorial002": Instance(lambda: nets.Tutorial002(width=3), SMALL, ("caffe",)),
    "tutorial003": Instance(lambda: nets.Tutorial003(MNIST, 4), MNIST, ("plain_sgd",)),
    "tutorial003_basic_plain": Instance(
        lambda: nets.Tutorial003(MNIST, 4, kernel=3, residual=False), MNIST, ("plain_sgd",)),
    "tutorial004": Instance(lambda: nets.Tutorial004(n=1, width=4), SMALL, ("adam",)),
}


def fresh(instance):
    """A net with the test's own parameters and statistics."""
    net = instance.make().double()
    for name, value in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if value.dim() > 1:
            bound = math.sqrt(3.0 / (value.numel() // value.shape[0]))
            new = uniform(name, value.numel(), -bound, bound)
        elif name.endswith("running_mean") or name.endswith("bias"):
            new = uniform(name, value.numel(), -0.5, 0.5)
        else:
            new = uniform(name, value.numel(), 0.5, 1.5)
        value.copy_(new.reshape(value.shape))
    return net


def batch(instance):
    c, h, w = instance.shape
    x = uniform("input", BATCH * c * h * w, -1.0, 1.0).reshape(BATCH, c, h, w)
    t = torch.tensor([(w * CLASSES) >> 32 for w in words("labels", BATCH)])
    return x, t


# ---- optimisers ----
def is_weight(p):
    return p.dim() > 1


class CaffeSGD:
    """v = m v + lr (g + decay w); w -= v; decay on weights only."""

    def __init__(self, net):
        self.net = net
        self.v = {n: torch.zeros_like(p) for n, p in net.named_parameters()}

    def step(self, rate):
        with torch.no_grad():
            for n, p in self.net.named_parameters():
                g = p.grad + (DECAY * p if is_weight(p) else 0)
                self.v[n] = MOMENTUM * self.v[n] + rate * g
                p -= self.v[n]


class TorchOptimizer:
    def __init__(self, net, make):
        weights = [p for p in net.parameters() if is_weight(p)]
        rest = [p for p in net.parameters() if not is_weight(p)]
        self.inner = make([{"params": weights, "weight_decay": DECAY}, {"params": rest}])

    def step(self, rate):
        for group in self.inner.param_groups:
            group["lr"] = rate
        self.inner.step()


def torch_sgd(net):
    """tutorial003's: neither momentum nor decay."""
    optimizer = TorchOptimizer(net, lambda groups: torch.optim.SGD(groups, lr=RATE))
    for group in optimizer.inner.param_groups:
        group["weight_decay"] = 0
    return optimizer


OPTIMIZERS = {
    "caffe": CaffeSGD,
    "torch": lambda net: TorchOptimizer(
        net, lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)),
    "nesterov": lambda net: TorchOptimizer(
        net, lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)),
    "adam": lambda net: TorchOptimizer(net, lambda groups: torch.optim.Adam(groups, lr=RATE)),
    "plain_sgd": torch_sgd,
}


def train(instance, optimizer):
    net = fresh(instance)
    steps = OPTIMIZERS[optimizer](net)
    x, t = batch(instance)
    losses = []
    for step in range(STEPS):
        for p in net.parameters():
            p.grad = None
        if isinstance(net, DropoutNet):
            net.set_step(step)
        loss = F.cross_entropy(net(x), t)
        loss.backward()
        rate = instance.rate * (0.1 if optimizer == "adam" else 1)
        steps.step(rate if step < DROP_AT else 0.1 * rate)
        losses.append(loss.item())
    net.eval()
    return losses, net(x)


# ---- output ----
def write(out, name, values):
    values = [float(v) for v in torch.as_tensor(values, dtype=torch.float64).flatten()]
    out.write(f"tensor {name} {len(values)}\n")
    for i in range(0, len(values), 8):
        out.write(" ".join(f"{v:.12g}" for v in values[i:i + 8]) + "\n")


def write_large(out, name, values, whole):
    """Of more than `whole` values the norm and evenly spread entries."""
    flat = torch.as_tensor(values, dtype=torch.float64).flatten()
    if len(flat) <= whole:
        return write(out, name, flat)
    write(out, "norm:" + name, [flat.norm().item()])
    write(out, "sample:" + name, [flat[i * len(flat) // SAMPLES] for i in range(SAMPLES)])


def make(instance, path):
    with open(path, "w") as out:
        out.write(f"# tests/golden/make_golden.py, PyTorch {torch.__version__}, float64\n")
        net = fresh(instance)
        x, t = batch(instance)
        logits = net(x)
        loss = F.cross_entropy(logits, t)
        loss.backward()
        write(out, "logits", logits.detach())
        write(out, "loss", [loss.item()])
        for name, p in net.named_parameters():
            write_large(out, "grad:" + name, p.grad, instance.whole)
        for name, value in net.state_dict().items():
            if "running_" in name:
                write(out, "stat:" + name, value)
        for optimizer in instance.optimizers:
            losses, trained = train(instance, optimizer)
            write(out, "losses:" + optimizer, losses)
            write(out, "eval_logits:" + optimizer, trained.detach())


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    torch.set_num_threads(1)
    for name, instance in INSTANCES.items():
        make(instance, os.path.join(folder, name + ".txt"))


if __name__ == "__main__":
    main()
