#!/usr/bin/env python3
"""The losses of a training here and in PyTorch: same weights, same real images, step by step.

    python3 tests/golden/steps_beside_torch.py HARNESS DATA [--steps N] [--lr RATE] [--backends cpu]

DATA holds cifar-10-batches-bin. Each of three nets starts from one file that PyTorch wrote and
takes the images in file order without augmentation (shuffle=0, steps.csv by --log-every 1) on the
oracle and on the cpu backend, unless --backends chooses; PyTorch does the same in float32 and, as
the judge, in float64. Printed, as CSV: by what share of the loss each is off at worst, over all
steps and over the first ten. Where float32 goes another way than float64 it goes far: a ReLU at
its kink is enough. A small rate keeps them together longer.
"""
import argparse
import csv
import glob
import os
import subprocess
import tempfile

import torch
from torch.nn import functional as F

import exchange_weights as files
import nets

BATCH, MOMENTUM, DECAY = 16, 0.9, 1e-4
NETS = [("plain-20", 3, "plain", "depth=20,family=plain"),
        ("resnet-20 A", 3, "A", "depth=20,shortcut=A"),
        ("resnet-32 B", 5, "B", "depth=32,shortcut=B")]


def resnet(n, kind):
    net = nets.ResNet((n, n, n), 16, shortcut=kind)
    for value in net.parameters():
        if value.dim() == 4:
            torch.nn.init.kaiming_normal_(value, mode="fan_in")
    return net


def images(folder, count):
    with open(f"{folder}/cifar-10-batches-bin/data_batch_1.bin", "rb") as file:
        raw = torch.tensor(list(file.read(count * 3073)), dtype=torch.uint8).reshape(count, 3073)
    scale = torch.tensor(1 / 255)
    return raw[:, 1:].float().mul(scale).reshape(count, 3, 32, 32), raw[:, 0].long()


def theirs(net, x, t, rate, steps):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for step in range(steps):
        at = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[at]), t[at])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def ours(args, backend, columns, weights, folder):
    columns = dict(pair.split("=") for pair in columns.split(","))
    columns.update(dataset="cifar10", normalize="scale", augment="none", shuffle="0",
                   batch=str(BATCH), iterations=str(args.steps), eval_every="end", backend=backend,
                   test_size="100", sgd_form="torch", lr=str(args.lr), schedule="none",
                   momentum=str(MOMENTUM), weight_decay=str(DECAY), decay_scope="all",
                   init_weights=weights)
    with open(f"{folder}/e.csv", "w") as file:
        file.write(",".join(columns) + "\n" + ",".join(columns.values()) + "\n")
    out = f"{weights}.{backend}"
    subprocess.run([os.path.abspath(args.harness), "run", f"{folder}/e.csv", "--out", out, "--data",
                    os.path.abspath(args.data), "--no-plot", "--quiet", "--log-every", "1"],
                   check=True, stdout=subprocess.DEVNULL)
    with open(glob.glob(f"{out}/runs/*/steps.csv")[0]) as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def worst(a, b):
    return max(abs(x - y) / abs(y) for x, y in zip(a, b))


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("harness")
    parser.add_argument("data", help="the folder that holds cifar-10-batches-bin")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--backends", nargs="+", default=["ref", "cpu"])
    return parser.parse_args()


def main():
    args = parse()
    torch.manual_seed(2015)
    x, t = images(args.data, BATCH * args.steps)
    print("net,who,first_loss,last_loss,worst,worst_of_ten")
    with tempfile.TemporaryDirectory() as folder:
        for name, n, kind, columns in NETS:
            net, twin, path = resnet(n, kind), resnet(n, kind), f"{folder}/{kind}.safetensors"
            twin.load_state_dict(net.state_dict())
            files.write_by_hand(path, net.state_dict())
            judge = theirs(twin.double(), x.double(), t, args.lr, args.steps)
            losses = {who: ours(args, who, columns, path, folder) for who in args.backends}
            losses["torch float32"] = theirs(net, x, t, args.lr, args.steps)
            for who, got in losses.items():
                print(f"{name},{who},{got[0]:.6f},{got[-1]:.6f},{worst(got, judge):.2g},"
                      f"{worst(got[:10], judge[:10]):.2g}", flush=True)


if __name__ == "__main__":
    main()
