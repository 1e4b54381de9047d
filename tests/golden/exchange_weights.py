#!/usr/bin/env python3
"""Weights between ResLab and PyTorch, both ways, through files.

    python3 tests/golden/exchange_weights.py HARNESS     (python3-torch of Debian, or PyPI's torch)

For each net: what the program wrote goes into the PyTorch model by load_state_dict(strict=True) and
gives the same logits; what PyTorch wrote gives the program the same logits; and a training of both
from the same file and over the same batches has the same losses, step by step, and ends in the same
weights and momenta. The oracle computes, PyTorch in float64. Exit 77: no torch here.
"""
import csv
import glob
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    print("SKIPPED: no PyTorch in this Python")
    sys.exit(77)

import nets

try:
    from safetensors.torch import load_file, save_file
except ImportError:
    load_file = save_file = None

SIDE, TRAIN, TEST, BATCH, STEPS = 28, 20, 10, 8, 4
RATE, MOMENTUM, DECAY = 0.05, 0.9, 1e-3
TOLERANCE = 1e-5  # of the largest value: files hold float32, CSV nine digits, the rest is double


def cifar(columns, **choices):
    """Of the family that has these columns, a net of one block a stage."""
    return (columns, lambda: nets.ResNet((1, 1, 1), 4, cin=1, **choices))


def imagenet(columns, blocks, **choices):
    return ("model=resnet_imagenet,width=2," + columns,
            lambda: nets.ResNet(blocks, 2, cin=1, imagenet=True, **choices))


# Plain or thin, deep nets amplify the last bit of a step a hundredfold in the next: steps stay small.
DEEP = ",lr=0.0000002"
SMALL, BOTTLENECKS = "depth=8,width=4,", "depth=11,width=4,block=bottleneck,shortcut=B"
NETS = [
    cifar(SMALL + "family=plain", shortcut="plain"),
    cifar(SMALL + "shortcut=A", shortcut="A"),
    cifar(SMALL + "shortcut=A,pad_side=both", shortcut="A_both"),
    cifar(SMALL + "shortcut=B", shortcut="B"),
    cifar(SMALL + "shortcut=C", shortcut="C"),
    cifar(SMALL + "shortcut=3x3", shortcut="3x3"),
    cifar(SMALL + "shortcut=transition", shortcut="transition"),
    cifar(SMALL + "shortcut=A,shortcut_scale=0.5,residual_scale=0.7", shortcut="A",
          scales=(0.5, 0.7)),
    cifar(SMALL + "shortcut=A,gate=exclusive", shortcut="A", gate="exclusive"),
    cifar(SMALL + "shortcut=B,gate=shortcut", shortcut="B", gate="shortcut"),
    cifar(SMALL + "shortcut=B,activation=bn_after_add", shortcut="B", order="bn_after_add"),
    cifar(SMALL + "shortcut=A,activation=relu_before_add", shortcut="A", order="relu_before_add"),
    cifar(SMALL + "shortcut=B,activation=relu_preact", shortcut="B", order="relu_preact"),
    cifar(SMALL + "shortcut=A,activation=full_preact", shortcut="A", order="full_preact"),
    cifar(BOTTLENECKS, bottleneck=True, shortcut="B"),
    cifar(BOTTLENECKS + ",activation=full_preact", bottleneck=True, shortcut="B",
          order="full_preact"),
    imagenet("depth=18,shortcut=A", (2, 2, 2, 2), shortcut="A"),
    imagenet("depth=18,shortcut=C", (2, 2, 2, 2), shortcut="C"),
    imagenet("depth=34,family=plain" + DEEP, (3, 4, 6, 3), shortcut="plain"),
    imagenet("depth=50,bottleneck_stride=3x3" + DEEP, (3, 4, 6, 3), bottleneck=True,
             shortcut="B", stride_at="3x3"),
    imagenet("depth=50,bottleneck_stride=1x1" + DEEP, (3, 4, 6, 3), bottleneck=True,
             shortcut="B", stride_at="1x1"),
    ("model=tutorial000,width=3", lambda: nets.Tutorial000(width=3, cin=1)),
    ("model=tutorial001,blocks=2 1,channels=3 5,first_kernel=5",
     lambda: nets.tutorial001((2, 1), (3, 5), first_kernel=5, cin=1)),
    ("model=tutorial001,profile=fixed,blocks=1 2,channels=6 9,bottlenecks=4 5",
     lambda: nets.tutorial001((1, 2), (6, 9), (4, 5), fixed=True, cin=1)),
    ("model=tutorial002,width=3", lambda: nets.Tutorial002(width=3, cin=1)),
    ("model=tutorial003,width=4", lambda: nets.Tutorial003((1, SIDE, SIDE), 4)),
    ("model=tutorial003,width=4,block=basic,family=plain",
     lambda: nets.Tutorial003((1, SIDE, SIDE), 4, kernel=3, residual=False)),
    ("model=tutorial004,depth=8,width=4", lambda: nets.Tutorial004(n=1, width=4, cin=1)),
]


# ---- safetensors by hand: Debian has no package for it ----
TYPES = {"F32": torch.float32, "I64": torch.int64}
SIZES = {"F32": "f", "I64": "q"}


def read_by_hand(path):
    with open(path, "rb") as file:
        raw = file.read()
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
    notes, tensors = header.pop("__metadata__"), {}
    for name, about in header.items():
        begin, end = about["data_offsets"]
        code = SIZES[about["dtype"]]
        values = struct.unpack(f"<{(end - begin) // struct.calcsize(code)}{code}", data[begin:end])
        tensors[name] = torch.tensor(values, dtype=TYPES[about["dtype"]]).reshape(about["shape"])
    return tensors, notes


def write_by_hand(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        kind = "I64" if tensor.dtype == torch.int64 else "F32"
        values = tensor.flatten().tolist()
        begin = len(data)
        data += struct.pack(f"<{len(values)}{SIZES[kind]}", *values)
        header[name] = {"dtype": kind, "shape": list(tensor.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read(path):
    tensors, notes = read_by_hand(path)
    if load_file:
        theirs = load_file(path)
        assert set(theirs) == set(tensors)
        assert all(torch.equal(theirs[name], tensors[name]) for name in tensors)
    return tensors, notes


def write(path, tensors):
    if save_file:
        save_file(tensors, path)
    else:
        write_by_hand(path, tensors)


# ---- images: noise, in MNIST's files ----
def make_images(folder):
    draw = random.Random(2015)
    sets = {}
    os.makedirs(f"{folder}/mnist")
    for name, count in (("train", TRAIN), ("t10k", TEST)):
        pixels = bytes(draw.randrange(256) for _ in range(count * SIDE * SIDE))
        labels = bytes(draw.randrange(10) for _ in range(count))
        with open(f"{folder}/mnist/{name}-images-idx3-ubyte", "wb") as file:
            file.write(struct.pack(">IIII", 0x803, count, SIDE, SIDE) + pixels)
        with open(f"{folder}/mnist/{name}-labels-idx1-ubyte", "wb") as file:
            file.write(struct.pack(">II", 0x801, count) + labels)
        x = torch.tensor(list(pixels), dtype=torch.float32) * torch.tensor(1 / 255)
        sets[name] = (x.reshape(count, 1, SIDE, SIDE).double(), torch.tensor(list(labels)))
    return sets


# ---- the program ----
def cells(columns):
    return dict(pair.split("=") for pair in columns.split(","))


class Harness:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.runs = os.path.abspath(binary), folder, 0

    def __call__(self, *args):
        done = subprocess.run([self.binary, *args, "--data", self.folder], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"harness {' '.join(args)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def train(self, columns):
        """The folder of a run with these columns besides the common ones."""
        own = cells(columns)
        columns = dict(dataset="mnist", normalize="scale", augment="none", shuffle="0",
                       batch=str(BATCH), iterations=str(STEPS), eval_every="end", backend="ref",
                       optimizer="sgd", sgd_form="torch", lr=str(RATE), schedule="none",
                       momentum=str(MOMENTUM), weight_decay=str(DECAY), decay_scope="all")
        columns.update(own)
        self.runs += 1
        out = f"{self.folder}/out{self.runs}"
        with open(f"{self.folder}/e.csv", "w") as file:
            file.write(",".join(columns) + "\n" + ",".join(columns.values()) + "\n")
        self("run", "e.csv", "--out", out, "--no-plot", "--quiet", "--save-weights", "--log-every",
             "1")
        return glob.glob(f"{out}/runs/*/")[0]

    def logits(self, columns, weights):
        self("eval", "--set", columns, "--weights", weights, "--dataset", "mnist", "--normalize",
             "scale", "--backend", "ref", "--batch", str(BATCH), "--predictions", "p.csv",
             "--logits")
        with open(f"{self.folder}/p.csv") as file:
            rows = list(csv.reader(file))[1:]
        return torch.tensor([[float(cell) for cell in row[3:]] for row in rows],
                            dtype=torch.float64)


# ---- comparisons ----
worst = 0.0


def same(what, got, want):
    global worst
    got, want = got.double(), want.detach().double()
    error = ((got - want).abs().max() / want.abs().max().clamp(min=1e-3)).item()
    if not error <= TOLERANCE:
        sys.exit(f"{what}: off by {error:.3g} of the largest value")
    worst = max(worst, error)


def eval_logits(net, x):
    net.eval()
    with torch.no_grad():
        return net(x)


def randomise(net):
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif name.endswith("running_mean"):
                value.uniform_(-0.5, 0.5)
            elif name.endswith("num_batches_tracked"):
                value.fill_(7)
            else:
                value.add_(0.1 * torch.randn(value.shape))


def theirs_to_us(harness, columns, net, x, path):
    state = {name: value.clone() for name, value in net.state_dict().items()}
    write(path, state)
    want = eval_logits(net.double(), x)
    same("logits of PyTorch's weights", harness.logits(columns, path), want)
    write(path, {n: v for n, v in state.items() if not n.endswith("num_batches_tracked")})
    same("the same without counters", harness.logits(columns, path), want)
    write(path, state)


def train_torch(net, sets, rate):
    """Steps over the images in file order, as shuffle=0 takes them; losses and the optimiser."""
    x, t = sets["train"]
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for step in range(STEPS):
        at = torch.arange(step * BATCH, (step + 1) * BATCH) % TRAIN  # epochs end within a batch
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[at]), t[at])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, optimizer


def us_to_theirs(harness, columns, net, fresh, sets, path):
    folder = harness.train(f"{columns},init_weights={path}")
    losses, optimizer = train_torch(net, sets, float(cells(columns).get("lr", RATE)))
    with open(folder + "steps.csv") as file:
        got = [float(row["loss"]) for row in csv.DictReader(file)]
    same("losses", torch.tensor(got, dtype=torch.float64), torch.tensor(losses))
    tensors, notes = read(folder + "weights.safetensors")
    assert notes["format"] == "pt" and notes["iteration"] == str(STEPS), notes
    for name, want in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensors[name].shape == want.shape and tensors[name].item() == STEPS
        else:
            same(name, tensors[name], want)
    fresh.load_state_dict(tensors, strict=True)
    x = sets["t10k"][0]
    same("logits of our weights", harness.logits(columns, folder + "weights.safetensors"),
         eval_logits(fresh.double(), x))
    momenta, notes = read(folder + "optimizer.safetensors")
    assert notes["optimizer"] == "sgd_torch" and momenta["updates"].item() == STEPS
    for name, parameter in net.named_parameters():
        same("momentum of " + name, momenta[name + ".momentum_buffer"],
             optimizer.state[parameter]["momentum_buffer"])
    assert len(momenta) == 1 + len(list(net.parameters()))


def main():
    torch.manual_seed(2015)
    torch.set_num_threads(1)  # small nets: threads would only wait for each other
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        harness, sets = Harness(sys.argv[1], folder), make_images(folder)
        for columns, make in NETS:
            net, path = make(), f"{folder}/theirs.safetensors"
            randomise(net)
            theirs_to_us(harness, columns, net, sets["t10k"][0], path)
            with torch.enable_grad():
                us_to_theirs(harness, columns, net, make(), sets, path)
            print(f"{columns}: the same, both ways")
    print(f"worst difference {worst:.2g} of the largest value; files read "
          + ("by hand and by safetensors" if load_file else "by hand (no safetensors package)")
          + f"; PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
