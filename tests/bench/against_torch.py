#!/usr/bin/env python3
"""ResLab against PyTorch in the same minutes: ours, theirs, ours, theirs, ...; medians and ratios.

    python3 tests/bench/against_torch.py [--rounds 3] [--depths 20 56] [--python /usr/bin/python3]

Prints a CSV row for every run and then, per net and phase, the median images/s of both, the median
of the ratios round by round, and the peak memory of both. The load before each round is in the rows.
"""
import argparse
import csv
import io
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def rows(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--rounds", type=int, default=3)
    args.add_argument("--depths", type=int, nargs="+", default=[20, 56])
    args.add_argument("--family", default="resnet")
    args.add_argument("--batch", default="128")
    args.add_argument("--threads", default="2")
    args.add_argument("--steps", default="15")
    args.add_argument("--harness", default=os.path.join(HERE, "..", "..", "build", "bin", "harness"))
    args.add_argument("--python", default="/usr/bin/python3")
    args.add_argument("--channels-last", action="store_true")
    args = args.parse_args()
    common = ["--batch", args.batch, "--threads", args.threads, "--steps", args.steps]
    results = {}
    print("round,load,who,net,phase,ms_median,images_per_s,peak_mib")
    for round_number in range(1, args.rounds + 1):
        for depth in args.depths:
            ours = [args.harness, "bench", "--backend", "cpu",
                    "--set", f"depth={depth},family={args.family}"] + common
            theirs = [args.python, os.path.join(HERE, "torch_bench.py"), "--depth", str(depth),
                      "--family", args.family] + common
            theirs += ["--channels-last"] if args.channels_last else []
            for who, command in (("reslab", ours), ("torch", theirs)):
                load = os.getloadavg()[0]
                for row in rows(command):
                    print(f"{round_number},{load:.2f},{who},{row['net']},{row['phase']},"
                          f"{row['ms_median']},{row['images_per_s']},{row['peak_mib']}", flush=True)
                    key = (row["net"], row["phase"])
                    results.setdefault(key, {}).setdefault(who, []).append(row)
    print("\nnet,phase,reslab_images_per_s,torch_images_per_s,ratio_median,reslab_mib,torch_mib")
    for (net, phase), who in results.items():
        speed = {w: [float(r["images_per_s"]) for r in who[w]] for w in who}
        ratios = [a / b for a, b in zip(speed["reslab"], speed["torch"])]
        peak = {w: max(float(r["peak_mib"]) for r in who[w]) for w in who}
        print(f"{net},{phase},{statistics.median(speed['reslab']):.0f},"
              f"{statistics.median(speed['torch']):.0f},{statistics.median(ratios):.2f},"
              f"{peak['reslab']:.0f},{peak['torch']:.0f}")


if __name__ == "__main__":
    main()
