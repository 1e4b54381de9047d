#!/usr/bin/env python3
"""What fp32 costs PyTorch: the error of each parameter's gradient, float32 against float64.

    python3 tests/golden/make_fp32_errors.py [OUTPUT_FILE]     (Debian: python3-torch)

Two settings. `apart`: the batch norms' biases keep every ReLU away from its kink (two channels of
three pass, one does not), so that no rounding error turns a mask. A plain net is linear then, and
its batch norms cancel nearly all of its gradients, so there is only a residual one. `replayed`:
ordinary parameters, and the float32 pass takes the masks of the float64 one.
One draw of parameters and batch says little, in a plain net least: there are DRAWS of them.
Tensors of the file: `SETTING/NET/PARAMETER 2`: the norm of the float64 gradient and that of the
error, relative to it, root mean squares over the draws; `SETTING/NET/whole 2`: the same of all
gradients as one vector.
"""
import math
import os
import sys

import torch
from torch.nn import functional as F

import make_golden
import nets

SHIFT = 9  # of the batch norms' biases; tests/cpu/gradient_error.h
MARGIN = 0.5
DRAWS = 8  # tests/cpu/gradient_error.h
NETS = {
    "resnet20": (("apart", "replayed"), dict(blocks=(3, 3, 3), width=16, shortcut="A")),
    "plain32": (("replayed",), dict(blocks=(5, 5, 5), width=16, shortcut="plain")),
}
SHAPE = (3, 16, 16)


class Relu:
    """In the place of torch.nn.functional in nets.py: notes the masks, or takes them."""

    def __init__(self):
        self.masks, self.at, self.nearest = [], None, float("inf")

    def relu(self, x):
        self.nearest = min(self.nearest, x.detach().abs().min().item())
        if self.at is None:
            self.masks.append(x.detach() > 0)
            return F.relu(x)
        mask = self.masks[self.at]
        self.at += 1
        return torch.where(mask, x, torch.zeros_like(x))

    def __getattr__(self, name):
        return getattr(F, name)


def move_apart(net):
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for c in range(module.num_features):
                    moved = module.bias[c] + (SHIFT if c % 3 else -SHIFT)
                    module.bias[c] = moved.float().double()  # the very number that float32 gets


def gradients(net, x, labels):
    F.cross_entropy(net(x), labels).backward()
    return {name: p.grad.double() for name, p in net.named_parameters()}


def errors(choices, setting):
    """{parameter: (norm, relative error)} of one draw"""
    instance = make_golden.Instance(lambda: nets.ResNet(**choices), SHAPE)
    x, labels = make_golden.batch(instance)
    wide, narrow = make_golden.fresh(instance), make_golden.fresh(instance)
    if setting == "apart":
        move_apart(wide)
        move_apart(narrow)
    nets.F = relu = Relu()
    exact = gradients(wide, x, labels)
    if setting == "apart":
        assert relu.nearest > MARGIN, f"an input of a ReLU is {relu.nearest} from the kink"
    else:
        relu.at = 0
    got = gradients(narrow.float(), x.float(), labels)
    nets.F = F
    found = {name: (g.norm().item(), (got[name] - g).norm().item() / g.norm().item())
             for name, g in exact.items()}
    whole = torch.cat([g.flatten() for g in exact.values()])
    wrong = torch.cat([(got[name] - g).flatten() for name, g in exact.items()])
    found["whole"] = (whole.norm().item(), (wrong.norm() / whole.norm()).item())
    return found


def over_draws(choices, setting):
    squares = {}
    for make_golden.DRAW in range(DRAWS):
        for name, values in errors(choices, setting).items():
            old = squares.get(name, (0, 0))
            squares[name] = tuple(s + v * v for s, v in zip(old, values))
    return {name: tuple(math.sqrt(s / DRAWS) for s in found) for name, found in squares.items()}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "fp32_errors.txt")
    torch.set_num_threads(1)
    with open(path, "w") as out:
        out.write(f"# tests/golden/make_fp32_errors.py, PyTorch {torch.__version__}\n")
        for name, (settings, choices) in NETS.items():
            for setting in settings:
                for parameter, values in over_draws(choices, setting).items():
                    out.write(f"tensor {setting}/{name}/{parameter} 2\n")
                    out.write("%.12g %.3g\n" % values)


if __name__ == "__main__":
    main()
