#!/usr/bin/env python3
"""Golden values from PyTorch for small nets: what finite differences cannot see.

    python3 tests/golden/make_golden.py [OUTPUT_FOLDER]     (Debian: python3-torch)

Everything is float64 in PyTorch; inputs and parameters are float32 numbers drawn with Philox, keyed
by name, so that the C test makes the very same ones and only results are stored. Each file has
tensors as `tensor NAME COUNT` and then COUNT numbers.
"""
import math
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

SEED, STREAM_TEST = 2015, 5
BATCH, SHAPE, CLASSES, WIDTH = 6, (3, 9, 8), 10, 4
STEPS, RATE, DROP_AT, MOMENTUM, DECAY = 10, 0.05, 5, 0.9, 1e-2


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
    who = name_hash(name)
    return [w for block in range((count + 3) // 4)
            for w in philox(SEED, (STREAM_TEST, 0, block, who))][:count]


def uniform(name, count, low, high):
    """float32 numbers in (low, high), as doubles."""
    draws = [low + (high - low) * ((w + 0.5) * (1.0 / 4294967296.0)) for w in words(name, count)]
    return torch.tensor(draws, dtype=torch.float64).to(torch.float32).to(torch.float64)


# ---- the nets of He et al. 2015, section 4.2, with n = 1 ----
class ZeroPad(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.before, self.after, self.stride = before, after, stride

    def forward(self, x):
        return F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.before, self.after))


def projection(cin, cout, stride):
    return nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))


class Block(nn.Module):
    def __init__(self, cin, cout, stride, kind):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        changes = stride != 1 or cin != cout
        self.shortcut = None
        if kind == "C" or (kind == "B" and changes):
            self.downsample = projection(cin, cout, stride)
        elif kind != "plain":
            before = (cout - cin) // 2 if kind == "A_both" else 0
            self.shortcut = ZeroPad(before, cout - cin - before, stride) if changes \
                else nn.Identity()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if hasattr(self, "downsample"):
            return F.relu(y + self.downsample(x))
        return F.relu(y + self.shortcut(x) if self.shortcut is not None else y)


class ResNet8(nn.Module):
    def __init__(self, kind):
        super().__init__()
        w = WIDTH
        self.conv1 = nn.Conv2d(SHAPE[0], w, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.layer1 = nn.Sequential(Block(w, w, 1, kind))
        self.layer2 = nn.Sequential(Block(w, 2 * w, 2, kind))
        self.layer3 = nn.Sequential(Block(2 * w, 4 * w, 2, kind))
        self.fc = nn.Linear(4 * w, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def fresh(kind):
    """A net with the test's own parameters and statistics."""
    net = ResNet8(kind).double()
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


def batch():
    count = BATCH * SHAPE[0] * SHAPE[1] * SHAPE[2]
    x = uniform("input", count, -1.0, 1.0).reshape(BATCH, *SHAPE)
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


OPTIMIZERS = {
    "caffe": CaffeSGD,
    "torch": lambda net: TorchOptimizer(
        net, lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)),
    "nesterov": lambda net: TorchOptimizer(
        net, lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)),
    "adam": lambda net: TorchOptimizer(net, lambda groups: torch.optim.Adam(groups, lr=RATE)),
}


def train(kind, optimizer):
    net = fresh(kind)
    steps = OPTIMIZERS[optimizer](net)
    x, t = batch()
    losses = []
    for step in range(STEPS):
        for p in net.parameters():
            p.grad = None
        loss = F.cross_entropy(net(x), t)
        loss.backward()
        rate = RATE * (0.1 if optimizer == "adam" else 1)
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


def make(kind, path):
    with open(path, "w") as out:
        out.write(f"# tests/golden/make_golden.py, PyTorch {torch.__version__}, float64\n")
        net = fresh(kind)
        x, t = batch()
        logits = net(x)
        loss = F.cross_entropy(logits, t)
        loss.backward()
        write(out, "logits", logits.detach())
        write(out, "loss", [loss.item()])
        for name, p in net.named_parameters():
            write(out, "grad:" + name, p.grad)
        for name, value in net.state_dict().items():
            if "running_" in name:
                write(out, "stat:" + name, value)
        for optimizer in OPTIMIZERS:
            losses, trained = train(kind, optimizer)
            write(out, "losses:" + optimizer, losses)
            write(out, "eval_logits:" + optimizer, trained.detach())


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    torch.set_num_threads(1)
    for kind in ("plain", "A", "A_both", "B", "C"):
        make(kind, os.path.join(folder, f"{'' if kind == 'plain' else 'resnet8_'}"
                                        f"{'plain8' if kind == 'plain' else kind}.txt"))


if __name__ == "__main__":
    main()
