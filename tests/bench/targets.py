#!/usr/bin/env python3
"""ResLab against PyTorch in the same minutes: ours, theirs, ours, theirs, ...; medians and targets.

    python3 tests/bench/targets.py [--rows resnet-20 resnet-56] [--rounds 3]
        [--python /usr/bin/python3 --python /venv/bin/python] [--csv runs.csv] [--out table.md]

PyTorch runs with each --python in two layouts, and with and without an allocator that keeps and
reuses huge pages; the first --python as it comes is its `default`. A first look at every setting
finds the fastest; then rounds of ours, fastest, ours, default. A ratio is that of such neighbours,
and the table has the median of the rounds. Peak memory is set beside the smallest of all PyTorch's
settings. `harness bench` prints a speed only after the step has been
checked against the oracle; a run that fails, ours or theirs, ends the measurement of its row.

Rows without PyTorch: threads, startup, depth, batch.
"""
import argparse
import os
import statistics
import sys

import targets_alone as alone
from targets_runs import Failed, Runs, ours, theirs

# net of torch_bench.py: (batch, steps, options of ours, {column: at least so many times PyTorch's})
CIFAR = {"train_best": 2.5, "train_default": 3.0, "infer_best": 2.0}
# Of the general nets none may be slower.
ANY = {"train_best": 1.0, "infer_best": 1.0}
JOBS = {
    "resnet-20": (128, 12, ["--set", "depth=20"], CIFAR),
    "resnet-56": (128, 6, ["--set", "depth=56"], CIFAR),
    "imagenet-18": (16, 4, ["--model", "resnet_imagenet", "--set",
                            "depth=18,input_size=224,shortcut=B"], {"train_best": 1.2}),
    "imagenet-50": (16, 3, ["--model", "resnet_imagenet", "--set",
                            "depth=50,input_size=224,shortcut=B,bottleneck_stride=1x1"],
                    {"train_best": 1.2}),
    "tutorial002": (128, 4, ["--model", "tutorial002"], {"train_best": 1.5}),
    "tutorial003": (64, 12, ["--model", "tutorial003", "--set", "dataset=mnist,profile=asis"],
                    {"train_best": 1.5}),
    "tutorial004": (30, 12, ["--model", "tutorial004", "--set", "profile=asis"],
                    {"train_best": 1.5}),
    "plain-56": (128, 6, ["--set", "depth=56,family=plain"], CIFAR),
    "resnet-110": (128, 4, ["--set", "depth=110"], {"train_best": 2.5}),
    "projections-56": (128, 4, ["--set", "depth=56,shortcut=C"], ANY),
    "gates-20": (128, 8, ["--set", "depth=20,gate=exclusive"], ANY),
    "preact-164": (64, 3, ["--set", "depth=164,shortcut=B,block=bottleneck,"
                                    "activation=full_preact"], ANY),
    "wide-20": (128, 4, ["--set", "depth=20,width=64"], ANY),
}
PHASES = ("train", "infer")
MEMORY = 0.5  # of PyTorch's, at most
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000",
             "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Setting:
    """One way of running PyTorch."""

    def __init__(self, python, channels_last, allocator):
        self.python, self.channels_last, self.allocator = python, channels_last, allocator
        self.name = (f"{python} {'channels_last' if channels_last else 'default layout'}"
                     f"{', allocator set' if allocator else ''}")

    def run(self, runs, job, net, batch, steps):
        return theirs(runs, job, self.name, self.python, net, batch, steps, self.channels_last,
                      ALLOCATOR if self.allocator else {})


def settings(args):
    """The default first; then those of --settings, which counts from 0 in this order."""
    every = [Setting(python, last, allocator)
             for python in args.python for allocator in (False, True) for last in (False, True)]
    wanted = args.settings if args.settings is not None else range(len(every))
    return [s for i, s in enumerate(every) if i == 0 or i in wanted]


def images(row):
    return float(row["images_per_s"])


def measure(runs, args, net):
    """{setting: [(ours, theirs) of each round]}, and {phase: fastest setting}. The first look at
    every setting chooses; it enters no ratio."""
    batch, steps, options, _ = JOBS[net]
    every = settings(args)
    first = {s: s.run(runs, net, net, batch, steps) for s in every}
    best = {phase: max(every, key=lambda s: images(first[s][phase])) for phase in PHASES}
    rounds = {setting: [] for setting in dict.fromkeys((*best.values(), every[0]))}
    for _ in range(args.rounds):
        for setting, pairs in rounds.items():
            pairs.append((ours(runs, net, args, options, batch, steps),
                          setting.run(runs, net, net, batch, steps)))
    return first, rounds, best


def ratio(pairs, phase):
    return statistics.median(images(a[phase]) / images(b[phase]) for a, b in pairs)


def verdict(value, target, at_most=False):
    if target is None:
        return "none"
    met = value <= target if at_most else value >= target
    return f"{'<=' if at_most else '>='} {target:g}: {'met' if met else 'NOT MET'}"


def speed_lines(net, phase, pairs, who, setting):
    speeds = [statistics.median(images(row[phase]) for row in side) for side in zip(*pairs)]
    value = ratio(pairs, phase)
    return (f"{net}, {phase}, images/s", f"{speeds[0]:.1f}",
            f"{speeds[1]:.1f} ({who}: {setting.name})", f"{value:.2f} ({len(pairs)} rounds)",
            verdict(value, JOBS[net][3].get(f"{phase}_{who}")))


def memory_line(net, phase, first, rounds):
    mine = max(float(a[phase]["peak_mib"]) for pairs in rounds.values() for a, _ in pairs)
    least, who = min((float(row[phase]["peak_mib"]), s.name) for s, row in first.items())
    target = None if JOBS[net][3] is ANY else MEMORY
    return (f"{net}, {phase}, peak MiB", f"{mine:.0f}", f"{least:.0f} (least: {who})",
            f"{mine / least:.2f}", verdict(mine / least, target, at_most=True))


def lines(net, first, rounds, best):
    """Rows of the table: job, ours, theirs, ratio, target."""
    result = []
    for phase in PHASES:
        for who, setting in (("best", best[phase]), ("default", next(iter(first)))):
            result.append(speed_lines(net, phase, rounds[setting], who, setting))
        result.append(memory_line(net, phase, first, rounds))
    return result


def table(rows):
    head = ["| job | ResLab | PyTorch | ratio | target |", "|---|--:|--:|--:|---|"]
    return "\n".join(head + [f"| {' | '.join(row)} |" for row in rows]) + "\n"


def parse():
    here = os.path.dirname(os.path.abspath(__file__))
    names = [*JOBS, *alone.ROWS]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--columns", default="conv=winograd", help="of ours, as --set takes them")
    parser.add_argument("--python", action="append", help="with torch; may be given again")
    parser.add_argument("--settings", type=int, nargs="+",
                        help="which ways of running PyTorch: 4 for each --python; left out: all")
    parser.add_argument("--verify", default="quick", help="as `harness bench` takes it")
    parser.add_argument("--harness",
                        default=os.path.join(here, "..", "..", "build", "bin", "harness"))
    parser.add_argument("--csv", help="every run; appended to")
    parser.add_argument("--out", help="the table, instead of stdout")
    args = parser.parse_args()
    args.python = args.python or ["/usr/bin/python3"]
    if args.rounds < 1:
        parser.error("--rounds: at least 1")
    return args


def main():
    args = parse()
    rows, failed = [], False
    with Runs(args.csv, args.threads) as runs:
        for name in args.rows:
            try:
                if name in JOBS:
                    rows += lines(name, *measure(runs, args, name))
                else:
                    rows += alone.ROWS[name](runs, args)
            except Failed as failure:
                failed = True
                print(failure, file=sys.stderr)
                rows.append((name, "failed", "", "", "NOT MEASURED"))
    text = table(rows)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")
    sys.exit(failed)


if __name__ == "__main__":
    main()
