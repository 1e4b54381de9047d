#!/usr/bin/env python3
"""The losses of a training here and in PyTorch: same weights, same real images, step by step.

    python3 tests/golden/steps_beside_torch.py HARNESS DATA [STEPS]     (Debian: python3-torch)

DATA holds cifar-10-batches-bin. Each of three nets starts from one file that PyTorch wrote, takes the
images in file order without augmentation (shuffle=0, steps.csv by --log-every 1) on the oracle and on
the cpu backend; PyTorch does the same in float32 and, as the judge, in float64. Printed, as CSV: by
what share of the loss each is off at worst, over all steps and over the first ten. Where float32 goes
another way than float64 it goes far: a ReLU at its kink is enough.
"""
import csv
import glob
import os
import subprocess
import sys
import tempfile

import torch
from torch.nn import functional as F

import exchange_weights as files
import nets

BATCH, RATE, MOMENTUM, DECAY = 16, 0.01, 0.9, 1e-4
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


def theirs(net, x, t, steps):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for step in range(steps):
        at = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[at]), t[at])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def ours(harness, data, backend, columns, weights, steps, folder):
    columns = dict(pair.split("=") for pair in columns.split(","))
    columns.update(dataset="cifar10", normalize="scale", augment="none", shuffle="0",
                   batch=str(BATCH), iterations=str(steps), eval_every="end", backend=backend,
                   test_size="100", sgd_form="torch", lr=str(RATE), schedule="none",
                   momentum=str(MOMENTUM), weight_decay=str(DECAY), decay_scope="all",
                   init_weights=weights)
    with open(f"{folder}/e.csv", "w") as file:
        file.write(",".join(columns) + "\n" + ",".join(columns.values()) + "\n")
    out = f"{weights}.{backend}"
    subprocess.run([harness, "run", f"{folder}/e.csv", "--out", out, "--data", data, "--no-plot",
                    "--quiet", "--log-every", "1"], check=True, stdout=subprocess.DEVNULL)
    with open(glob.glob(f"{out}/runs/*/steps.csv")[0]) as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def worst(a, b):
    return max(abs(x - y) / abs(y) for x, y in zip(a, b))


def main():
    harness, data = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    torch.manual_seed(2015)
    x, t = images(data, BATCH * steps)
    print("net,who,first_loss,last_loss,worst,worst_of_ten")
    with tempfile.TemporaryDirectory() as folder:
        for name, n, kind, columns in NETS:
            net, twin, path = resnet(n, kind), resnet(n, kind), f"{folder}/{kind}.safetensors"
            twin.load_state_dict(net.state_dict())
            files.write_by_hand(path, net.state_dict())
            judge = theirs(twin.double(), x.double(), t, steps)
            losses = {who: ours(harness, data, who, columns, path, steps, folder)
                      for who in ("ref", "cpu")}
            losses["torch float32"] = theirs(net, x, t, steps)
            for who, got in losses.items():
                print(f"{name},{who},{got[0]:.6f},{got[-1]:.6f},{worst(got, judge):.2g},"
                      f"{worst(got[:10], judge[:10]):.2g}", flush=True)


if __name__ == "__main__":
    main()
