#!/usr/bin/env python3
"""The same training and inference steps in PyTorch, CSV like `harness bench`.

    python3 tests/bench/torch_bench.py --depth 20 [--family resnet] [--batch 128] [--threads 2]

CIFAR nets of He et al. 2015 with option A shortcuts on one fixed generated batch (no loading, no
augmentation); a training step is forward, loss, backward and SGD with momentum and weight decay.
"""
import argparse
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, cin, cout, stride, residual):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.stride, self.grow, self.residual = stride, cout - cin, residual

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        if self.residual:
            if self.grow:
                x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.grow))
            y = y + x
        return F.relu(y, inplace=True)


def build(depth, residual):
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    channels = 16
    for stage in range(3):
        for i in range((depth - 2) // 6):
            wide = 16 << stage
            layers.append(Block(channels, wide, 2 if stage and not i else 1, residual))
            channels = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def timed(step, steps, warmup):
    times = []
    for i in range(warmup + steps):
        start = time.perf_counter()
        step()
        if i >= warmup:
            times.append(1e3 * (time.perf_counter() - start))
    return times


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--depth", type=int, default=20)
    args.add_argument("--family", choices=["resnet", "plain"], default="resnet")
    args.add_argument("--batch", type=int, default=128)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--steps", type=int, default=20)
    args.add_argument("--phase", choices=["train", "infer", "both"], default="both")
    args.add_argument("--channels-last", action="store_true")
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    net = build(args.depth, args.family == "resnet")
    x, t = torch.randn(args.batch, 3, 32, 32), torch.randint(10, (args.batch,))
    if args.channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def train():
        sgd.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x), t)
        loss.backward()
        sgd.step()
        return loss.item()

    def infer():
        with torch.no_grad():
            return net(x)

    print("phase,torch,net,threads,batch,ms_median,ms_min,ms_max,images_per_s,peak_mib")
    for phase, step in (("train", train), ("infer", infer)):
        if args.phase not in (phase, "both"):
            continue
        net.train(phase == "train")
        ms = timed(step, args.steps, 3)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        median = statistics.median(ms)
        print(f"{phase},{torch.__version__},{args.family}-{args.depth},{args.threads},{args.batch},"
              f"{median:.3f},{min(ms):.3f},{max(ms):.3f},{1e3 * args.batch / median:.1f},{peak:.0f}",
              flush=True)


if __name__ == "__main__":
    main()
