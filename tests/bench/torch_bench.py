#!/usr/bin/env python3
"""The same inference and training steps in PyTorch, CSV like `harness bench`.

    python3 tests/bench/torch_bench.py --net resnet-20 [--batch 128] [--threads 2]

The nets are those of tests/golden/nets.py, on one fixed generated batch (no loading, no
augmentation); a training step is forward, loss, backward and SGD with momentum and weight decay.
Inference is timed first, so that each row's peak memory is that of its own phase.
"""
import argparse
import os
import resource
import statistics
import sys
import time
import types

import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import nets  # noqa: E402

# ReLU in place, as torchvision has it: no net here reads what a ReLU was given.
nets.F = types.SimpleNamespace(**vars(F))
nets.F.relu = lambda x: F.relu(x, inplace=True)

CIFAR, IMAGENET, MNIST = (3, 32, 32), (3, 224, 224), (1, 28, 28)


def cifar(depth, shortcut, width=16, **choices):
    layers = 9 if choices.get("bottleneck") else 6
    return CIFAR, lambda: nets.ResNet([(depth - 2) // layers] * 3, width, shortcut=shortcut,
                                      **choices)


def imagenet(blocks, **choices):
    return IMAGENET, lambda: nets.ResNet(blocks, 64, imagenet=True, shortcut="B", **choices)


NETS = {
    **{f"resnet-{depth}": cifar(depth, "A") for depth in (20, 32, 44, 56, 110, 1202)},
    **{f"plain-{depth}": cifar(depth, "plain") for depth in (20, 56)},
    "projections-56": cifar(56, "C"),
    "gates-20": cifar(20, "A", gate="exclusive"),
    "preact-164": cifar(164, "B", bottleneck=True, order="full_preact"),
    "wide-20": cifar(20, "A", width=64),
    "imagenet-18": imagenet((2, 2, 2, 2)),
    "imagenet-50": imagenet((3, 4, 6, 3), bottleneck=True, stride_at="1x1"),
    "tutorial002": (CIFAR, nets.Tutorial002),
    "tutorial003": (MNIST, nets.Tutorial003),
    "tutorial004": (CIFAR, nets.Tutorial004),
}


def timed(step, steps, warmup):
    times = []
    for i in range(warmup + steps):
        start = time.perf_counter()
        step()
        if i >= warmup:
            times.append(1e3 * (time.perf_counter() - start))
    return times


def parse():
    args = argparse.ArgumentParser()
    args.add_argument("--net", choices=NETS, default="resnet-20")
    args.add_argument("--batch", type=int, default=128)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--steps", type=int, default=20)
    args.add_argument("--warmup", type=int, default=3)
    args.add_argument("--phase", choices=["train", "infer", "both"], default="both")
    args.add_argument("--channels-last", action="store_true")
    return args.parse_args()


def steps(net, x, t):
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

    return ("infer", infer), ("train", train)


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    shape, build = NETS[args.net]
    net, x = build(), torch.randn(args.batch, *shape)
    t = torch.randint(10, (args.batch,))
    if args.channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    print("phase,torch,net,threads,batch,ms_median,ms_min,ms_max,images_per_s,peak_mib")
    for phase, step in steps(net, x, t):
        if args.phase not in (phase, "both"):
            continue
        net.train(phase == "train")
        ms = timed(step, args.steps, args.warmup)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        median = statistics.median(ms)
        print(f"{phase},{torch.__version__},{args.net},{args.threads},{args.batch},{median:.3f},"
              f"{min(ms):.3f},{max(ms):.3f},{1e3 * args.batch / median:.1f},{peak:.0f}", flush=True)


if __name__ == "__main__":
    main()
