"""Single runs of ResLab and PyTorch for targets.py: commands, checked results, a CSV of them all."""
import csv
import io
import math
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = ["time", "load", "job", "who", "phase", "threads", "batch", "ms_median", "images_per_s",
          "peak_mib"]
NUMBERS = ("ms_median", "images_per_s", "peak_mib")


class Failed(Exception):
    """A run without a number: what it said."""


class Runs:
    """Runs commands, notes the load before each and every result."""

    def __init__(self, path, threads):
        self.threads = threads
        new = not path or not os.path.exists(path)
        self.file = open(path, "a", newline="", encoding="utf-8") if path else None
        self.csv = csv.DictWriter(self.file, FIELDS) if path else None
        if self.csv and new:
            self.csv.writeheader()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()

    def command(self, command, environment=None):
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              env={**os.environ, **(environment or {})})
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def note(self, job, who, load, phase, row):
        print(f"{job:12} {phase:6} {float(row['ms_median']):10.2f} ms {row['peak_mib']:>6} MiB "
              f"load {load:.2f}  {who}", file=sys.stderr)
        if self.csv:
            self.csv.writerow({"time": time.strftime("%H:%M:%S"), "load": f"{load:.2f}",
                               "job": job, "who": who, "phase": phase,
                               **{key: row[key] for key in FIELDS if key in row}})
            self.file.flush()

    def phases(self, job, who, command, environment=None):
        """{phase: row} of a program that prints a CSV row for each phase."""
        load = os.getloadavg()[0]
        rows = {row["phase"]: row
                for row in csv.DictReader(io.StringIO(self.command(command, environment)))}
        for phase, row in rows.items():
            if not all(0 < float(row[key]) < math.inf for key in NUMBERS):
                raise Failed(f"{' '.join(command)}: no measurement: {row}")
            self.note(job, who, load, phase, row)
        return rows


def with_columns(options, columns):
    return [*options, "--set", columns] if columns else list(options)


def ours(runs, job, args, options, batch, steps, threads=None, phase="both"):
    rows = runs.phases(job, "reslab", [
        args.harness, "bench", "--backend", "cpu", *with_columns(options, args.columns),
        "--batch", str(batch), "--steps", str(steps), "--threads", str(threads or args.threads),
        "--phase", phase, "--verify", args.verify])
    for row in rows.values():
        if int(row["verified_images"]) < 1:
            raise Failed(f"{job}: not checked against the oracle")
    return rows


def theirs(runs, job, who, python, net, batch, steps, channels_last, environment):
    command = [python, os.path.join(HERE, "torch_bench.py"), "--net", net, "--batch", str(batch),
               "--threads", str(runs.threads), "--steps", str(steps), "--warmup", "2"]
    return runs.phases(job, who, command + (["--channels-last"] if channels_last else []),
                       environment)
