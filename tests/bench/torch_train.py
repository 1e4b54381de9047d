#!/usr/bin/env python3
"""The paper's training on CIFAR-10 in PyTorch: does a net learn here as it does there?

    python3 tests/bench/torch_train.py DATA [--depth 56] [--shortcut A] [--iterations 400]
        [--seed 1 2 3]

DATA holds cifar-10-batches-bin. As in the experiments: He's initialisation, pixel
means subtracted, crops out of a border of four zeros, flips, batches of 128, rate 0.1, momentum
0.9, weight decay 1e-4. The draws are NumPy's and PyTorch's, so only distributions can be compared.
CSV: mean loss and error over each hundred training batches.
"""
import argparse

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import torch_bench

BATCH, BORDER, SIDE, EVERY = 128, 4, 32, 100


def images(folder):
    rows = np.concatenate([
        np.fromfile(f"{folder}/cifar-10-batches-bin/data_batch_{i}.bin", np.uint8)
        for i in range(1, 6)]).reshape(-1, 1 + 3 * SIDE * SIDE)
    pixels = rows[:, 1:].reshape(-1, 3, SIDE, SIDE).astype(np.float32)
    return (torch.tensor((pixels - pixels.mean(0)) / 255),
            torch.tensor(rows[:, 0].astype(np.int64)))


def fresh_net(depth, shortcut):
    net = torch_bench.cifar(depth, shortcut)[1]()
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net.to(memory_format=torch.channels_last)


def batches(count, draws):
    """Indices of batch after batch; what is left of an epoch is left out."""
    while True:
        order = draws.permutation(count)
        for at in range(0, count - BATCH + 1, BATCH):
            yield order[at:at + BATCH]


def augmented(x, draws):
    x = F.pad(x, (BORDER,) * 4)
    result = torch.empty(len(x), 3, SIDE, SIDE)
    for image, to in zip(x, result):
        top, left = draws.integers(0, 2 * BORDER + 1, 2)
        crop = image[:, top:top + SIDE, left:left + SIDE]
        to.copy_(crop.flip(2) if draws.random() < 0.5 else crop)
    return result.contiguous(memory_format=torch.channels_last)


def train(args, seed, x, t):
    torch.manual_seed(seed)
    draws = np.random.default_rng(seed)
    net = fresh_net(args.depth, args.shortcut)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    losses, errors = [], []
    for step, batch in zip(range(1, args.iterations + 1), batches(len(x), draws)):
        y = net(augmented(x[batch], draws))
        loss = F.cross_entropy(y, t[batch])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
        errors.append((y.argmax(1) != t[batch]).float().mean().item())
        if step % EVERY == 0:
            print(f"{args.depth},{args.shortcut},{seed},{step},{np.mean(losses[-EVERY:]):.4f},"
                  f"{100 * np.mean(errors[-EVERY:]):.2f}", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", help="the folder that holds cifar-10-batches-bin")
    args.add_argument("--depth", type=int, default=56)
    args.add_argument("--shortcut", default="A", help="plain, A, B or C")
    args.add_argument("--iterations", type=int, default=400)
    args.add_argument("--seed", type=int, nargs="+", default=[1])
    args.add_argument("--threads", type=int, default=2)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    x, t = images(args.data)
    print("depth,shortcut,seed,iteration,train_loss,train_error_pct")
    for seed in args.seed:
        train(args, seed, x, t)


if __name__ == "__main__":
    main()
