"""TensorBoard's own reader finds in a run's log what curves.csv says.

tensorboard_reads.py HARNESS SMOKE.csv
"""

import csv
import glob
import math
import os
import subprocess
import sys
import tempfile

from tensorboard.backend.event_processing import event_accumulator, event_multiplexer

NAMES = ["lr", "train_loss", "train_error_pct", "train_eval_loss", "train_eval_error_pct",
         "test_loss", "test_error_pct"]
WINDOW = ["window/error_pct", "window/images_per_s", "window/loss", "window/lr"]


def check(truth, message):
    if not truth:
        sys.exit("FAILED: " + message)


def train(harness, smoke, folder):
    command = [harness, "run", smoke, "--rows", "1,3", "--threads", "1", "--no-plot", "--quiet",
               "--out", os.path.join(folder, "out"), "--tensorboard", os.path.join(folder, "logs")]
    done = subprocess.run(command, capture_output=True, text=True)
    if "harness data fetch" in done.stderr:
        print("SKIPPED: " + done.stderr)
        sys.exit(77)
    check(done.returncode == 0, done.stderr)


def compare(scalars, rows):
    check(sorted(scalars.Tags()["scalars"]) == sorted(NAMES + WINDOW),
          "tags %s" % scalars.Tags()["scalars"])
    for name in NAMES:
        events = scalars.Scalars(name)
        check([e.step for e in events] == [int(r["iteration"]) for r in rows], name + ": steps")
        for event, row in zip(events, rows):
            expected = float(row[name])
            # percentages have four decimals in the table, and all are floats in the log
            room = 5.1e-5 if name.endswith("pct") else 1e-6 * abs(expected)
            check(math.isfinite(event.value) and abs(event.value - expected) <= room,
                  "%s at %d: %r, curves.csv %r" % (name, event.step, event.value, expected))
            check(event.wall_time > 1.7e9, "wall time")


def main():
    harness, smoke = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        train(harness, smoke, folder)
        with open(os.path.join(folder, "out", "curves.csv"), newline="") as file:
            curves = list(csv.DictReader(file))
        runs = event_multiplexer.EventMultiplexer().AddRunsFromDirectory(
            os.path.join(folder, "logs")).Reload().Runs()
        keys = {row["key"] for row in curves}
        check(len(runs) == len(keys) == 2, "runs %s of %s" % (sorted(runs), sorted(keys)))
        for key in keys:
            logs = glob.glob(os.path.join(folder, "logs", "*-" + key))
            check(len(logs) == 1, "folders of %s: %s" % (key, logs))
            scalars = event_accumulator.EventAccumulator(logs[0]).Reload()
            compare(scalars, [row for row in curves if row["key"] == key])
    print("TensorBoard read %d runs with %d evaluations" % (len(keys), len(curves)))


if __name__ == "__main__":
    main()
